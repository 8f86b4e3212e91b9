//! How a network is trained.

use super::Frozen;
use crate::Steps;
use serde::{Deserialize, Serialize};

/// Optimizer and schedule of a training run. Its length is not here: a job says from where to where it trains, so that
/// runs of different lengths share their beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Train {
    /// Examples per iteration.
    pub batch: u32,
    /// Update rule.
    pub optimizer: Optimizer,
    /// Base learning rate.
    pub lr: f64,
    /// L2 penalty added to the gradient (of biases too, as PyTorch does); AdamW shrinks the weights by it instead.
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
    /// What the learning rate does beside its milestones.
    #[serde(default, skip_serializing_if = "Schedule::is_step")]
    pub schedule: Schedule,
    /// Largest norm of a network's whole gradient, which is scaled down to it before decay is added; `None` = any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// What becomes of the examples of an epoch that do not fill a batch.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub partial: Partial,
    /// What is not trained, in order and each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Frozen>,
    /// L1 penalty on the scales of batch normalizations: so much times their sign is added to their gradient, before it is
    /// clipped (arXiv 1909.11957).
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub bn_l1: f64,
}

/// The last batch of an epoch, if it is not a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partial {
    /// Left out.
    #[default]
    Drop,
    /// An iteration of its own (open_lth).
    Keep,
}

/// Course of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Schedule {
    /// Constant between milestones. Knows no end, so that runs of different lengths share their beginning.
    #[default]
    Step,
    /// Half a cosine from the base learning rate down to `to` at `end` (arXiv 1608.03983, without restarts).
    Cosine {
        /// Learning rate at the end.
        to: f64,
        /// Where it is reached: the length of the whole run.
        end: Steps,
    },
    /// A straight line from the base learning rate to `to` at `end`.
    Linear {
        /// Learning rate at the end.
        to: f64,
        /// Where it is reached: the length of the whole run.
        end: Steps,
    },
}

impl Schedule {
    /// Whether milestones alone decide.
    pub fn is_step(&self) -> bool {
        *self == Self::Step
    }

    /// Learning rate at iteration `it`, for one of `base` that is reached at the end of a warm-up of `warmup` iterations.
    fn at(self, base: f64, it: u64, warmup: u64, per_epoch: u64) -> f64 {
        let passed = |end: Steps| {
            let length = end.iterations(per_epoch).saturating_sub(warmup);
            if length == 0 { 1.0 } else { (it.saturating_sub(warmup) as f64 / length as f64).min(1.0) }
        };
        match self {
            Self::Step => base,
            Self::Cosine { to, end } => {
                to + (base - to) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * passed(end)))
            }
            Self::Linear { to, end } => base + (to - base) * passed(end),
        }
    }
}

impl Train {
    /// A constant learning rate without decay, evaluated at both ends.
    pub fn plain(batch: u32, optimizer: Optimizer, lr: f64) -> Self {
        let (decay, milestones, gamma, warmup) = (0.0, Vec::new(), 1.0, Steps::ZERO);
        let (eval_every, order, schedule, clip) = (Steps::ZERO, Order::Fresh, Schedule::Step, None);
        let (partial, freeze, bn_l1) = (Partial::Drop, Vec::new(), 0.0);
        Self {
            batch,
            optimizer,
            lr,
            decay,
            milestones,
            gamma,
            warmup,
            eval_every,
            order,
            schedule,
            clip,
            partial,
            freeze,
            bn_l1,
        }
    }

    /// Iterations per epoch on `examples` training examples.
    pub fn iterations_per_epoch(&self, examples: u32) -> u64 {
        let batch = self.batch.max(1);
        u64::from(match self.partial {
            Partial::Drop => examples / batch,
            Partial::Keep => examples.div_ceil(batch),
        })
    }

    /// How many of `examples` have been seen before iteration `it`, each time counted.
    pub fn examples_before(&self, it: u64, examples: u32) -> u64 {
        let (batch, per_epoch) = (u64::from(self.batch), self.iterations_per_epoch(examples).max(1));
        // An epoch with its partial batch is all examples.
        let per = (per_epoch * batch).min(examples.into());
        (it / per_epoch).saturating_mul(per) + (it % per_epoch * batch).min(per)
    }

    /// Learning rate at iteration `it` (0-based, before the update); milestones and warm-up as open_lth has them.
    pub fn lr_at(&self, it: u64, per_epoch: u64) -> f64 {
        let passed = self.milestones.iter().filter(|m| m.iterations(per_epoch) <= it).count();
        let warmup = self.warmup.iterations(per_epoch);
        let ramp = if warmup == 0 { 1.0 } else { (it as f64 / warmup as f64).min(1.0) };
        let base = self.lr * self.gamma.powi(passed as i32);
        self.schedule.at(base, it, warmup, per_epoch) * ramp
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
    /// Adam whose decay shrinks the weights directly (arXiv 1711.05101, PyTorch's form).
    #[serde(rename = "adamw")]
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the denominator.
        eps: f64,
    },
    /// RMSprop, not centered (PyTorch's form).
    #[serde(rename = "rmsprop")]
    RmsProp {
        /// Decay of the mean square.
        alpha: f64,
        /// Added to the denominator.
        eps: f64,
        /// Momentum of the scaled gradient; 0 = none.
        momentum: f64,
    },
}

impl Optimizer {
    /// Its name in a sweep file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
            Self::RmsProp { .. } => "rmsprop",
        }
    }

    /// PyTorch's names of what it remembers of each parameter.
    pub const fn buffers(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } => &["momentum_buffer"],
            Self::Adam { .. } | Self::AdamW { .. } => &["exp_avg", "exp_avg_sq"],
            Self::RmsProp { momentum: 0.0, .. } => &["square_avg"],
            Self::RmsProp { .. } => &["square_avg", "momentum_buffer"],
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
