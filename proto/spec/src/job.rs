//! Jobs: the unit of dispatch and of commit, as pure values.
//!
//! A job names its inputs by the fingerprints of the jobs that make them, never by digest, so that a whole sweep can
//! be expanded, fingerprinted and compared with earlier work before anything runs.

mod collapse;
mod connectivity;
mod distance;
mod import;
mod masks;
mod search;

pub use self::{
    collapse::{CollapseJob, greatest_compression},
    connectivity::{BatchStatistics, ConnectivityJob},
    distance::MaskDistanceJob,
    import::ImportJob,
    masks::{Join, JoinJob, Preserve, RandomMaskJob},
    search::{Compared, Search, Settled, Ticket},
};

use crate::{
    Fingerprint, SpecError, Steps,
    arch::Architecture,
    outcome::Artifact,
    settings::{Dtype, Model, Prune, Recipe, ScoreData},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// Train a segment between two anchors.
    Train(TrainJob),
    /// Score weights and cut a mask.
    Prune(PruneJob),
    /// Draw a random mask with another mask's counts.
    RandomMask(RandomMaskJob),
    /// Make one mask of several.
    Join(JoinJob),
    /// Evaluate networks on the line between two solutions.
    Connectivity(ConnectivityJob),
    /// Find the compression at which a layer loses its last weight.
    Collapse(CollapseJob),
    /// Compare masks.
    MaskDistance(MaskDistanceJob),
    /// Measure a network and what is left of it without its dead units.
    Slim(SlimJob),
    /// Take in a file of people's own.
    Import(ImportJob),
}

/// Train from one anchor to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainJob {
    /// Network, data, optimizer, numerics.
    pub recipe: Arc<Recipe>,
    /// Where the weights come from.
    pub start: Start,
    /// The mask, `None` = dense.
    pub mask: Option<Input>,
    /// Key of the data-order stream.
    pub order: Stream,
    /// Point of the schedule at which this segment starts.
    pub from: Steps,
    /// Point at which it ends.
    pub to: Steps,
    /// Whether the optimizer state at `to` is kept ([`Output::State`]), for a segment that another one continues.
    pub keep_state: bool,
    /// Key of the draw of a new output layer, which the mask then leaves whole; `None` = that of `start` and `mask`. For
    /// targets with other classes, or another task (arXiv 1906.02773, section 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Stream>,
    /// Tickets looked for on the way, and kept as [`Output::Tickets`]; `to` is then the latest end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Arc<Search>>,
}

/// Where a segment's weights come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Drawn at random from this stream; also kept as [`Output::Initial`].
    Init(Stream),
    /// The end of the segment before: weights, optimizer state and early-stopping record go on as if uncut.
    Continue(Fingerprint),
    /// Rewound to the end of that segment: its weights, a fresh optimizer.
    Rewind(Fingerprint),
    /// Drawn after other weights, of which something is kept; also kept as [`Output::Initial`].
    Redraw(Box<Redraw>),
    /// Rewound to a ticket that a search found and that job cut: its weights, a fresh optimizer. The schedule goes on from
    /// the iteration it was found at, which is not known before: `from` is the earliest there can be.
    Found(Fingerprint),
}

/// Weights drawn after others: what of a ticket's initialization matters is found by keeping only that of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redraw {
    /// The weights they are drawn after.
    pub after: Scored,
    /// What they are.
    pub values: Values,
    /// Whether each keeps the sign of the one it replaces (arXiv 1905.01067, section 3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_signs: bool,
    /// Key of the draw.
    pub stream: Stream,
}

/// What convolution and linear weights drawn after others are, tensor by tensor. Everything else is drawn with
/// [`Values::Fresh`] ones, and stays as it was with others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Drawn from the initialization's distribution.
    Fresh,
    /// Plus or minus the standard deviation of the tensor (arXiv 1905.01067, section 3).
    Constant,
    /// Drawn, with replacement, from the tensor's living weights (arXiv 1803.03635, appendix F.3).
    Resampled,
    /// The tensor's living weights in another order (arXiv 1905.01067, section 3).
    Shuffled,
    /// The weight plus normal noise of so many standard deviations of the tensor (arXiv 1803.03635, appendix F.7).
    Noise(f64),
}

/// Key of a random stream, beyond its purpose. Streams of different keys are independent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stream {
    /// Seed of this purpose (initialization, order, pruning).
    pub seed: u64,
    /// Name of the branch, empty on the trial's own line.
    pub branch: String,
    /// Copy of the branch, from 0.
    pub copy: u32,
    /// The round this noise belongs to.
    pub round: u32,
    /// Salt that tells repeats of a whole trial apart (`repeat = n`).
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub repeat: u32,
}

