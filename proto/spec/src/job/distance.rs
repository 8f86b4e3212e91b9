//! The comparison of masks.

use super::{Input, Network};
use crate::settings::Unit;
use serde::{Deserialize, Serialize};

/// Compare masks of one network, each with each: how many weights, or channels, live in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskDistanceJob {
    /// The network.
    pub network: Network,
    /// The masks; results number them from 0 in this order.
    pub masks: Vec<Input>,
    /// What is counted.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub unit: Unit,
}

impl MaskDistanceJob {
    /// Every pair that is compared: numbers of its masks, the lesser one first.
    pub fn pairs(&self) -> impl Iterator<Item = [u32; 2]> + use<> {
        let count = self.masks.len() as u32;
        (0..count).flat_map(move |first| (first + 1..count).map(move |second| [first, second]))
    }
}
