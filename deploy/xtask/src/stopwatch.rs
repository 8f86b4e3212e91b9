//! Wall time of the parts of a command.

use std::time::{Duration, Instant};

use crate::shell::{Result, say};

/// Parts in the order they ran.
#[derive(Default)]
pub(crate) struct Stopwatch {
    parts: Vec<(&'static str, Duration)>,
}

impl Stopwatch {
    /// Runs and times one part, whether it succeeds or not.
    pub(crate) fn time<T>(&mut self, part: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = work();
        self.parts.push((part, start.elapsed()));
        result
    }

    /// One line for all parts and their sum.
    pub(crate) fn print(&self) {
        let total: Duration = self.parts.iter().map(|(_, time)| *time).sum();
        let parts: Vec<String> =
            self.parts.iter().map(|(part, time)| format!("{part} {}", human(*time))).collect();
        say(&format!("wall time: {} (total {})", parts.join(", "), human(total)));
    }
}

/// `0.4 s`, `12.0 s`, `3 min 05 s`.
pub(crate) fn human(time: Duration) -> String {
    if time.as_secs() < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_like_a_person_would_say_them() {
        assert_eq!(human(Duration::from_millis(430)), "0.4 s");
        assert_eq!(human(Duration::from_secs(185)), "3 min 05 s");
    }
}