/// The shape of a network, enough to know its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Network {
    /// Name in the grammar of [`crate::arch`].
    pub name: String,
    /// Channels, height, width of an input.
    pub image: [u32; 3],
    /// Number of classes.
    pub classes: u32,
}

impl Network {
    /// The layer list.
    ///
    /// # Errors
    /// When the name is not in the grammar of any family.
    pub fn architecture(&self) -> Result<Architecture, SpecError> {
        Architecture::parse(&self.name, self.image, self.classes)
    }
}

/// Score weights, cut a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PruneJob {
    /// The network.
    pub network: Network,
    /// Criterion, scope and amount.
    pub rule: Prune,
    /// The weights that are scored.
    pub weights: Scored,
    /// The weights training began with, of a criterion that compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Drawn>,
    /// Examples, of a criterion that looks at some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<ScoreData>>,
    /// The mask so far, `None` = dense.
    pub mask: Option<Input>,
    /// Scores, of a criterion that takes them from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Input>,
    /// Key of the tie-breaking stream, and of scores that are drawn.
    pub ties: Stream,
}

/// Weights a criterion scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scored {
    /// [`Output::Weights`] of that training job.
    Trained(Fingerprint),
    /// Weights as they are drawn at initialization, before any training.
    Drawn(Drawn),
    /// Those at which a search found a ticket.
    Found(Ticket),
}

/// Weights drawn at random: nothing has to be waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// The network and its distributions.
    pub model: Model,
    /// Key of the draw, as of [`Start::Init`].
    pub init: Stream,
}

/// Measure the network of a round as its mask leaves it, and the smaller one that computes the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlimJob {
    /// The network.
    pub network: Network,
    /// The training job whose [`Output::Weights`] are measured.
    pub weights: Fingerprint,
    /// Their mask, `None` = dense.
    pub mask: Option<Input>,
    /// Number format of the arithmetic.
    pub dtype: Dtype,
    /// Images in a pass that is timed.
    pub batch: u32,
    /// How many passes are timed; the median counts.
    pub passes: u32,
}

/// An output of another job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    /// The job that makes it.
    pub job: Fingerprint,
    /// Which of its outputs.
    pub output: Output,
}

impl std::fmt::Display for Input {
    /// `<fingerprint>.<output>`, the key under which a lease names resolved inputs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.job, self.output)
    }
}

impl std::str::FromStr for Input {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (job, output) = text.split_once('.').ok_or_else(|| {
            SpecError::new(format!("`{text}` is not an input"), "write `<fingerprint>.<output>`")
        })?;
        Ok(Self { job: job.parse()?, output: output.parse()? })
    }
}

/// What a job can leave behind, each a safetensors artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Weights drawn at initialization, before masking.
    Initial,
    /// Weights at the end of the segment, masked entries zero.
    Weights,
    /// Optimizer state and early-stopping record at the end of the segment.
    State,
    /// A mask: one `u8` tensor of 0 and 1 per weight tensor.
    Mask,
    /// Weights at which tickets were found, and what was seen on the way.
    Tickets,
    /// A score for each weight, from a file of people's own.
    Scores,
}

impl Output {
    /// Every output, in stored order.
    pub const ALL: [Self; 6] =
        [Self::Initial, Self::Weights, Self::State, Self::Mask, Self::Tickets, Self::Scores];

    /// Its name in SQL, on the wire and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Weights => "weights",
            Self::State => "state",
            Self::Mask => "mask",
            Self::Tickets => "tickets",
            Self::Scores => "scores",
        }
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Output {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        Self::ALL.into_iter().find(|output| output.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            SpecError::new(format!("`{text}` is not an output"), format!("outputs: {known}"))
        })
    }
}

impl JobSpec {
    /// The training it is, if it is one.
    pub fn training(&self) -> Option<&TrainJob> {
        match self {
            Self::Train(job) => Some(job),
            _ => None,
        }
    }

