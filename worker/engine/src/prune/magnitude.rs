//! Magnitude: small weights go (arXiv 1803.03635, section 1).

use super::{Criterion, Subject};
use crate::{error::Result, mask::Mask};

/// |weight|
pub(super) struct Magnitude;

impl Criterion for Magnitude {
    fn score(&self, subject: &Subject, _mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let mut scores = subject.weights()?;
        scores.iter_mut().flatten().for_each(|weight| *weight = weight.abs());
        Ok(scores)
    }
}
