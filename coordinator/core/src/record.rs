//! What is stored, in domain verbs: the only words between the scheduler and a store.
//!
//! A store applies a list of [`Write`]s in one transaction, each conditional on what its doc says; the scheduler never
//! sees SQL and a store never decides anything.

mod access;
mod write;

pub use access::{AuditRow, Role, TokenRow};
pub use write::Write;

use crate::{keep::Keep, plan::TrialSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, LeaseId, Steps, SweepId, TrialId, WorkerId,
    data::DataShape,
    job::{JobSpec, Output},
    outcome::Artifact,
    worker::{DeviceKind, Plan},
};

/// Milliseconds since 1970 UTC; from the shell, only for records people read. Terms run on monotonic time.
pub type Millis = i64;

/// A sweep as submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRow {
    /// Identity.
    pub id: SweepId,
    /// Name, unique among sweeps.
    pub name: String,
    /// The file as it was last submitted or extended, TOML.
    pub source: String,
    /// What people asked of it.
    pub state: SweepState,
    /// Whether results still decide how far its trials go.
    pub decides: bool,
    /// What stays of its trainings once nobody reads it any more.
    pub keep: Keep,
}

/// What people asked of a sweep. Whether it is finished follows from its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepState {
    /// Run it.
    Active,
    /// For a while, start nothing new; running jobs go on, and whoever watches waits.
    Paused,
    /// Running jobs finish, then it is over for whoever watches, until it is resumed or extended.
    Stopped,
    /// Running jobs were ended too; it claims only what is done.
    Cancelled,
}

/// A trial of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    /// Identity.
    pub id: TrialId,
    /// Its sweep.
    pub sweep: SweepId,
    /// Number inside the sweep, from 1, as in `tombola fetch SWEEP/TRIAL/ROUND`.
    pub number: u32,
    /// Key inside the sweep.
    pub key: String,
    /// Seed.
    pub seed: u64,
    /// Repeat of the seed.
    pub repeat: u32,
    /// Axis values.
    pub axes: BTreeMap<String, Value>,
    /// Resolved settings.
    pub settings: TrialSettings,
}

/// A round of a trial or of a branch, and the jobs behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundRow {
    /// Its trial.
    pub trial: TrialId,
    /// Branch name, empty on the own line.
    pub branch: String,
    /// `ticket`, `reinit`, `random_mask`, …
    pub kind: String,
    /// The branch whose data and training settings it is trained by; empty for the trial's own.
    pub course: String,
    /// Copy of the branch.
    pub copy: u32,
    /// Prunings done.
    pub round: u32,
    /// The job that makes its mask.
    pub mask: Option<JobId>,
    /// Training segments in order.
    pub train: Vec<JobId>,
    /// The job whose output is the round's starting weights.
    pub origin: JobId,
    /// The step training starts at.
    pub start: Steps,
    /// Density from the ladder.
    pub density: f64,
}

/// A job of an analysis of a round: see [`crate::plan::AnalysisPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisRow {
    /// The trial.
    pub trial: TrialId,
    /// Name of the analysis.
    pub analysis: String,
    /// `copies`, `rounds`.
    pub ends: String,
    /// Branch of the round, empty on the own line.
    pub branch: String,
    /// Copy of the branch.
    pub copy: u32,
    /// The round.
    pub round: u32,
    /// The solutions compared; twice the same for the training of one.
    pub pair: [u32; 2],
    /// The job.
    pub job: JobId,
}

/// A job as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// Identity.
    pub id: JobId,
    /// Identity across sweeps.
    pub fingerprint: Fingerprint,
    /// What to do.
    pub spec: Arc<JobSpec>,
    /// Jobs it reads.
    pub parents: Vec<JobId>,
    /// Critical path below, iterations.
    pub height: u64,
    /// Where it stands.
    pub state: JobState,
    /// Last attempt number given out.
    pub attempt: Attempt,
    /// Tries charged to the job itself so far.
    pub tries: u32,
    /// Abrupt worker losses it was present at.
    pub losses: u32,
    /// Its newest checkpoint.
    pub checkpoint: Option<CheckpointRow>,
    /// Its frozen outputs, once done; less those that were dropped.
    pub outputs: BTreeMap<Output, Artifact>,
}

