//! Magnitude: small weights go (arXiv 1803.03635, section 1).

use super::Criterion;

/// |weight| after training.
pub(super) struct Magnitude;

impl Criterion for Magnitude {
    fn score(&self, weights: &[&[f32]]) -> Vec<Vec<f32>> {
        weights.iter().map(|tensor| tensor.iter().map(|weight| weight.abs()).collect()).collect()
    }
}
