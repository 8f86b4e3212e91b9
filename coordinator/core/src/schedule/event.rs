//! Everything that can happen to the scheduler: one closed enum, handled one at a time in the order of arrival.

use crate::{
    plan::Plan,
    record::{CheckpointRow, JobRow, SweepRow, SweepState, TrialRow},
    sweep::Decision,
};
use std::{collections::BTreeSet, time::Duration};
use tombola_spec::{
    Attempt, Fingerprint, JobId, LeaseId, SweepId, WorkerId,
    outcome::{Failure, Outcome, Series},
    worker::WorkerInfo,
};

/// Monotonic time since the leader started. Leases run on it; wall clocks may jump.
pub type Now = Duration;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker introduced itself on a new link.
    Hello {
        /// What it is.
        info: WorkerInfo,
        /// The id it was given before, if any.
        worker: Option<WorkerId>,
        /// Attempts it still holds.
        held: Vec<Held>,
        /// Grows from each Hello of a worker to the next; 0 = it does not count them.
        number: u64,
    },
    /// A worker is alive; extends its leases.
    Heartbeat {
        /// The worker.
        worker: WorkerId,
        /// Iterations done of its running attempts.
        progress: Vec<(JobId, Attempt, u64)>,
    },
    /// A fact about an attempt.
    Report {
        /// The worker.
        worker: WorkerId,
        /// The report's number, to acknowledge once committed.
        sequence: u64,
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// The fact.
        fact: Fact,
    },
    /// A worker gives back what it had not started of a lease.
    Returned {
        /// The worker.
        worker: WorkerId,
        /// The lease.
        lease: LeaseId,
        /// The jobs given back.
        jobs: Vec<JobId>,
    },
    /// A worker takes nothing new: it is about to leave.
    Draining {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker's slot cannot work, or can again.
    Service {
        /// The worker.
        worker: WorkerId,
        /// The slot's number.
        slot: u32,
        /// Why not; `None` = it works again.
        out: Option<String>,
    },
    /// A worker left on purpose, everything given back.
    Leaving {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker's link broke. It keeps its leases until their term ends.
    LinkDown {
        /// The worker.
        worker: WorkerId,
    },
    /// Time passed.
    Tick,
    /// A new sweep.
    Submit {
        /// Expanded.
        plan: Plan,
        /// Its file.
        source: String,
        /// Stored jobs with fingerprints of this plan, wanted by someone or not.
        known: Vec<JobRow>,
    },
    /// More of a sweep that is there.
    Extend(Box<Extension>),
    /// What came to be known of a sweep was looked at.
    Judge(Box<Judgement>),
    /// People changed a sweep's state (pause, resume, stop, cancel).
    SetState {
        /// The sweep.
        sweep: SweepId,
        /// The new state.
        state: SweepState,
    },
    /// What no sweep keeps of these jobs is dropped, if nobody reads it.
    Drop(Vec<JobId>),
    /// What was dropped of a sweep is to be made again.
    Again(Box<Again>),
    /// Open a sweep's failed and quarantined jobs again.
    Retry {
        /// The sweep.
        sweep: SweepId,
    },
    /// Let a worker checkpoint, give back and leave.
    Drain {
        /// The worker.
        worker: WorkerId,
    },
}

/// More of a sweep: the whole plan of its new file, which takes nothing away ([`crate::sweep::lost`]), and what is
/// stored of it. Trials are matched by key. A sweep that was stopped or cancelled becomes active again.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// The sweep as stored.
    pub sweep: SweepRow,
    /// The new file, expanded.
    pub plan: Plan,
    /// The new file.
    pub source: String,
    /// Stored jobs with fingerprints of this plan.
    pub known: Vec<JobRow>,
    /// Its stored trials.
    pub trials: Vec<StoredTrial>,
    /// Its jobs that are done, with the iterations they trained.
    pub done: Vec<(JobId, u64)>,
}

/// What was dropped of a sweep and is wanted after all.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// The sweep as stored; not one that was stopped or cancelled, nor will be before this event is handled.
    pub sweep: SweepRow,
    /// Its plan, as far as it is stored.
    pub plan: Plan,
    /// The stored jobs of that plan.
    pub known: Vec<JobRow>,
    /// Its jobs that are done, with the iterations they trained.
    pub done: Vec<(JobId, u64)>,
    /// Those whose outputs are wanted.
    pub wanted: BTreeSet<Fingerprint>,
}

/// What follows from results of a sweep: see [`crate::sweep::judge`].
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The sweep.
    pub sweep: SweepId,
    /// How many of its news were known when it was looked at ([`super::Scheduler::news`]).
    pub seen: u64,
    /// Verdicts not given before, and what they add to the sweep; `None` where nothing can be decided yet.
    pub decision: Decision,
    /// Stored jobs with fingerprints of that.
    pub known: Vec<JobRow>,
    /// Its stored trials.
    pub trials: Vec<StoredTrial>,
}

/// A trial of a sweep that is being extended.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTrial {
    /// As stored.
    pub row: TrialRow,
    /// Branch, copy and round of its rounds.
    pub rounds: Vec<(String, u32, u32)>,
}

/// An attempt a reconnecting worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Under which lease.
    pub lease: LeaseId,
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// Whether training began.
    pub started: bool,
    /// On which slot.
    pub slot: u32,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The first iteration began.
    Started {
        /// Iteration it starts from.
        iteration: u64,
    },
    /// Metric points.
    Metrics {
        /// Number of the batch inside the attempt.
        batch: u32,
        /// The points.
        series: Vec<Series>,
    },
    /// A checkpoint was uploaded.
    Checkpoint(CheckpointRow),
    /// A checkpoint was uploaded that is gone by now. The attempt behind it is as good as before.
    CheckpointGone,
    /// The job is done, its outputs uploaded.
    Finished(Box<Outcome>),
    /// The attempt failed.
    Failed(Failure),
    /// Given back by a draining worker, checkpointed if it could.
    GivenBack,
}
