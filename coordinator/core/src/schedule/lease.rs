//! One lease in memory: which jobs it still holds, stage by stage.

use std::cmp::Reverse;
use tombola_spec::{Attempt, JobId, WorkerId, worker::DeviceKind};

use super::worker::{Seat, floor_width};

/// A lease in memory.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) worker: WorkerId,
    pub(super) slot: u32,
    pub(super) device: DeviceKind,
    /// Padded width of the pack.
    pub(super) width: u32,
    /// As granted; jobs that ended since are still listed.
    pub(super) stages: Vec<Vec<(JobId, Attempt)>>,
    /// Jobs that have not ended.
    pub(super) open: u32,
    /// Whether any of its jobs began.
    pub(super) started: bool,
    /// Whether a `Recall` is unanswered.
    pub(super) recalled: bool,
}

impl Lease {
    /// Its jobs in stage order.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (JobId, Attempt)> + '_ {
        self.stages.iter().flatten().copied()
    }

    /// The number of the stage a job is in.
    pub(super) fn stage_of(&self, job: JobId) -> Option<usize> {
        self.stages.iter().position(|stage| stage.iter().any(|(lane, _)| *lane == job))
    }

    /// The seat it is on, given the slot's lanes.
    pub(super) fn seat(&self, lanes: u32) -> Seat {
        Seat { room: Reverse(floor_width(lanes)), worker: self.worker, slot: self.slot }
    }
}
