//! A store in memory, written from the words of [`Write`] alone: each condition that a write is under is checked. One that
//! fails is a fault of the scheduler, unless another leader came later.

mod attempts;
mod graph;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use tombola_core::{
    record::{
        AnalysisRow, Ending, JobRow, JobState, LastIds, PackRow, RoundRow, SweepRow, TrialRow, WorkerState,
        Write,
    },
    schedule::StoredTrial,
};
use tombola_spec::{
    Attempt, Digest, Epoch, Fingerprint, JobId, LeaseId, SweepId, TrialId, WorkerId,
    data::DataShape,
    outcome::{Failure, Series},
};

/// Why a commit was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The epoch is over.
    Fenced,
    /// A condition of a write does not hold.
    Conflict(String),
}

/// Whether something was dropped of a job.
pub(crate) fn lacks(row: &JobRow) -> bool {
    row.state == JobState::Done && row.spec.outputs().iter().any(|output| !row.outputs.contains_key(output))
}

/// Fails a write whose condition does not hold.
fn demand(holds: bool, what: impl FnOnce() -> String) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Conflict(what())) }
}

/// An attempt, as in `job_history`.
#[derive(Debug, Default)]
pub(crate) struct AttemptRow {
    pub(crate) started: bool,
    /// How it ended without a result, and why.
    pub(crate) ended: Option<(Ending, Option<Failure>)>,
    /// Metric points by batch.
    pub(crate) batches: BTreeMap<u32, Vec<Series>>,
}

/// Trial, analysis, branch, copy, round and pair.
type AnalysisPlace = (TrialId, String, String, u32, u32, [u32; 2]);

/// Everything stored.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) epoch: Epoch,
    /// The process that holds the leadership, by number and life.
    holder: Option<(usize, u64)>,
    pub(crate) sweeps: BTreeMap<SweepId, SweepRow>,
    pub(crate) trials: BTreeMap<TrialId, TrialRow>,
    pub(crate) rounds: BTreeMap<(TrialId, String, u32, u32), RoundRow>,
    pub(crate) analyses: BTreeMap<AnalysisPlace, AnalysisRow>,
    pub(crate) jobs: BTreeMap<JobId, JobRow>,
    fingerprints: BTreeMap<Fingerprint, JobId>,
    /// What jobs were called that others replaced.
    born: BTreeMap<JobId, Fingerprint>,
    /// The lease of each leased job.
    pub(crate) leases: BTreeMap<JobId, LeaseId>,
    pub(crate) packs: BTreeMap<LeaseId, PackRow>,
    pub(crate) attempts: BTreeMap<(JobId, Attempt), AttemptRow>,
    pub(crate) claims: BTreeSet<(SweepId, JobId)>,
    pub(crate) data: BTreeMap<String, (Digest, DataShape)>,
    pub(crate) workers: BTreeMap<WorkerId, (String, WorkerState)>,
    last: LastIds,
}

impl Store {
    /// Makes a process the leader, if no other is.
    pub(crate) fn lead(&mut self, process: (usize, u64)) -> Option<Epoch> {
        if self.holder.is_some_and(|holder| holder != process) {
            return None;
        }
        self.holder = Some(process);
        self.epoch.0 += 1;
        Some(self.epoch)
    }

    /// The connection that held a process's leadership is gone.
    pub(crate) fn let_go(&mut self, process: (usize, u64)) {
        if self.holder == Some(process) {
            self.holder = None;
        }
    }

    /// Applies all writes; `law` sees each before it is applied. A conflict leaves the store half written: nobody goes on.
    pub(crate) fn commit(
        &mut self,
        epoch: Epoch,
        writes: Vec<Write>,
        mut law: impl FnMut(&Self, &Write),
    ) -> Result<(), Refusal> {
        if epoch != self.epoch {
            return Err(Refusal::Fenced);
        }
        for write in writes {
            law(self, &write);
            self.apply(write)?;
        }
        Ok(())
    }

