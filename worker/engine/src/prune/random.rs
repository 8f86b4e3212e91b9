//! Random pruning, the baseline of all others.

use super::{ChannelCriterion, Criterion, Subject};
use crate::{error::Result, mask::Mask};
use tombola_spec::arch::Units;

/// All weights, or channels, score alike: the selector's lot, drawn for each, decides.
pub(super) struct Lots;

impl Criterion for Lots {
    fn score(&self, subject: &Subject, _mask: &Mask) -> Result<Vec<Vec<f64>>> {
        Ok(subject.architecture.weights().iter().map(|tensor| vec![0.0; tensor.len()]).collect())
    }

    fn draws_lots(&self) -> bool {
        true
    }
}

impl ChannelCriterion for Lots {
    fn score(&self, _subject: &Subject, units: &[Units]) -> Result<Vec<Vec<f64>>> {
        Ok(units.iter().map(|units| vec![0.0; units.count as usize]).collect())
    }

    fn draws_lots(&self) -> bool {
        true
    }
}
