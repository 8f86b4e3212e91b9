//! Everything the scheduler can ask for: records to commit, then messages to send.

use crate::record::{CheckpointRow, PackRow, Write};
use std::collections::BTreeMap;
use tombola_spec::{
    Attempt, Fingerprint, JobId, LeaseId, SweepId, WorkerId,
    job::{Input, JobSpec},
    outcome::Artifact,
};

/// Something to do. The driver commits all `Write`s of a batch of events in one transaction, then carries out the
/// rest in order; if the commit fails, the rest is dropped and the scheduler folded again from the store.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most effects are writes: a box for each would cost more than it saves"
)]
pub enum Effect {
    /// A record.
    Write(Write),
    /// A message to a worker; dropped if its link is down (the worker says what it holds when it comes back).
    Send {
        /// To whom.
        worker: WorkerId,
        /// What.
        message: Message,
    },
    /// Something the operator should know: for the log.
    Warn(String),
    /// People watching this sweep have something new to see.
    Changed(SweepId),
    /// The answer to `Submit` or `Extend`.
    Accepted {
        /// The sweep.
        sweep: SweepId,
        /// Jobs stored for the first time.
        new: u64,
        /// Jobs that were there already.
        known: u64,
    },
    /// The answer to `Retry`: how many jobs were opened again.
    Reopened(u64),
    /// The answer to an event that asks for something impossible, for people.
    Rejected(String),
}

/// A message to a worker, in domain words.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Accepted, under this id.
    Welcome,
    /// Not accepted.
    Refused {
        /// Why and what to do.
        message: String,
        /// Whether coming back as it is may help.
        retry: bool,
    },
    /// Work.
    Lease(Lease),
    /// Give back what is not started.
    Recall(LeaseId),
    /// Reports up to this number are committed.
    Ack(u64),
    /// Not yours any more.
    Fenced(Vec<(JobId, Attempt)>),
    /// Nobody wants this now.
    Cancel(JobId, Attempt),
    /// Checkpoint, give back, leave.
    Drain,
}

/// A pack with what its worker needs to run it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// As stored.
    pub pack: PackRow,
    /// Its jobs.
    pub jobs: BTreeMap<JobId, LeasedJob>,
}

/// A job of a lease. What there is to do is stored, not remembered: whoever sends the lease looks it up.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedJob {
    /// Identity across sweeps.
    pub fingerprint: Fingerprint,
    /// All that those of its parents left behind that are done; the others are in earlier stages of the lease.
    pub made: BTreeMap<Input, Artifact>,
    /// Where to go on.
    pub resume: Option<CheckpointRow>,
}

impl LeasedJob {
    /// What the job reads that is there already.
    pub fn inputs(&self, spec: &JobSpec) -> BTreeMap<Input, Artifact> {
        let made = spec.inputs().into_iter().filter_map(|input| Some((input, *self.made.get(&input)?)));
        made.chain(spec.given()).collect()
    }
}
