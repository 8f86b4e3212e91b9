//! Adam with decoupled decay (arXiv 1711.05101, Algorithm 2), `torch.optim.AdamW`.
//!
//! w <- (1 - lr decay) w, then Adam's step with the gradient alone.

use super::{Pace, adam};

/// Adam's pace, and the shrinking of the weights.
pub(super) fn pace(lr: f64, decay: f64, beta1: f64, beta2: f64, update: u64) -> Pace {
    Pace { keep: 1.0 - lr * decay, ..adam::pace(lr, beta1, beta2, update) }
}
