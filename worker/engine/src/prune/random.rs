//! Random pruning, the baseline of all others.

use super::{Criterion, Subject};
use crate::{error::Result, mask::Mask};

/// All weights score alike: the selector's lot, drawn for each weight, decides.
pub(super) struct Lots;

impl Criterion for Lots {
    fn score(&self, subject: &Subject, _mask: &Mask) -> Result<Vec<Vec<f64>>> {
        Ok(subject.architecture.weights().iter().map(|tensor| vec![0.0; tensor.len()]).collect())
    }

    fn draws_lots(&self) -> bool {
        true
    }
}
