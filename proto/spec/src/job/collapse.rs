//! The search for the compression at which a layer loses its last weight.

use super::{Drawn, Network, PruneJob, Scored, Stream};
use crate::{
    arch::Architecture,
    settings::{Amount, Criterion, Prune, Scope, ScoreData},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Find how far a criterion can compress a network at initialization, all layers ranked together, before one of them loses its
/// last weight: its critical compression (arXiv 2006.05467, section 3). Nothing is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollapseJob {
    /// The network.
    pub network: Network,
    /// What ranks the weights.
    pub criterion: Criterion,
    /// The weights that are scored.
    pub drawn: Drawn,
    /// Examples, of a criterion that looks at some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<ScoreData>>,
    /// Key of the tie-breaking stream, and of scores that are drawn.
    pub ties: Stream,
    /// First exponent tried: compressions are powers of ten.
    pub from: f64,
    /// Last one.
    pub to: f64,
    /// Distance between exponents.
    pub step: f64,
    /// Distance between those tried after the first collapse, between it and the last one without; 0 = none.
    pub refine: f64,
}

impl CollapseJob {
    /// The exponents of the scan, increasing.
    pub fn grid(&self) -> Vec<f64> {
        let steps = ((self.to - self.from) / self.step + 1e-9).floor().max(0.0) as u32;
        (0..=steps).map(|index| tidy(self.from + f64::from(index) * self.step)).collect()
    }

    /// The exponents of the refinement, increasing: between one that no layer dies at and the next tried, at which one does.
    pub fn between(&self, alive: f64, collapsed: f64) -> Vec<f64> {
        if self.refine <= 0.0 {
            return Vec::new();
        }
        let steps = ((collapsed - alive) / self.refine - 1e-9).ceil().max(1.0) as u32;
        (1..steps).map(|index| tidy(alive + f64::from(index) * self.refine)).collect()
    }

    /// The prune step to a compression of 10^`exponent`: the search is what these would do one by one.
    pub fn cut(&self, exponent: f64) -> PruneJob {
        let amount = Amount::Density(libm::pow(10.0, -exponent));
        let (criterion, scope) = (self.criterion, Scope::Global);
        PruneJob {
            network: self.network.clone(),
            rule: Prune::new(criterion, scope, amount),
            weights: Scored::Drawn(self.drawn.clone()),
            initial: None,
            data: self.data.clone(),
            mask: None,
            scores: None,
            ties: self.ties.clone(),
        }
    }
}

/// The largest compression without an empty layer, one weight left in each, as a power of ten.
pub fn greatest_compression(architecture: &Architecture) -> f64 {
    libm::log10(architecture.weight_count() as f64 / architecture.weights().len() as f64)
}

/// Without what sums of binary fractions leave in the last digits.
fn tidy(exponent: f64) -> f64 {
    (exponent * 1e9).round() / 1e9
}
