//! What analyses of masks learn.

use serde::{Deserialize, Serialize};

/// Where a network collapses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollapseSummary {
    /// Name of the criterion.
    pub criterion: String,
    /// Every compression tried, increasing.
    pub points: Vec<CollapsePoint>,
    /// Exponent of the largest compression without an empty layer that any criterion could reach.
    pub greatest: f64,
    /// Floating-point operations of scoring.
    pub flops: u64,
    /// Seconds it took on the device.
    pub device_seconds: f64,
}

/// A compression tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollapsePoint {
    /// It is 10 to this power.
    pub exponent: f64,
    /// Weights left.
    pub living: u64,
    /// Weight tensors of which nothing is left, in the order of the architecture.
    pub emptied: Vec<String>,
}

impl CollapseSummary {
    /// The largest exponent tried that leaves something of every layer, if there is one below the first collapse. Counts of
    /// weights are rounded, so that a step beyond the greatest compression may leave one in each layer after all: it is that.
    pub fn last_alive(&self) -> Option<f64> {
        let alive = self.points.iter().take_while(|point| point.emptied.is_empty());
        alive.map(|point| point.exponent.min(self.greatest)).last()
    }

    /// The smallest exponent tried at which a layer is emptied.
    pub fn first_collapse(&self) -> Option<&CollapsePoint> {
        self.points.iter().find(|point| !point.emptied.is_empty())
    }
}

/// How far masks are from each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskDistanceSummary {
    /// Every pair.
    pub pairs: Vec<MaskPair>,
    /// Seconds it took.
    pub device_seconds: f64,
}

/// Two masks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskPair {
    /// Their numbers in the job.
    pub masks: [u32; 2],
    /// Each weight tensor, or each layer that has channels, in the order of the architecture.
    pub layers: Vec<LayerPair>,
}

/// One weight tensor, or the channels of one layer, in two masks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPair {
    /// Its name.
    pub name: String,
    /// Weights, or channels, that live in the first and in the second mask.
    pub living: [u64; 2],
    /// Those that live in both.
    pub both: u64,
    /// All of them.
    pub total: u64,
}

/// Where a search found a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundTicket {
    /// Epochs trained before.
    pub epoch: u32,
    /// Iterations trained before.
    pub iteration: u64,
    /// Every comparison made, later ones too where training went on.
    pub pairs: Vec<EpochPair>,
}

/// How far the masks of two epochs are from each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochPair {
    /// Epochs trained before each was drawn, the earlier first.
    pub epochs: [u32; 2],
    /// The share of units in which they differ.
    pub distance: f64,
}
