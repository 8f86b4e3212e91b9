//! Taking in files of people's own.

use super::{Input, Network, Output};
use crate::{Fingerprint, outcome::Artifact};
use serde::{Deserialize, Serialize};

/// Read a safetensors file that people made, check it against the network, and keep it as if a job had made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportJob {
    /// The network.
    pub network: Network,
    /// The file; it has a tensor under each of PyTorch's names.
    pub file: Artifact,
    /// What it holds: [`Output::Weights`], [`Output::Mask`] or [`Output::Scores`].
    pub holds: Output,
    /// Of a mask: the share of all weights that lives by it, as the sweep says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
}

impl ImportJob {
    /// The key under which a lease names the file. No job makes it, so that its own digest stands for one.
    pub fn input(&self) -> Input {
        Input { job: Fingerprint(self.file.digest), output: self.holds }
    }
}
