//! How a network is trained.

use crate::Steps;
use serde::{Deserialize, Serialize};

/// Optimizer and schedule of a training run. Its length is not here: a job says from where to where it trains, so that
/// runs of different lengths share their beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Train {
    /// Examples per iteration. The last partial batch of an epoch is dropped.
    pub batch: u32,
    /// Update rule.
    pub optimizer: Optimizer,
    /// Base learning rate.
    pub lr: f64,
    /// L2 penalty added to the gradient (of biases too, as PyTorch does).
    pub decay: f64,
    /// The learning rate is multiplied by `gamma` at each of these points.
    pub milestones: Vec<Steps>,
    /// Factor at milestones.
    pub gamma: f64,
    /// Linear warm-up from 0: lr * min(1, it / warmup). Zero = none.
    pub warmup: Steps,
    /// Evaluate on validation and test every so often (and at start and end).
    pub eval_every: Steps,
    /// Whether rounds see the same batches.
    pub order: Order,
}

impl Train {
    /// Iterations per epoch on `examples` training examples.
    pub fn iterations_per_epoch(&self, examples: u32) -> u64 {
        u64::from(examples / self.batch.max(1))
    }

    /// Learning rate at iteration `it` (0-based, before the update), as open_lth does it.
    pub fn lr_at(&self, it: u64, per_epoch: u64) -> f64 {
        let passed = self.milestones.iter().filter(|m| m.iterations(per_epoch) <= it).count();
        let warmup = self.warmup.iterations(per_epoch);
        let ramp = if warmup == 0 { 1.0 } else { (it as f64 / warmup as f64).min(1.0) };
        self.lr * self.gamma.powi(passed as i32) * ramp
    }
}

/// Update rule, with its own constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Optimizer {
    /// Stochastic gradient descent with heavy-ball or Nesterov momentum (PyTorch's form).
    Sgd {
        /// Momentum; 0 = none.
        momentum: f64,
        /// Nesterov's look-ahead.
        nesterov: bool,
    },
    /// Adam with bias correction (PyTorch's form).
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the denominator.
        eps: f64,
    },
}

impl Optimizer {
    /// Its name in a sweep file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::Adam { .. } => "adam",
        }
    }

    /// PyTorch's names of what it remembers of each parameter.
    pub const fn buffers(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } => &["momentum_buffer"],
            Self::Adam { .. } => &["exp_avg", "exp_avg_sq"],
        }
    }
}

/// Training noise between rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Each round draws its own data order.
    Fresh,
    /// Every round of a trial sees the batches in the same order.
    Same,
}
