//! SynFlow: how much of the flow from inputs to outputs goes through a weight (Tanaka et al., arXiv 2006.05467,
//! Algorithm 1). Scored anew in each of many iterations, so that no layer is ever emptied before its last weight.

use super::{
    Criterion, Subject,
    gradients::{Masked, sizes},
};
use crate::{error::Result, mask::Mask};
use tombola_spec::settings::CutSchedule;

/// gradient x weight of the summed outputs, all parameters made positive, on an input of ones.
pub(super) struct Synflow {
    pub(super) iterations: u32,
    pub(super) schedule: CutSchedule,
}

impl Criterion for Synflow {
    fn score(&self, subject: &Subject, mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let network = Masked::positive(subject, mask)?;
        let gradients = network.flow_gradients()?;
        Ok(sizes(network.times_weights(&gradients)?))
    }

    fn iterations(&self) -> u32 {
        self.iterations
    }

    fn living_after(&self, done: u32, all: f64, goal: f64) -> f64 {
        if done >= self.iterations {
            return goal;
        }
        let part = f64::from(done) / f64::from(self.iterations);
        match self.schedule {
            CutSchedule::Exponential => all * libm::pow(goal / all, part),
            CutSchedule::Linear => all - (all - goal) * part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Densities of the paper's schedules for a compression of 100 in 100 iterations.
    #[test]
    fn density_falls_as_the_schedule_says() {
        let after = |schedule, done| {
            Synflow { iterations: 100, schedule }.living_after(done, 1_000_000.0, 10_000.0).round() as u64
        };
        assert_eq!(
            [1, 50, 100].map(|done| after(CutSchedule::Exponential, done)),
            [954_993, 100_000, 10_000]
        );
        assert_eq!([1, 50, 100].map(|done| after(CutSchedule::Linear, done)), [990_100, 505_000, 10_000]);
    }
}
