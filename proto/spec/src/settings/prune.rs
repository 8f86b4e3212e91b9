//! How weights are pruned: what ranks them, over what, and how many go.

use super::{Data, Dtype};
use serde::{Deserialize, Serialize};

/// One prune step's rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prune {
    /// What ranks the weights.
    pub criterion: Criterion,
    /// Whether layers are cut together.
    pub scope: Scope,
    /// How many go: `rate` or `density` of the message.
    #[serde(flatten)]
    pub amount: Amount,
    /// Parameters cut on their own, each at its own rate (0 = never pruned); the rest follows `scope` and `amount`.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub rates: std::collections::BTreeMap<String, f64>,
    /// Whether the highest scores go instead of the lowest: the control that a criterion must beat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
    /// Whose rounding: how many go at a step, and whether equal scores do so together.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub counting: Counting,
    /// Share of each layer, 0..1, that is never cut: that of the highest scores (arXiv 1909.11957, its code's protective
    /// variant).
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub protect: f64,
    /// What goes: single weights, or channels whole.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub unit: Unit,
}

impl Prune {
    /// A rule without exceptions.
    pub fn new(criterion: Criterion, scope: Scope, amount: Amount) -> Self {
        let rates = std::collections::BTreeMap::new();
        Self {
            criterion,
            scope,
            amount,
            rates,
            invert: false,
            counting: Counting::Exact,
            protect: 0.0,
            unit: Unit::Weight,
        }
    }
}

/// By whose convention weights are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// The nearest number, half up; equal scores by lot.
    #[default]
    Exact,
    /// open_lth's `sparse_global`: what is not above the score at index ceil(rate * alive), where `alive` counts the layers
    /// that are left whole, too.
    OpenLth,
    /// google-research/lottery-ticket-hypothesis: in each layer what is not above the score at index round(rate * alive),
    /// half to even.
    Google,
    /// ganguli-lab/Synaptic-Flow: what is not above the int((1 - density) N)-th lowest score, dead weights among the N.
    Synflow,
}

impl Counting {
    /// Whether equal scores at the cut go together.
    pub fn cuts_ties(self) -> bool {
        self != Self::Exact
    }
}

/// What a prune step takes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Single weights.
    #[default]
    Weight,
    /// Output channels of convolutions and neurons of hidden linear layers ([`crate::arch::Units`]), whole: filter, bias,
    /// scale and shift, and what the next layer's weights make of them. Amounts are shares of channels.
    Channel,
}

/// How many weights a prune step removes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// This fraction of the living weights goes, 0..1.
    Rate(f64),
    /// So many live afterwards: living / all convolution and linear weights, 0..1.
    Density(f64),
}

impl Amount {
    /// The amount of one step, where `steps` steps of equal rates amount to this one in all and `done` have been done. A
    /// rate is a step's own anyway.
    #[must_use]
    pub fn after(self, done: u32, steps: u32) -> Self {
        match self {
            Self::Rate(_) => self,
            // The last one exactly: a power of a root is off by a hair.
            Self::Density(density) if done >= steps => Self::Density(density),
            Self::Density(density) => Self::Density(libm::pow(density, f64::from(done) / f64::from(steps))),
        }
    }
}

/// What ranks weights. The engine has one file for each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// |weight|: small ones go (arXiv 1803.03635, section 1).
    Magnitude,
    /// A number drawn for each weight.
    Random,
    /// |gradient x weight| of the loss on the score data (arXiv 1810.02340).
    Snip,
    /// |gradient| of the loss on the score data.
    Gradient,
    /// Minus weight x (Hessian x gradient) on the score data: the highest go (arXiv 2002.07376).
    Grasp {
        /// Logits are divided by this; 200 in both known implementations.
        temperature: f64,
        /// Whose sign: which end of the ranking goes.
        sign: GraspSign,
    },
    /// Synaptic flow, |gradient x weight| of the sum of outputs on an input of ones with all parameters made positive,
    /// cut in many iterations; no data (arXiv 2006.05467, Algorithm 1).
    Synflow {
        /// Iterations n; 100 in the paper.
        iterations: u32,
        /// How density falls over them.
        schedule: CutSchedule,
        /// Arithmetic: f32 overflows in networks deeper than about 50 layers.
        dtype: Dtype,
    },
    /// Logits of a mask that is learned while the weights stay as they are, on the score data (arXiv 1905.01067, section 4).
    Supermask {
        /// Updates of the logits, which begin at 0.
        iterations: u32,
        /// Examples per update; all where there are fewer.
        batch: u32,
        /// Learning rate of the logits; 100 in the paper.
        lr: f64,
        /// Momentum of their updates; 0.9 in its code.
        momentum: f64,
        /// Whether each layer's weights are multiplied by weights / sampled weights (its dynamic weight rescaling).
        rescale: bool,
    },
    /// A criterion of initial and trained weights (arXiv 1905.01067, section 2).
    Deconstructed {
        /// Which.
        comparison: Comparison,
        /// Weights on the wrong side of this condition go first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signs: Option<Signs>,
    },
    /// |gamma|, the scale of a channel's batch normalization: network slimming (arXiv 1708.06519), Early-Bird's
    /// (arXiv 1909.11957). Of channels.
    BnScale,
    /// Sum of |weight| over a channel's filter (arXiv 1608.08710). Of channels.
    L1Filter,
    /// Scores from a file of people's own.
    File,
}

