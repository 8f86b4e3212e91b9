//! Training: runs the lanes of a stage from anchor to anchor, whatever the plan.
//!
//! Decides when to evaluate, checkpoint and end; reads inputs and writes outputs. Knows no kernels (that is `plan`'s)
//! and no pipes (it speaks through [`Link`]).

mod analysis;
mod checkpoints;
mod connectivity;
mod group;
mod history;
mod import;
mod lane;
mod library;
pub(crate) mod outputs;
mod prepare;
pub(crate) mod search;
mod segment;
mod slim;
mod stage;
#[cfg(test)]
mod torchvision;
pub(crate) mod values;

pub use checkpoints::CheckpointRule;
pub use stage::Engine;

use crate::error::{EngineError, Result};
use std::path::{Path, PathBuf};
use tombola_spec::{
    JobId,
    job::Input,
    slot::{Event, StageJob},
};

/// What a running stage tells, and is told. Called from the lanes' threads.
pub trait Link: Sync {
    /// Something happened.
    fn emit(&self, event: Event);

    /// Iterations done so far by a job, from the start of the schedule.
    fn progress(&self, job: JobId, iteration: u64);

    /// Whether this job is to be stopped.
    fn cancelled(&self, job: JobId) -> bool;

    /// Whether the whole stage is to be stopped, and how.
    fn halt(&self) -> Halt;
}

/// How a stage is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// Not at all.
    No,
    /// Checkpoint every lane, then stop.
    Yield,
    /// Stop at once.
    Leave,
}

/// The file of an input of `job`.
fn input(job: &StageJob, input: Input) -> Result<&Path> {
    let path = job.inputs.get(&input.to_string());
    path.map(PathBuf::as_path)
        .ok_or_else(|| EngineError::Settings(format!("the input `{input}` of {} was not given", job.job)))
}

/// Says something to people; the child's standard error is its log.
#[expect(clippy::print_stderr, reason = "an engine has no other log")]
fn log(line: &str) {
    eprintln!("{line}");
}
