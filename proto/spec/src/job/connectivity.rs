//! The line between two solutions.

use crate::{Fingerprint, outcome::Split, settings::Recipe};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Evaluate networks on the straight line between two solutions (arXiv 1912.05671, section 2): weights
/// `(1 - alpha) a + alpha b`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectivityJob {
    /// Network, data, numerics; the rest of it says how the ends were trained.
    pub recipe: Arc<Recipe>,
    /// The training jobs whose [`super::Output::Weights`] are the ends, at alpha 0 and 1.
    pub ends: [Fingerprint; 2],
    /// How many values of alpha, evenly spaced over [0, 1], both ends included; at least 2.
    pub alphas: u32,
    /// What is evaluated on. `train` is the whole training split, without augmentation.
    pub on: Vec<Split>,
    /// Which running statistics an interpolated network gets; all of them are evaluated.
    pub bn: Vec<BatchStatistics>,
}

/// Where the BatchNorm statistics of an interpolated network come from. A network without
/// BatchNorm has none, and is the same by every convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatistics {
    /// Interpolated like the weights.
    Interpolate,
    /// The mean of those of the training examples' batches.
    Recompute,
}

impl BatchStatistics {
    /// Its name in SQL and in sweep files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interpolate => "interpolate",
            Self::Recompute => "recompute",
        }
    }
}

impl ConnectivityJob {
    /// The values of alpha, in order.
    pub fn grid(&self) -> Vec<f64> {
        let last = f64::from(self.alphas.saturating_sub(1).max(1));
        (0..self.alphas).map(|index| f64::from(index) / last).collect()
    }

    /// Every point that is evaluated, in the order of the outcome's curve.
    pub fn points(&self) -> Vec<(BatchStatistics, f64, Split)> {
        let along = |&bn: &BatchStatistics| self.grid().into_iter().map(move |alpha| (bn, alpha));
        let lines = self.bn.iter().flat_map(along);
        lines.flat_map(|(bn, alpha)| self.on.iter().map(move |&split| (bn, alpha, split))).collect()
    }
}