/// Where a job stands in the store. `waiting` and `ready` are one stored state: which of them follows from the parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Not running, wanted by someone.
    Open,
    /// Granted to a worker under the current attempt, started or not.
    Leased,
    /// Committed.
    Done,
    /// Out of tries, or not worth one.
    Failed,
    /// Present at too many worker losses.
    Quarantined,
    /// No sweep wants it any more.
    Unwanted,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Leased, Self::Done, Self::Failed, Self::Quarantined, Self::Unwanted];

    /// Its name in SQL and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Unwanted => "unwanted",
        }
    }
}

impl SweepState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Stopped, Self::Cancelled];

    /// Its name in SQL and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The command that brings a sweep into this state.
    pub fn command(self) -> &'static str {
        match self {
            Self::Active => "resume",
            Self::Paused => "pause",
            Self::Stopped => "stop",
            Self::Cancelled => "cancel",
        }
    }
}

/// How an attempt ended that made no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It said so.
    Failed,
    /// Its worker or process is gone.
    Lost,
    /// It was asked for before it began.
    Recalled,
    /// Its worker gave it back.
    Drained,
    /// Nobody wants it any more.
    Cancelled,
}

impl Ending {
    /// Its name in `job_history`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Recalled => "recalled",
            Self::Drained => "drained",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A worker's state, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It is heard of.
    Connected,
    /// It takes nothing new.
    Draining,
    /// It has been silent for too long.
    Lost,
    /// It left on purpose.
    Gone,
}

impl WorkerState {
    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Draining => "draining",
            Self::Lost => "lost",
            Self::Gone => "gone",
        }
    }
}

/// A checkpoint in the middle of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Iterations done.
    pub iteration: u64,
    /// The file.
    pub artifact: Artifact,
}

/// A pack: ordered lanes trained together; durable, because it is part of its results' provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct PackRow {
    /// The lease that granted it.
    pub lease: LeaseId,
    /// Who runs it.
    pub worker: WorkerId,
    /// On which of its slots.
    pub slot: u32,
    /// Kind of device.
    pub device: DeviceKind,
    /// Execution plan.
    pub plan: Plan,
    /// Width; at least the number of lanes of each stage.
    pub width: u32,
    /// Stages in order (a chain); each a list of lanes.
    pub stages: Vec<Vec<(JobId, Attempt)>>,
}

/// What a new leader folds: living jobs, with the finished parents they read, sweeps, claims and numbers given out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Sweeps that are not cancelled and have jobs that are not done, or verdicts to come.
    pub sweeps: Vec<SweepRow>,
    /// Jobs in state open, leased, failed or quarantined that some sweep claims, and their done parents.
    pub jobs: Vec<JobRow>,
    /// (sweep, job) claims on those jobs.
    pub claims: Vec<(SweepId, JobId)>,
    /// For each of those sweeps: how many done jobs it claims that are not among `jobs`, and the iterations they
    /// trained.
    pub gone: Vec<(SweepId, u64, u64)>,
    /// Leases that still have leased jobs, with the lanes as granted.
    pub packs: Vec<PackRow>,
    /// Bound data sets.
    pub data: Vec<(String, Digest, DataShape)>,
    /// Known workers, by name.
    pub workers: Vec<(WorkerId, String)>,
    /// Highest ids given out so far.
    pub last: LastIds,
}

/// Highest ids given out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastIds {
    /// Sweep.
    pub sweep: u64,
    /// Trial.
    pub trial: u64,
    /// Job.
    pub job: u64,
    /// Worker.
    pub worker: u64,
    /// Lease.
    pub lease: u64,
}