/// Which weights GraSP keeps. The paper's score is -w Hg and its highest go; an implementation that keeps the highest of
/// w Hg does the same. Keeping the highest of -w Hg is the opposite, as a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraspSign {
    /// Keeps the highest w Hg (the paper, and Synaptic-Flow's code).
    Paper,
    /// Keeps the highest -w Hg.
    Opposite,
}

/// How density falls over the iterations of one prune step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutSchedule {
    /// density^(k/n) after iteration k.
    Exponential,
    /// 1 - (1 - density) k/n after iteration k.
    Linear,
}

/// Criteria of Zhou et al. (arXiv 1905.01067, Table 1), of the initial weight wi and the trained weight wf. What scores low
/// goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// |wf|; magnitude under its name in that paper.
    LargeFinal,
    /// -|wf|
    SmallFinal,
    /// |wi|
    LargeInit,
    /// -|wi|
    SmallInit,
    /// Large in both: the lesser of the two ranks.
    LargeInitLargeFinal,
    /// Small in both.
    SmallInitSmallFinal,
    /// |wf| - |wi|
    MagnitudeIncrease,
    /// |wf - wi|
    Movement,
}

/// A condition on the signs of a weight before and after training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signs {
    /// The sign stayed.
    Same,
    /// The sign changed.
    Differ,
}

impl Criterion {
    /// Its name in a sweep file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Magnitude => "magnitude",
            Self::Random => "random",
            Self::Snip => "snip",
            Self::Gradient => "gradient",
            Self::Grasp { .. } => "grasp",
            Self::Synflow { .. } => "synflow",
            Self::Supermask { .. } => "supermask",
            Self::Deconstructed { comparison, .. } => comparison.name(),
            Self::BnScale => "bn_scale",
            Self::L1Filter => "l1_filter",
            Self::File => "file",
        }
    }

    /// Whether it can rank these.
    pub const fn ranks(&self, unit: Unit) -> bool {
        match self {
            Self::Random => true,
            Self::BnScale | Self::L1Filter => matches!(unit, Unit::Channel),
            _ => matches!(unit, Unit::Weight),
        }
    }

    /// Whether it looks at examples.
    pub const fn needs_data(&self) -> bool {
        matches!(self, Self::Snip | Self::Gradient | Self::Grasp { .. } | Self::Supermask { .. })
    }

    /// Whether it differentiates the network, and so depends on the device.
    pub const fn differentiates(&self) -> bool {
        self.needs_data() || matches!(self, Self::Synflow { .. })
    }

    /// Whether it says something about trained weights without looking at anything else.
    pub const fn ranks_trained(&self) -> bool {
        matches!(self, Self::Magnitude | Self::BnScale | Self::L1Filter)
    }

    /// Whether it looks at the weights training began with.
    pub const fn needs_initial(&self) -> bool {
        matches!(self, Self::Deconstructed { .. })
    }
}

impl Comparison {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::LargeFinal,
        Self::SmallFinal,
        Self::LargeInit,
        Self::SmallInit,
        Self::LargeInitLargeFinal,
        Self::SmallInitSmallFinal,
        Self::MagnitudeIncrease,
        Self::Movement,
    ];

    /// Whether it scores by ranks among a layer's weights.
    pub const fn ranks(self) -> bool {
        matches!(self, Self::LargeInitLargeFinal | Self::SmallInitSmallFinal)
    }

    /// Its name in a sweep file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LargeFinal => "large_final",
            Self::SmallFinal => "small_final",
            Self::LargeInit => "large_init",
            Self::SmallInit => "small_init",
            Self::LargeInitLargeFinal => "large_init_large_final",
            Self::SmallInitSmallFinal => "small_init_small_final",
            Self::MagnitudeIncrease => "magnitude_increase",
            Self::Movement => "movement",
        }
    }
}

/// Examples a criterion looks at, drawn from the training split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreData {
    /// The data set and its split.
    pub data: Data,
    /// So many times the number of classes are drawn.
    pub per_class: u32,
    /// Whether each class gives as many (GraSP's own code), or they are drawn from all alike (Synaptic-Flow's).
    pub balanced: bool,
    /// Key of the draw.
    pub stream: crate::job::Stream,
    /// Number format of the arithmetic.
    pub dtype: Dtype,
    /// How batch normalization goes.
    pub mode: ScoreMode,
}

/// How batch normalization goes while a criterion looks at examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMode {
    /// By the running statistics (Synaptic-Flow's code).
    Eval,
    /// By the examples themselves.
    Train,
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
