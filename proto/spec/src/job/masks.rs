//! Masks made of other masks.

use super::{Input, Network, Stream};
use serde::{Deserialize, Serialize};

/// Draw a random mask with the counts of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomMaskJob {
    /// The network.
    pub network: Network,
    /// The mask whose counts are kept.
    pub mask: Input,
    /// Which counts are kept.
    pub preserve: Preserve,
    /// Weight tensors that are left as they are: those no prune step cuts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<String>,
    /// Key of the shuffle's stream.
    pub stream: Stream,
}

/// What a random mask keeps of the mask it is drawn after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preserve {
    /// The number of living weights of each layer (arXiv 1803.03635, Figure 14).
    PerLayer,
    /// The number of all living weights, which may then live anywhere.
    Global,
    /// The number of all living weights, of which each layer gets its share by size.
    Even,
}

/// Make one mask of several of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinJob {
    /// The network.
    pub network: Network,
    /// The masks, at least one.
    pub masks: Vec<Input>,
    /// Which weights live.
    pub rule: Join,
}

/// Which weights live in a mask made of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Those that live in any.
    Union,
    /// Those that live in all.
    Intersection,
    /// Those that live in more than half.
    Majority,
}
