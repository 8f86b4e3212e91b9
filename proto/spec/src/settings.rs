//! Resolved settings of a training run: every field has a value, nothing is left to a default further down.

mod data;
mod train;

pub use self::{
    data::{Augment, Data, Half, Noise, Subset},
    train::{Optimizer, Order, Schedule, Train},
};

use crate::{SpecError, arch::Architecture, job::Network};
use serde::{Deserialize, Serialize};

/// What is trained, on what, and how. Shared by all jobs of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The network.
    pub model: Model,
    /// The data set and its split.
    pub data: Data,
    /// Optimizer and schedule.
    pub train: Train,
    /// Number format of the arithmetic.
    pub dtype: Dtype,
}

/// The network and how it is initialized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// open_lth's name grammar, such as `mnist_lenet_300_100`.
    pub name: String,
    /// Distribution of the weights at initialization.
    pub init: Init,
    /// Distribution of the biases at initialization.
    pub bias_init: BiasInit,
}

/// Weight initialization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// N(0, 2 / (fan_in + fan_out)): the lottery ticket paper's (arXiv 1803.03635, Figure 2).
    GlorotNormal,
    /// N(0, 2 / fan_in): open_lth's and SynFlow's default.
    KaimingNormal,
}

/// Bias initialization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BiasInit {
    /// All zero.
    Zero,
    /// U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's default.
    Uniform,
}

/// Number format of training arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// 64-bit floats, for tests of exactness.
    F64,
}

/// One prune step's rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prune {
    /// What ranks the weights.
    pub criterion: Criterion,
    /// Whether layers are cut together.
    pub scope: Scope,
    /// Fraction of the living weights removed per round, 0..1.
    pub rate: f64,
    /// Parameters cut on their own, each at its own rate (0 = never pruned); the rest follows `scope` and `rate`.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub rates: std::collections::BTreeMap<String, f64>,
}

/// Names of criteria. The engine has one file for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// |weight| after training: small ones go (arXiv 1803.03635, section 1).
    Magnitude,
}

/// Over what the weights are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Each layer loses its own fraction.
    PerLayer,
    /// One ranking over all layers.
    Global,
}

impl Recipe {
    /// The layer list of this recipe's model on this recipe's data.
    ///
    /// # Errors
    /// When the name is not in the grammar of any family.
    pub fn architecture(&self) -> Result<Architecture, SpecError> {
        self.network().architecture()
    }

    /// This recipe's model on this recipe's data.
    pub fn network(&self) -> Network {
        let (image, classes) = (self.data.shape.image, self.data.classes());
        Network { name: self.model.name.clone(), image, classes }
    }

    /// Iterations per epoch of this recipe.
    pub fn iterations_per_epoch(&self) -> u64 {
        self.train.iterations_per_epoch(self.data.train_examples())
    }
}
