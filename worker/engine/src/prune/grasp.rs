//! GraSP: how much less the gradient would flow without a weight, weight x Hg (Wang et al., arXiv 2002.07376, equation 8).
//!
//! Hessian H and gradient g are of the loss by the weights alone, as in both known implementations, and g is a constant to
//! the second derivative. The paper's score is -weight x Hg, and its highest go.

use super::{Criterion, Subject, gradients::Masked};
use crate::{error::Result, mask::Mask};
use tombola_spec::settings::GraspSign;

/// weight x Hg of a loss whose logits are divided by a temperature.
pub(super) struct Grasp {
    pub(super) temperature: f64,
    pub(super) sign: GraspSign,
}

impl Criterion for Grasp {
    fn score(&self, subject: &Subject, mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let (network, examples) = (Masked::new(subject, mask)?, subject.examples()?);
        let gradients = network.loss_gradients(examples, self.temperature)?;
        let curved = network.hessian_times(&gradients, examples, self.temperature)?;
        let sign = match self.sign {
            GraspSign::Paper => 1.0,
            GraspSign::Opposite => -1.0,
        };
        network.read(&curved, |curved, weight| sign * weight * curved)
    }
}
