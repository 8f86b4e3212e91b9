//! One lease in memory: which jobs it still holds, stage by stage.

use super::stuck::Still;
use crate::record::PackRow;
use tombola_spec::{Attempt, JobId, WorkerId, worker::DeviceKind};

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
    /// Since when it does not get on, if its worker says that it runs it.
    pub(super) still: Option<Still>,
}

impl Lease {
    /// A granted pack of which `open` jobs have not ended.
    pub(super) fn new(pack: &PackRow, open: u32) -> Self {
        Self {
            worker: pack.worker,
            slot: pack.slot,
            device: pack.device,
            width: pack.width,
            stages: pack.stages.clone(),
            open,
            started: false,
            recalled: false,
            still: None,
        }
    }

    /// Its jobs in stage order.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (JobId, Attempt)> + '_ {
        self.stages.iter().flatten().copied()
    }
}
