//! The pipe between an agent and the engine child of a slot: one JSON value per line, both ways.
//!
//! The child reads [`Request`]s on its standard input and writes [`Event`]s on its standard output; its standard error
//! is its log. The end of its input tells it to leave, in the middle of a stage too. It trains whole stages, knows no
//! leases and no network, and writes files only under the stage's folder.

use crate::{
    Attempt, Digest, JobId,
    job::{JobSpec, Output},
    outcome::{Failure, Provenance, Series, Summary},
    worker::{BestWidth, DataInfo, DeviceKind, Plan},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// What an agent asks of an engine child.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Run a stage; events follow until [`Event::StageDone`]. One stage at a time.
    Run(Stage),
    /// Stop this job of the running stage; it becomes a ghost lane, its neighbours go on unmoved.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// Write a checkpoint of every lane now and end the stage there (drain). A lane of which no `Checkpoint` event tells, as
    /// on a full disk, goes on from the one before.
    Yield,
}

/// Jobs of one kind run together: the lanes of a pack, or the mask jobs that follow them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stage {
    /// The lanes, in order.
    pub jobs: Vec<StageJob>,
    /// Width of the pack: at least the number of jobs; the rest are ghosts.
    pub width: u32,
    /// How lanes are executed.
    pub plan: Plan,
    /// A folder for this stage's outputs and checkpoints; exists and is empty or holds an earlier attempt's files.
    pub folder: PathBuf,
}

/// One job of a stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageJob {
    /// The job.
    pub job: JobId,
    /// Which try this is.
    pub attempt: Attempt,
    /// What to do.
    pub spec: JobSpec,
    /// Files of the inputs, by [`crate::job::Input`]'s text.
    pub inputs: BTreeMap<String, PathBuf>,
    /// A checkpoint of this job to go on from.
    pub resume: Option<PathBuf>,
}

/// What an engine child says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// First line: the child works.
    Ready {
        /// Kind of device it runs on.
        device: DeviceKind,
        /// Device name for people.
        name: String,
        /// Device memory, bytes; 0 = unknown.
        memory: u64,
        /// libtorch version.
        libtorch: String,
        /// Data sets found, by name.
        data: Vec<DataInfo>,
        /// Data sets that are there but unusable: name and reason.
        unusable: Vec<(String, String)>,
        /// Best widths of networks that were measured on the device.
        widths: Vec<BestWidth>,
        /// What is used of such measurements, for people; empty = there are none.
        calibration: String,
    },
    /// First line instead of `Ready`: the child cannot work (no driver, libraries missing) and leaves.
    Unable {
        /// What is wrong and what to do.
        message: String,
    },
    /// The job's first iteration begins.
    Started {
        /// The job.
        job: JobId,
        /// Iteration it starts at (later than its `from` when resumed).
        iteration: u64,
    },
    /// Still at work; at least every second.
    Progress {
        /// The job.
        job: JobId,
        /// Iterations done, from the start of the schedule.
        iteration: u64,
    },
    /// Points logged since the last such event.
    Metrics {
        /// The job.
        job: JobId,
        /// The points.
        series: Vec<Series>,
    },
    /// A checkpoint is complete on disk (written to a temporary name, synced, renamed).
    Checkpoint {
        /// The job.
        job: JobId,
        /// Iterations done when it was taken.
        iteration: u64,
        /// The file.
        file: PathBuf,
    },
    /// The job is done; its outputs are complete on disk.
    Finished {
        /// The job.
        job: JobId,
        /// Files and their digests.
        outputs: BTreeMap<Output, OutputFile>,
        /// What was learned.
        summary: Summary,
        /// How.
        provenance: Provenance,
    },
    /// The job failed; its neighbours go on.
    Failed {
        /// The job.
        job: JobId,
        /// Why.
        failure: Failure,
    },
    /// Every lane of the stage has ended one way or another.
    StageDone,
}

impl Event {
    /// The job it is about, if it is about one.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::Ready { .. } | Self::Unable { .. } | Self::StageDone => None,
            Self::Started { job, .. }
            | Self::Progress { job, .. }
            | Self::Metrics { job, .. }
            | Self::Checkpoint { job, .. }
            | Self::Finished { job, .. }
            | Self::Failed { job, .. } => Some(*job),
        }
    }
}

/// An output on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}
