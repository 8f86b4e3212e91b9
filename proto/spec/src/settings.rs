//! Resolved settings of a training run: every field has a value, nothing is left to a default further down.

mod data;
mod prune;
mod train;

pub use self::{
    data::{Augment, Data, Half, Noise, Subset},
    prune::{
        Amount, Comparison, Criterion, CutSchedule, GraspSign, Prune, Scope, ScoreData, ScoreMode, Signs,
        Unit,
    },
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
    /// Distribution of batch normalization's scales at initialization.
    #[serde(default, skip_serializing_if = "BatchNormInit::is_one")]
    pub bn_init: BatchNormInit,
}

/// Weight initialization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// N(0, 2 / (fan_in + fan_out)): the lottery ticket paper's (arXiv 1803.03635, Figure 2).
    GlorotNormal,
    /// N(0, 2 / fan_in): open_lth's and SynFlow's default.
    KaimingNormal,
    /// U(±sqrt(6 / fan_in)), of the same variance as [`Init::KaimingNormal`].
    KaimingUniform,
    /// Rows (or columns, if fewer) at right angles and of length 1 (arXiv 1312.6120).
    Orthogonal,
    /// ±sqrt(2 / fan_in), either sign equally likely.
    Binary,
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

/// Initialization of a batch normalization's scales (gamma); its shifts (beta) are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormInit {
    /// All 1: PyTorch's default.
    #[default]
    One,
    /// U(0, 1): open_lth's default.
    Uniform,
    /// All 0.5: the Early-Bird paper's.
    Half,
}

impl BatchNormInit {
    /// Whether it is what there was before it could be set.
    fn is_one(&self) -> bool {
        *self == Self::One
    }
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
