//! SNIP: how much the loss feels that a weight is there, |gradient x weight| (Lee et al., arXiv 1810.02340, section 4). The
//! paper divides by the sum of all, which changes no ranking. And its part, the gradient alone.

use super::{Criterion, Subject, gradients::Masked};
use crate::{error::Result, mask::Mask};

/// |gradient x weight|
pub(super) struct Snip;

/// |gradient|
pub(super) struct Gradient;

impl Criterion for Snip {
    fn score(&self, subject: &Subject, mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let network = Masked::new(subject, mask)?;
        let gradients = network.loss_gradients(subject.examples()?, 1.0)?;
        network.read(&gradients, |gradient, weight| (gradient * weight).abs())
    }
}

impl Criterion for Gradient {
    fn score(&self, subject: &Subject, mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let network = Masked::new(subject, mask)?;
        let gradients = network.loss_gradients(subject.examples()?, 1.0)?;
        network.read(&gradients, |gradient, _| gradient.abs())
    }
}
