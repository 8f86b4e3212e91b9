//! Magnitude: small weights go (arXiv 1803.03635, section 1).

use super::{Criterion, Subject, gradients::sizes};
use crate::{error::Result, mask::Mask};

/// |weight|
pub(super) struct Magnitude;

impl Criterion for Magnitude {
    fn score(&self, subject: &Subject, _mask: &Mask) -> Result<Vec<Vec<f64>>> {
        Ok(sizes(subject.weights()?))
    }
}
