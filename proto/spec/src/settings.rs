//! Resolved settings of a training run: every field has a value, nothing is left to a default further down.

mod data;
mod frozen;
mod prune;
mod train;

pub use self::{
    data::{Augment, Data, Half, Noise, Subset},
    frozen::Frozen,
    prune::{
        Amount, Comparison, Counting, Criterion, CutSchedule, GraspSign, Prune, Scope, ScoreData, ScoreMode,
        Signs, Unit,
    },
    train::{Optimizer, Order, Partial, Schedule, Train},
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// open_lth's name grammar, such as `mnist_lenet_300_100`.
    pub name: String,
    /// Distribution of the weights at initialization.
    pub init: Init,
    /// Distribution of the biases at initialization.
    pub bias_init: BiasInit,
    /// Distribution of batch normalization's scales at initialization.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub bn_init: BatchNormInit,
    /// Share of the outputs of hidden linear layers that a training step leaves out, 0..1; the rest is scaled up for it
    /// (arXiv 1803.03635, section 3: 0.5).
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub dropout: f64,
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

/// Number format of training arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// 64-bit floats, for tests of exactness.
    F64,
    /// Mixed precision: convolutions and linear layers compute in bfloat16, forward and backward; everything else, and all
    /// that is kept, is 32-bit floats.
    Bf16,
    /// 32-bit floats whose products may be rounded to TF32 (10 bits of mantissa) by devices that have it: NVIDIA's GPUs since
    /// 2020. Elsewhere the same as `f32`.
    Tf32,
}

impl Dtype {
    /// The format of what is kept: parameters, optimizer state, statistics, files.
    #[must_use]
    pub const fn kept(self) -> Self {
        match self {
            Self::F32 | Self::Bf16 | Self::Tf32 => Self::F32,
            Self::F64 => Self::F64,
        }
    }
}

impl Recipe {
    /// The layer list of this recipe's model on this recipe's data, dropout included.
    ///
    /// # Errors
    /// When the name is not in the grammar of any family.
    pub fn architecture(&self) -> Result<Architecture, SpecError> {
        let network = self.network().architecture()?;
        Ok(if self.model.dropout > 0.0 { network.with_dropout() } else { network })
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

    /// Examples that iterations `from`..`to` see, each time counted.
    pub fn examples_between(&self, from: u64, to: u64) -> u64 {
        let before = |it| self.train.examples_before(it, self.data.train_examples());
        before(to).saturating_sub(before(from))
    }

    /// Examples that iteration `it` sees.
    pub fn batch_at(&self, it: u64) -> u32 {
        self.examples_between(it, it.saturating_add(1)) as u32
    }
}
