//! When checkpoints are written.

use super::lane::Lane;
use std::time::{Duration, Instant};

/// Checkpoints are kept at least this many times their own cost apart, so that they never take more than 5 % of the time.
const COST_FACTOR: u32 = 20;

/// How often lanes are checkpointed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckpointRule {
    /// At least this long apart.
    pub every: Duration,
    /// Instead of by time: whenever a lane's iteration is a multiple of this.
    pub every_iterations: Option<u64>,
}

impl Default for CheckpointRule {
    fn default() -> Self {
        Self { every: Duration::from_secs(60), every_iterations: None }
    }
}

/// The rule at work on one pack.
pub(crate) struct Checkpoints {
    rule: CheckpointRule,
    last: Instant,
    cost: Duration,
}

impl Checkpoints {
    /// The rule, from now on.
    pub(crate) fn new(rule: CheckpointRule) -> Self {
        Self { rule, last: Instant::now(), cost: Duration::ZERO }
    }

    /// Whether it is time.
    pub(crate) fn due(&self, lanes: &[Lane]) -> bool {
        match self.rule.every_iterations {
            None => self.last.elapsed() >= self.rule.every.max(self.cost * COST_FACTOR),
            Some(every) => lanes
                .iter()
                .filter(|lane| !lane.ended)
                .any(|lane| lane.iteration != lane.saved && lane.iteration.is_multiple_of(every.max(1))),
        }
    }

    /// Iterations until a checkpoint that is due by count.
    pub(crate) fn until_forced(&self, lane: &Lane) -> u64 {
        self.rule.every_iterations.map_or(u64::MAX, |every| every.max(1) - lane.iteration % every.max(1))
    }

    /// A round of checkpoints, begun at `begun`, is on disk.
    pub(crate) fn written(&mut self, begun: Instant) {
        self.last = Instant::now();
        self.cost = begun.elapsed();
    }
}