    /// `train`, `prune`, `random_mask`, `join`, `connectivity`, `collapse`, `mask_distance`, `slim` or `import`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Train(_) => "train",
            Self::Prune(_) => "prune",
            Self::RandomMask(_) => "random_mask",
            Self::Join(_) => "join",
            Self::Connectivity(_) => "connectivity",
            Self::Collapse(_) => "collapse",
            Self::MaskDistance(_) => "mask_distance",
            Self::Slim(_) => "slim",
            Self::Import(_) => "import",
        }
    }

    /// Outputs of other jobs this job reads.
    pub fn inputs(&self) -> Vec<Input> {
        match self {
            Self::Train(job) => job.start.inputs().into_iter().chain(job.mask).collect(),
            Self::Prune(job) => job.weights.input().into_iter().chain(job.mask).chain(job.scores).collect(),
            Self::RandomMask(job) => vec![job.mask],
            Self::Join(job) => job.masks.clone(),
            Self::Connectivity(job) => {
                job.ends.iter().map(|&job| Input { job, output: Output::Weights }).collect()
            }
            Self::Collapse(_) | Self::Import(_) => Vec::new(),
            Self::MaskDistance(job) => job.masks.clone(),
            Self::Slim(job) => {
                [Input { job: job.weights, output: Output::Weights }].into_iter().chain(job.mask).collect()
            }
        }
    }

    /// The file of people's own that this job reads, if any: no job makes it.
    pub fn given(&self) -> Option<(Input, Artifact)> {
        match self {
            Self::Import(job) => Some((job.input(), job.file)),
            _ => None,
        }
    }

    /// Outputs this job leaves behind.
    pub fn outputs(&self) -> Vec<Output> {
        match self {
            Self::Train(job) => {
                let initial = job.draws().then_some(Output::Initial);
                let state = job.keep_state.then_some(Output::State);
                let tickets = job.search.as_ref().map(|_| Output::Tickets);
                initial.into_iter().chain([Output::Weights]).chain(state).chain(tickets).collect()
            }
            // Of a ticket that was searched for, the weights it was found at, too: they are a training's start.
            Self::Prune(PruneJob { weights: Scored::Found(_), .. }) => vec![Output::Weights, Output::Mask],
            Self::Prune(_) | Self::RandomMask(_) | Self::Join(_) => vec![Output::Mask],
            Self::Connectivity(_) | Self::Collapse(_) | Self::MaskDistance(_) => Vec::new(),
            // The smaller network's.
            Self::Slim(_) => vec![Output::Weights],
            Self::Import(job) => vec![job.holds],
        }
    }

    /// Iterations this job trains (0 for masks and analyses).
    pub fn iterations(&self) -> u64 {
        self.training().map_or(0, |job| {
            let [from, to] = job.span();
            to.saturating_sub(from)
        })
    }

    /// The data set this job reads, if any.
    pub fn data_set(&self) -> Option<&str> {
        match self {
            Self::Train(job) => Some(&job.recipe.data.set),
            Self::Connectivity(job) => Some(&job.recipe.data.set),
            Self::Prune(job) => job.data.as_ref().map(|score| score.data.set.as_str()),
            Self::Collapse(job) => job.data.as_ref().map(|score| score.data.set.as_str()),
            Self::RandomMask(_) | Self::Join(_) | Self::MaskDistance(_) | Self::Slim(_) | Self::Import(_) => {
                None
            }
        }
    }
}

impl TrainJob {
    /// Dense training from initialization, weights and data order drawn from `stream`. Of it nothing is kept but its end.
    pub fn dense(recipe: Arc<Recipe>, stream: Stream, to: Steps) -> Self {
        Self {
            recipe,
            start: Start::Init(stream.clone()),
            mask: None,
            order: stream,
            from: Steps::ZERO,
            to,
            keep_state: false,
            head: None,
            search: None,
        }
    }

    /// The iterations of the schedule at which it starts and ends.
    pub fn span(&self) -> [u64; 2] {
        let per_epoch = self.recipe.iterations_per_epoch();
        [self.from, self.to].map(|point| point.iterations(per_epoch))
    }

    /// Whether it starts from weights that are drawn, in whole or in part, and keeps them as [`Output::Initial`].
    pub fn draws(&self) -> bool {
        self.head.is_some() || matches!(self.start, Start::Init(_) | Start::Redraw(_))
    }
}

impl Scored {
    /// The file they are in, if they are in one.
    pub fn input(&self) -> Option<Input> {
        match self {
            Self::Trained(job) => Some(Input { job: *job, output: Output::Weights }),
            Self::Drawn(_) => None,
            Self::Found(ticket) => Some(Input { job: ticket.search, output: Output::Tickets }),
        }
    }
}

impl Start {
    fn inputs(&self) -> Vec<Input> {
        let output_of = |job: &Fingerprint, output| Input { job: *job, output };
        match self {
            Self::Init(_) => Vec::new(),
            Self::Continue(job) => vec![output_of(job, Output::Weights), output_of(job, Output::State)],
            Self::Rewind(job) | Self::Found(job) => vec![output_of(job, Output::Weights)],
            Self::Redraw(redraw) => redraw.after.input().into_iter().collect(),
        }
    }
}
