//! The scheduler's time, and how long to wait after failures.

use tokio::time::{Duration, Instant};

/// A step that took longer kept heartbeats waiting.
const DEAF: Duration = Duration::from_millis(500);
/// A failure that long after the one before is a first one again.
const CALM: Duration = Duration::from_secs(60);
/// Waits between attempts to lead again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Monotonic time that stands still while nobody could be heard: a worker is not lost because a disk was slow, or because
/// the coordinator was stopped or its machine slept.
#[derive(Debug)]
pub(super) struct Time {
    start: Instant,
    deaf: Duration,
    /// When the last step ended.
    idle_since: Instant,
}

impl Time {
    /// Begins at zero.
    pub(super) fn start() -> Self {
        let start = Instant::now();
        Self { start, deaf: Duration::ZERO, idle_since: start }
    }

    /// Time in which workers could be heard.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed().saturating_sub(self.deaf)
    }

    /// A step begins; returns when. Steps follow each other at least every `tick`: what is far longer was spent stopped, and
    /// what workers said meanwhile is still in the queue.
    pub(super) fn begin_step(&mut self, tick: Duration) -> Instant {
        let begun = Instant::now();
        let idle = begun.saturating_duration_since(self.idle_since);
        if idle > tick + DEAF {
            self.deaf += idle;
        }
        begun
    }

    /// Takes back a step that began at `begun`, if it was long. What passed before this time began is no part of it.
    pub(super) fn after_step(&mut self, begun: Instant) {
        self.idle_since = Instant::now();
        let took = self.idle_since.saturating_duration_since(begun.max(self.start));
        if took > DEAF {
            self.deaf += took;
        }
    }
}

/// Longer and longer waits. A success between two failures proves nothing: a commit that is refused whenever it comes up
/// has good ones around it.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    last: Option<Instant>,
}

impl Backoff {
    /// How long to wait after another failure; not at all after the first.
    pub(super) fn next(&mut self, now: Instant) -> Duration {
        let calm = self.last.replace(now).is_some_and(|last| now.saturating_duration_since(last) > CALM);
        let failures = if calm { 0 } else { self.failures };
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

    const TICK: Duration = Duration::from_millis(500);

    fn started(ago: Duration) -> Time {
        let start = Instant::now() - ago;
        Time { start, deaf: Duration::ZERO, idle_since: start }
    }

    #[test]
    fn a_coordinator_that_was_stopped_takes_no_time_from_workers() {
        let mut time = started(Duration::from_secs(60));
        time.begin_step(TICK);
        assert!(time.now() < Duration::from_secs(1), "{:?}", time.now());
        let mut time = started(TICK);
        time.begin_step(TICK);
        assert!(time.now() >= TICK, "an idle coordinator's time goes on");
    }

    #[test]
    fn a_long_step_takes_no_time_from_workers() {
        let mut time = started(Duration::from_secs(60));
        time.after_step(Instant::now() - Duration::from_secs(20));
        time.after_step(Instant::now() - Duration::from_millis(10));
        assert_eq!(time.now().as_secs(), 39 + u64::from(time.now() >= Duration::from_secs(40)));
    }

    /// The memory was folded anew at the end of the step.
    #[test]
    fn an_outage_does_not_stop_the_clock_that_began_after_it() {
        let mut time = Time::start();
        time.after_step(Instant::now() - Duration::from_secs(3600));
        time.start -= Duration::from_secs(10);
        assert!(time.now() >= Duration::from_secs(10), "{:?}", time.now());
    }

    #[test]
    fn waits_grow_until_a_minute_was_calm() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        let waits: Vec<u128> =
            (0..9).map(|s| backoff.next(start + Duration::from_secs(s)).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.next(start + Duration::from_secs(60)), LAST_WAIT);
        assert_eq!(backoff.next(start + Duration::from_secs(121)), Duration::ZERO);
    }
}
