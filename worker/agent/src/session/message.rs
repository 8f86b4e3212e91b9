//! What the agent and the coordinator say to each other, in domain words. The wire's types are in `convert`.

use std::collections::BTreeMap;
use tombola_spec::{
    Attempt, Fingerprint, JobId, LeaseId,
    job::JobSpec,
    outcome::{Artifact, Failure, Outcome, Series},
    worker::Plan,
};

/// From the coordinator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FromCoordinator {
    /// Accepted, under this identity.
    Welcome(String),
    /// Not accepted; the session ends.
    Refused { message: String, retry: bool },
    /// Work.
    Lease(Lease),
    /// Work that cannot be understood: its jobs and why.
    Unreadable { lease: LeaseId, slot: u32, jobs: Vec<(JobId, Attempt)>, why: String },
    /// Give back what has not begun of this lease.
    Recall(LeaseId),
    /// Reports up to this number are committed.
    Ack(u64),
    /// Not ours any more.
    Fenced(Vec<(JobId, Attempt)>),
    /// Nobody wants this now.
    Cancel(JobId, Attempt),
    /// Checkpoint, give back, leave.
    Drain,
}

/// A pack with what follows it: stages in order on one slot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) slot: u32,
    pub(crate) width: u32,
    pub(crate) plan: Plan,
    pub(crate) stages: Vec<Vec<LeasedJob>>,
}

/// A job of a lease.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeasedJob {
    pub(crate) job: JobId,
    pub(crate) attempt: Attempt,
    pub(crate) spec: JobSpec,
    pub(crate) fingerprint: Fingerprint,
    /// Inputs that are known, by [`tombola_spec::job::Input`]'s text; others come from earlier stages of the lease.
    pub(crate) inputs: BTreeMap<String, Artifact>,
    /// Checkpoint to go on from.
    pub(crate) resume: Option<Artifact>,
}

impl LeasedJob {
    /// Artifacts it needs that are known.
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = Artifact> + '_ {
        self.inputs.values().copied().chain(self.resume)
    }
}

/// To the coordinator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToCoordinator {
    /// First message of a link.
    Hello { worker: Option<String>, held: Vec<Held> },
    /// A durable fact.
    Report(Report),
    /// Not started and never will be.
    Returned { lease: LeaseId, jobs: Vec<JobId> },
    /// Nothing new is taken.
    Draining,
    /// A slot cannot work, and why; `None` = it can again.
    Service { slot: u32, out: Option<String> },
    /// Everything is given back.
    Leaving,
}

/// An attempt still held after a reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    pub(crate) lease: LeaseId,
    pub(crate) slot: u32,
    pub(crate) job: JobId,
    pub(crate) attempt: Attempt,
    pub(crate) started: bool,
}

/// A numbered fact about an attempt, kept until acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) sequence: u64,
    pub(crate) lease: LeaseId,
    pub(crate) slot: u32,
    pub(crate) job: JobId,
    pub(crate) attempt: Attempt,
    pub(crate) fact: Fact,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Started { iteration: u64 },
    Metrics { batch: u32, series: Vec<Series> },
    Checkpoint { iteration: u64, artifact: Artifact },
    Finished(Box<Outcome>),
    Failed(Failure),
    GivenBack,
}

impl Fact {
    /// Whether nothing follows it in its attempt.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Finished(_) | Self::Failed(_) | Self::GivenBack)
    }

    /// Artifacts that must be with the coordinator before this is said.
    pub(crate) fn artifacts(&self) -> Vec<Artifact> {
        match self {
            Self::Checkpoint { artifact, .. } => vec![*artifact],
            Self::Finished(outcome) => outcome.outputs.values().copied().collect(),
            Self::Started { .. } | Self::Metrics { .. } | Self::Failed(_) | Self::GivenBack => Vec::new(),
        }
    }
}
