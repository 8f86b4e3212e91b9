//! What a finished or failed job reports.

mod analyses;

pub use analyses::{
    CollapsePoint, CollapseSummary, EpochPair, FoundTicket, LayerPair, MaskDistanceSummary, MaskPair,
};

use crate::{
    Digest,
    job::{BatchStatistics, Output},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The result of a finished job; frozen by its first commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Uploaded artifacts.
    pub outputs: BTreeMap<Output, Artifact>,
    /// What was learned.
    pub summary: Summary,
    /// How it was computed.
    pub provenance: Provenance,
}

/// A stored artifact's name and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub bytes: u64,
}

/// What a job of each kind learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Summary {
    /// Of a training segment.
    Train(TrainSummary),
    /// Of a prune step or a random mask.
    Mask(MaskSummary),
    /// Of the line between two solutions.
    Connectivity(ConnectivitySummary),
    /// Of the search for the compression at which a layer loses its last weight.
    Collapse(CollapseSummary),
    /// Of masks compared.
    MaskDistance(MaskDistanceSummary),
    /// Of a network with and without its dead units.
    Slim(Box<SlimSummary>),
    /// Of a file of people's own with weights or scores; a mask is counted.
    Import(ImportSummary),
}

/// A file of people's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Tensors taken.
    pub tensors: u32,
    /// Seconds it took.
    pub device_seconds: f64,
}

/// A network with and without its dead units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlimSummary {
    /// Name of the smaller network, with its widths; the whole one's if nothing could go.
    pub name: String,
    /// The network as it was trained, dead units included.
    pub masked: Size,
    /// The one without them.
    pub slim: Size,
    /// Largest difference between outputs of the two, on images drawn at random, as a fraction of the largest output.
    #[serde(with = "crate::float")]
    pub difference: f64,
    /// Images in a pass.
    pub batch: u32,
    /// Seconds it took on the device.
    pub device_seconds: f64,
}

/// What a network costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Trained elements.
    pub parameters: u64,
    /// Convolution and linear weights.
    pub weights: u64,
    /// Floating-point operations of a forward pass of one example: two for each multiply-add of convolutions and linear
    /// layers.
    pub flops: u64,
    /// Bytes of all its tensors.
    pub bytes: u64,
    /// Seconds that a forward pass of one batch takes: the median of some.
    pub latency: f64,
}

/// Loss and error on the line between two solutions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectivitySummary {
    /// Every evaluation.
    pub curve: Vec<CurvePoint>,
    /// Floating-point operations executed.
    #[serde(default)]
    pub flops: u64,
    /// Seconds it took on the device.
    pub device_seconds: f64,
}

/// One evaluation on the line between two solutions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Convention of the BatchNorm statistics.
    pub bn: BatchStatistics,
    /// What was evaluated on.
    pub split: Split,
    /// Place on the line: 0 is the first end, 1 the second.
    pub alpha: f64,
    /// Mean cross-entropy, nat.
    #[serde(with = "crate::float")]
    pub loss: f64,
    /// Fraction of wrong answers.
    pub error: f64,
}

/// Figures of a training segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSummary {
    /// Every measure at the end of the segment.
    pub last: Vec<Measure>,
    /// The early-stopping iteration over the whole run so far (segments continued included): the evaluation with the
    /// least validation loss, found in hindsight (arXiv 1803.03635, section 2). `None` without a validation split.
    pub early_stop: Option<EarlyStop>,
    /// Iterations trained by this job, resumed parts included once.
    pub iterations: u64,
    /// Floating-point operations executed (dense arithmetic counts dense).
    pub flops: u64,
    /// Those of them that living weights need: see [`crate::flops::theoretical`].
    #[serde(default)]
    pub theoretical_flops: u64,
    /// Seconds on the device, all attempts that contributed included.
    pub device_seconds: f64,
}

/// An evaluation chosen in hindsight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// Iterations trained when it was made, from the start of the schedule.
    pub iteration: u64,
    /// Every measure of that evaluation.
    pub measures: Vec<Measure>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Name, one of [`METRICS`].
    pub name: String,
    /// What it was measured on.
    pub split: Split,
    /// The value, in the metric's unit.
    #[serde(with = "crate::float")]
    pub value: f64,
}