    fn apply(&mut self, write: Write) -> Result<(), Refusal> {
        match write {
            Write::Lease(pack) => self.lease(pack),
            Write::Start { job, attempt, worker, lease, iteration: _ } => {
                self.start(job, attempt, worker, lease)
            }
            Write::Checkpoint { job, attempt, checkpoint } => {
                self.leased(job, attempt, "a checkpoint")?.checkpoint = Some(checkpoint);
                Ok(())
            }
            Write::Metrics { job, attempt, batch, series } => self.metrics(job, attempt, batch, &series),
            Write::Finish { job, attempt, outcome } => self.finish(job, attempt, outcome),
            Write::End { job, attempt, failure, how, next, tries, losses } => {
                self.end((job, attempt), (how, failure), next, (tries, losses))
            }
            other => self.apply_to_graph(other),
        }
    }

    /// A sweep by name.
    pub(crate) fn sweep(&self, name: &str) -> Option<&SweepRow> {
        self.sweeps.values().find(|sweep| sweep.name == name)
    }

    /// Jobs with these fingerprints, in any state.
    pub(crate) fn find<'a>(&'a self, all: impl Iterator<Item = &'a Fingerprint>) -> Vec<JobRow> {
        all.filter_map(|fingerprint| Some(self.jobs[self.fingerprints.get(fingerprint)?].clone())).collect()
    }

    /// The trials of a sweep with the places of their rounds.
    pub(crate) fn stored(&self, sweep: SweepId) -> Vec<StoredTrial> {
        let places = |id: TrialId| {
            let own = self.rounds.keys().filter(move |(trial, ..)| *trial == id);
            own.map(|(_, branch, copy, round)| (branch.clone(), *copy, *round)).collect()
        };
        let trials = self.trials.values().filter(|trial| trial.sweep == sweep);
        trials.map(|row| StoredTrial { row: row.clone(), rounds: places(row.id) }).collect()
    }

    /// What a sweep claims and has done, with its iterations.
    pub(crate) fn done(&self, sweep: SweepId) -> Vec<(JobId, u64)> {
        let done = self.claimed(sweep).filter(|row| row.state == JobState::Done);
        done.map(|row| (row.id, row.spec.iterations())).collect()
    }

    /// Jobs that no living job reads.
    pub(crate) fn droppable(&self) -> impl Iterator<Item = JobId> {
        let living =
            self.jobs.values().filter(|row| !matches!(row.state, JobState::Done | JobState::Unwanted));
        let read: BTreeSet<JobId> = living.flat_map(|row| row.parents.iter().copied()).collect();
        let idle = move |row: &&JobRow| row.state == JobState::Done && !read.contains(&row.id);
        self.jobs.values().filter(idle).map(|row| row.id)
    }

    /// The fingerprint a job came with.
    pub(crate) fn born(&self, row: &JobRow) -> Fingerprint {
        self.born.get(&row.id).copied().unwrap_or(row.fingerprint)
    }

    /// The jobs a sweep claims.
    pub(crate) fn claimed(&self, sweep: SweepId) -> impl Iterator<Item = &JobRow> {
        let claims = self.claims.range((sweep, JobId(0))..=(sweep, JobId(u64::MAX)));
        claims.map(|(_, job)| &self.jobs[job])
    }

    /// Whether an attempt is the one that a job is leased under.
    pub(crate) fn is_leased(&self, job: JobId, attempt: Attempt) -> bool {
        self.jobs.get(&job).is_some_and(|row| row.state == JobState::Leased && row.attempt == attempt)
    }

    /// Whether an attempt is the one a job was done by.
    pub(crate) fn is_done_by(&self, job: JobId, attempt: Attempt) -> bool {
        self.jobs.get(&job).is_some_and(|row| row.state == JobState::Done && row.attempt == attempt)
    }
}
