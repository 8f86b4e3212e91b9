//! What happened last, in words: kept only while a failing schedule is told again, because words cost more than the schedule.

use std::{collections::VecDeque, time::Duration};

/// Lines kept.
const LAST: usize = 120;

/// The last lines of a schedule.
#[derive(Debug, Default)]
pub(crate) struct Story {
    told: bool,
    lines: VecDeque<String>,
}

impl Story {
    /// A story that is told, or not.
    pub(crate) fn new(told: bool) -> Self {
        Self { told, lines: VecDeque::new() }
    }

    /// Adds a line.
    pub(crate) fn tell(&mut self, now: Duration, line: impl FnOnce() -> String) {
        if !self.told {
            return;
        }
        if self.lines.len() == LAST {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:>9.3} s  {}", now.as_secs_f64(), line()));
    }

    /// The last lines, oldest first.
    pub(crate) fn lines(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
