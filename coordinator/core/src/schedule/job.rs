//! One job in memory: its state, what it waits for, who wants it. May not touch other jobs or send anything.
//!
//! ```text
//!              parents done             lease              Started
//!   Waiting ───────────────► Ready ───────────► Leased ───────────────► Running
//!      ▲                       ▲                 │  │                    │ │ │
//!      └───────────────────────┴── recalled ─────┘  │   lost, drained,   │ │ │
//!      ▲                       ▲   lost             │   to be retried    │ │ │
//!      │                       └────────────────────┼────────────────────┘ │ │
//!      │ wanted again, retried                      └── Finished ─► Done ◄─┘ │
//!      │                                                                     │
//!   Unwanted ◄── no claim left ── Failed, Quarantined ◄──────────────────────┘
//! ```
//!
//! A chained job is leased while its parents still run in earlier stages of the same lease. Stored are only the
//! states of [`JobState`]: `Waiting` and `Ready` are `open`, `Leased` and `Running` are `leased`.

use super::{Now, key::KeyId};
use crate::record::{CheckpointRow, JobRow, JobState};
use tombola_spec::{
    Attempt, Fingerprint, JobId, LeaseId, SweepId,
    job::{JobSpec, Output},
    outcome::{Artifact, Outcome},
};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A parent is not done.
    Waiting,
    /// All parents are done. In the queue if `hold` allows and an active sweep wants it.
    Ready { hold: Hold },
    /// Granted, not begun.
    Leased { lease: LeaseId },
    /// Begun. `recorded`: this leader has written its start.
    Running { lease: LeaseId, iteration: u64, recorded: bool },
    /// Committed.
    Done,
    /// Out of tries, or not worth one.
    Failed,
    /// Present at too many worker losses.
    Quarantined,
    /// No sweep wants it.
    Unwanted,
}

/// What keeps a ready job out of the queue for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing.
    No,
    /// Back-off after an infrastructure failure.
    Until(Now),
    /// The rest of the pack that made it ready is about to end too: its siblings should be packed with it again.
    Pack(LeaseId),
}

/// How a job counts in the progress of its sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Waiting,
    Ready,
    Running,
    Done,
    Failed,
}

/// A job's share in the progress of its sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) class: Option<Class>,
    /// Iterations trained so far.
    pub(super) trained: u64,
    /// Iterations it has.
    pub(super) iterations: u64,
}

impl Share {
    /// Whether its job has come to an end, good or bad.
    pub(super) fn ended(self) -> bool {
        matches!(self.class, Some(Class::Done | Class::Failed))
    }
}

/// The outputs that a job has to have once it is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promised(u8);

impl Promised {
    pub(super) fn of(spec: &JobSpec) -> Self {
        Self(spec.outputs().into_iter().fold(0, |all, output| all | 1 << output as u8))
    }

    /// Whether it leaves nothing behind but figures.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// An output that a result lacks.
    pub(super) fn missing(self, outcome: &Outcome) -> Option<Output> {
        self.outputs().find(|output| !outcome.outputs.contains_key(output))
    }

    /// Whether some of them are not `there`.
    pub(super) fn lacks(self, there: impl Fn(Output) -> bool) -> bool {
        !self.outputs().all(there)
    }

    fn outputs(self) -> impl Iterator<Item = Output> {
        Output::ALL.into_iter().filter(move |output| self.0 & 1 << *output as u8 != 0)
    }
}

/// A job in memory. Kept small: there may be 200,000. What it does is in the store.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) fingerprint: Fingerprint,
    pub(super) promised: Promised,
    pub(super) parents: Box<[JobId]>,
    pub(super) children: Vec<JobId>,
    /// Sweeps that want it, oldest first.
    pub(super) claims: Vec<SweepId>,
    pub(super) outputs: Box<[(Output, Artifact)]>,
    pub(super) checkpoint: Option<Box<CheckpointRow>>,
    pub(super) state: State,
    pub(super) height: u64,
    /// Iteration it starts at and iterations it trains.
    pub(super) from: u64,
    pub(super) iterations: u64,
    pub(super) key: KeyId,
    /// Widest pack it may be in: halved at worker losses, `u32::MAX` = any.
    pub(super) cap: u32,
    /// Parents that are not done.
    pub(super) unfinished: u32,
    pub(super) attempt: Attempt,
    pub(super) tries: u32,
    pub(super) losses: u32,
    /// Failures that are tried again, since it last got further.
    pub(super) faults: u32,
}

impl Job {
    /// A stored job, before its parents are linked; open ones begin as `Waiting`.
    pub(super) fn new(row: JobRow, key: KeyId, cap: u32) -> Self {
        let from = row.spec.training().map_or(0, |train| train.span()[0]);
        Self {
            from,
            iterations: row.spec.iterations(),
            fingerprint: row.fingerprint,
            promised: Promised::of(&row.spec),
            parents: row.parents.into(),
            children: Vec::new(),
            claims: Vec::new(),
            outputs: row.outputs.into_iter().collect(),
            checkpoint: row.checkpoint.map(Box::new),
            state: match row.state {
                JobState::Open | JobState::Leased => State::Waiting,
                JobState::Done => State::Done,
                JobState::Failed => State::Failed,
                JobState::Quarantined => State::Quarantined,
                JobState::Unwanted => State::Unwanted,
            },
            height: row.height,
            key,
            cap,
            unfinished: 0,
            attempt: row.attempt,
            tries: row.tries,
            losses: row.losses,
            faults: 0,
        }
    }

    /// The lease it is in.
    pub(super) fn lease(&self) -> Option<LeaseId> {
        match self.state {
            State::Leased { lease } | State::Running { lease, .. } => Some(lease),
            _ => None,
        }
    }

    /// Whether its current attempt has begun.
    pub(super) fn begun(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Notes how far its attempt is, as of a heartbeat.
    pub(super) fn progress(&mut self, done: u64) {
        if let State::Running { iteration, .. } = &mut self.state {
            *iteration = done.max(*iteration);
        }
    }

    /// The state of a job nobody holds: ready if its parents are done.
    pub(super) fn open(&self, hold: Hold) -> State {
        if self.unfinished == 0 { State::Ready { hold } } else { State::Waiting }
    }

    /// Whether it counts as done for those that read it.
    pub(super) fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether outputs were dropped of it.
    pub(super) fn lacks_outputs(&self) -> bool {
        self.done() && self.promised.lacks(|output| self.outputs.iter().any(|(name, _)| *name == output))
    }

    /// Whether it failed for good.
    pub(super) fn failed(&self) -> bool {
        matches!(self.state, State::Failed | State::Quarantined)
    }

    /// Whether what it reads is not there yet; it may be granted in a chain already.
    pub(super) fn waits(&self) -> bool {
        self.share().class == Some(Class::Waiting)
    }

    /// Its share in the progress of its sweeps.
    pub(super) fn share(&self) -> Share {
        let class = match self.state {
            State::Waiting => Some(Class::Waiting),
            State::Ready { .. } => Some(Class::Ready),
            State::Leased { .. } if self.unfinished > 0 => Some(Class::Waiting),
            State::Leased { .. } => Some(Class::Ready),
            State::Running { .. } => Some(Class::Running),
            State::Done => Some(Class::Done),
            State::Failed | State::Quarantined => Some(Class::Failed),
            State::Unwanted => None,
        };
        let at = match self.state {
            State::Done => self.from + self.iterations,
            State::Running { iteration, .. } => iteration,
            _ => self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.iteration),
        };
        let trained = at.saturating_sub(self.from).min(self.iterations);
        Share { class, trained, iterations: self.iterations }
    }
}
