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

impl CheckpointRule {
    /// Time between checkpoints of which a round costs `cost`.
    fn apart(&self, cost: Duration) -> Duration {
        self.every.max(cost * COST_FACTOR)
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
            None => self.last.elapsed() >= self.rule.apart(self.cost),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_take_at_most_a_twentieth_of_the_time() {
        let rule = CheckpointRule::default();
        let apart = |cost| rule.apart(Duration::from_secs(cost)).as_secs();
        assert_eq!([0, 1, 3].map(apart), [60, 60, 60]);
        assert_eq!([4, 60].map(apart), [80, 1200]);
    }

    #[test]
    fn what_the_last_round_cost_puts_the_next_one_off() {
        let rule = CheckpointRule { every: Duration::from_secs(60), every_iterations: None };
        let ago =
            |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).expect("the machine is up");
        let after = |seconds, cost| Checkpoints { rule, last: ago(seconds), cost: Duration::from_secs(cost) };
        assert!(after(70, 1).due(&[]));
        assert!(!after(70, 10).due(&[]) && after(210, 10).due(&[]));
        let mut written = after(70, 1);
        written.written(ago(50));
        assert!(written.cost >= Duration::from_secs(50) && !written.due(&[]));
    }
}