/// What a metric was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Examples trained on.
    Train,
    /// The held-out part of the training set.
    Validation,
    /// The test set: logged, never read by any decision.
    Test,
}

impl Split {
    /// Its name in SQL and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl std::str::FromStr for Split {
    type Err = crate::SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Train, Self::Validation, Self::Test].into_iter().find(|split| split.name() == text).ok_or_else(
            || crate::SpecError::new(format!("`{text}` is not a split"), "splits: train, validation, test"),
        )
    }
}

/// Whether small or large values are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Losses, errors.
    Lower,
    /// Accuracies, rewards.
    Higher,
}

/// Metrics known so far: name, unit, direction. A new metric is one line here.
pub const METRICS: &[(&str, &str, Direction)] =
    &[("loss", "nat", Direction::Lower), ("accuracy", "fraction", Direction::Higher)];

/// A mask's counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MaskSummary {
    /// One entry per weight tensor, in the order of the architecture.
    pub layers: Vec<LayerCount>,
    /// Floating-point operations of scoring.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub flops: u64,
    /// Seconds it took on the device.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub device_seconds: f64,
    /// Where the weights were found, of a ticket that was searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FoundTicket>,
}

/// Living weights of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerCount {
    /// Parameter name.
    pub name: String,
    /// Weights that live.
    pub living: u64,
    /// All weights.
    pub total: u64,
    /// Whether the prune rule may cut this tensor (false: its rate is 0).
    pub prunable: bool,
}

/// How a result was computed: enough to compute the same bits again. The default says nothing, as stand-ins for engines do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Execution plan: `cpu-lanes`, `cpu-sparse` or `fused`; `rust` for masks; `alone` for analyses, and for
    /// masks whose scores are derivatives of the network.
    pub plan: String,
    /// Device and its model, such as `cpu AMD EPYC 7763 64-Core Processor` or `cuda:0 NVIDIA H200`.
    pub device: String,
    /// Intra-op threads.
    pub threads: u32,
    /// Width of the pack.
    pub width: u32,
    /// libtorch version.
    pub libtorch: String,
    /// CPU capability libtorch dispatches to, such as `AVX512`.
    pub capability: String,
    /// Version of the worker's build.
    pub worker: String,
    /// BLAKE3 of the data set read, if any.
    pub data: Option<Digest>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure, which decides what happens next.
    pub class: FailureClass,
    /// First line for people.
    pub message: String,
}

/// Kinds of failure, by the reaction they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The settings cannot work: never retried blindly.
    User,
    /// Loss or weights became NaN or infinite: never retried (the same seeds give the same NaN).
    NotFinite,
    /// The device's memory is too small for the pack: retried in smaller packs.
    OutOfMemory,
    /// This worker lacks the data set, or holds another content: retried on another worker.
    DataMissing,
    /// The slot's process died: retried; packs are bisected.
    Crashed,
    /// Disk full, artifact store unreachable and the like: retried, not charged.
    Infrastructure,
    /// A fault of Tombola itself: retried, charged.
    Internal,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::NotFinite,
        Self::OutOfMemory,
        Self::DataMissing,
        Self::Crashed,
        Self::Infrastructure,
        Self::Internal,
    ];

    /// Its name in SQL and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::NotFinite => "not_finite",
            Self::OutOfMemory => "out_of_memory",
            Self::DataMissing => "data_missing",
            Self::Crashed => "crashed",
            Self::Infrastructure => "infrastructure",
            Self::Internal => "internal",
        }
    }
}

impl std::str::FromStr for FailureClass {
    type Err = crate::SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == text)
            .ok_or_else(|| crate::SpecError::new(format!("`{text}` is not a failure class"), ""))
    }
}

/// Points of one metric, logged in order of iterations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Metric name.
    pub name: String,
    /// What it was measured on.
    pub split: Split,
    /// Iterations from the start of the schedule, increasing.
    pub iterations: Vec<u64>,
    /// Values; as many as iterations.
    #[serde(with = "crate::float::list")]
    pub values: Vec<f64>,
}
