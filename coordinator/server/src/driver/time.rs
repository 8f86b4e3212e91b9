//! The scheduler's time, and how long to wait after failures.

use std::time::{Duration, Instant};

/// A step that took longer kept heartbeats waiting.
const DEAF: Duration = Duration::from_millis(500);
/// Waits between attempts to lead again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Monotonic time that stands still while nobody could be heard: a worker is not lost because a disk was slow.
#[derive(Debug)]
pub(super) struct Time {
    start: Instant,
    deaf: Duration,
}

impl Time {
    /// Begins at zero.
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), deaf: Duration::ZERO }
    }

    /// Time in which workers could be heard.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed().saturating_sub(self.deaf)
    }

    /// Takes back a step that began at `begun`, if it was long.
    pub(super) fn after_step(&mut self, begun: Instant) {
        let took = begun.elapsed();
        if took > DEAF {
            self.deaf += took;
        }
    }
}

/// Longer and longer waits, until something succeeds.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Something succeeded.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after another failure; not at all after the first.
    pub(super) fn next(&mut self) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        match failures {
            0 => Duration::ZERO,
            n => LAST_WAIT.min(FIRST_WAIT.saturating_mul(2u32.saturating_pow(n - 1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_takes_no_time_from_workers() {
        let mut time = Time::start();
        time.after_step(Instant::now() - Duration::from_secs(3600));
        assert_eq!(time.now(), Duration::ZERO);
        time = Time { start: Instant::now() - Duration::from_secs(60), deaf: Duration::ZERO };
        time.after_step(Instant::now() - Duration::from_secs(20));
        time.after_step(Instant::now() - Duration::from_millis(10));
        assert_eq!(time.now().as_secs(), 39 + u64::from(time.now() >= Duration::from_secs(40)));
    }

    #[test]
    fn waits_grow_until_something_succeeds() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(), Duration::ZERO);
    }
}
