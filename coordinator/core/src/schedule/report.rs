//! Facts about attempts. A fact about an attempt that is not the job's is fenced; everything is acknowledged, because
//! nothing that is true can be lost by it.

use super::{Fact, Message, Scheduler, attempt::groundless, job::State};
use crate::record::{Ending, JobState, Write};
use tombola_spec::{
    Attempt, JobId, LeaseId, WorkerId,
    outcome::{Failure, FailureClass, Outcome},
};

/// What an attempt is to the scheduler.
enum Standing {
    /// In work under this lease.
    Current(LeaseId),
    /// Its result is committed; the worker repeats itself because it did not hear so.
    Done,
    /// Somebody else's, or nobody's.
    Fenced,
}

impl Scheduler {
    pub(super) fn report(
        &mut self,
        worker: WorkerId,
        sequence: u64,
        job: JobId,
        attempt: Attempt,
        fact: Fact,
    ) {
        self.alive(worker);
        match self.standing(worker, job, attempt) {
            Standing::Current(lease) => self.learn(worker, lease, job, attempt, fact),
            Standing::Done => {}
            Standing::Fenced => self.send(worker, Message::Fenced(vec![(job, attempt)])),
        }
        self.send(worker, Message::Ack(sequence));
    }

    fn standing(&self, worker: WorkerId, id: JobId, attempt: Attempt) -> Standing {
        let Some(job) = self.graph.get(id).filter(|job| job.attempt == attempt) else {
            return Standing::Fenced;
        };
        match job.lease() {
            Some(lease) if self.leases.get(&lease).is_some_and(|lease| lease.worker == worker) => {
                Standing::Current(lease)
            }
            None if job.done() => Standing::Done,
            _ => Standing::Fenced,
        }
    }

    fn learn(&mut self, worker: WorkerId, lease: LeaseId, job: JobId, attempt: Attempt, fact: Fact) {
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.still = None;
        }
        match fact {
            Fact::Started { iteration } => self.started(worker, lease, job, iteration),
            Fact::Metrics { batch, series } => {
                self.began(lease, job);
                self.write(Write::Metrics { job, attempt, batch, series });
            }
            Fact::CheckpointGone => self.began(lease, job),
            // What stands on an input that was never committed is nobody's checkpoint.
            Fact::Checkpoint(_) if self.uncommitted_parent(job).is_some() => self.began(lease, job),
            Fact::Checkpoint(checkpoint) => {
                self.began(lease, job);
                self.write(Write::Checkpoint { job, attempt, checkpoint });
                self.graph.change(job, |job| {
                    job.checkpoint = Some(Box::new(checkpoint));
                    job.faults = 0;
                });
            }
            Fact::Finished(outcome) => {
                self.began(lease, job);
                match self.objection(job, &outcome) {
                    None => self.finish(job, *outcome),
                    Some(failure) => self.fail(job, failure),
                }
            }
            Fact::Failed(failure) => self.fail(job, failure),
            Fact::GivenBack => self.end(job, Ending::Drained, None, JobState::Open, super::job::Hold::No),
        }
    }

    fn started(&mut self, worker: WorkerId, lease: LeaseId, id: JobId, iteration: u64) {
        let Some(job) = self.graph.get(id) else { return };
        if matches!(job.state, State::Running { recorded: true, .. }) {
            return;
        }
        let attempt = job.attempt;
        self.write(Write::Start { job: id, attempt, worker, lease, iteration });
        self.mark_started(lease);
        self.graph.change(id, |job| job.state = State::Running { lease, iteration, recorded: true });
    }

    /// A fact about a leased attempt means that it began, even if an earlier leader heard so.
    pub(super) fn began(&mut self, lease: LeaseId, id: JobId) {
        self.mark_started(lease);
        self.graph.change(id, |job| {
            if matches!(job.state, State::Leased { .. }) {
                let iteration = job.checkpoint.as_ref().map_or(job.from, |checkpoint| checkpoint.iteration);
                job.state = State::Running { lease, iteration, recorded: false };
            }
        });
    }

    fn mark_started(&mut self, lease: LeaseId) {
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.started = true;
        }
    }

    /// Why a result cannot be believed, if so.
    fn objection(&self, id: JobId, outcome: &Outcome) -> Option<Failure> {
        if let Some(parent) = self.uncommitted_parent(id) {
            return Some(groundless(parent));
        }
        let missing = self.graph.get(id)?.promised.missing(outcome)?;
        let message = format!("the worker reported a result without its {missing}");
        Some(Failure { class: FailureClass::Internal, message })
    }

    /// A parent whose result was refused after later stages of the same lease had begun to build on it.
    fn uncommitted_parent(&self, id: JobId) -> Option<JobId> {
        let parents = self.graph.get(id)?.parents.iter().copied();
        parents.into_iter().find(|parent| !self.graph.get(*parent).is_some_and(super::job::Job::done))
    }

    /// A worker gave back what it had not started of a lease.
    pub(super) fn returned(&mut self, worker: WorkerId, lease: LeaseId, jobs: &[JobId]) {
        self.alive(worker);
        let Some(held) = self.leases.get_mut(&lease).filter(|lease| lease.worker == worker) else { return };
        held.recalled = false;
        // What follows others first: what was given back with them is not fenced.
        for &job in jobs.iter().rev() {
            if self.graph.get(job).is_some_and(|job| job.lease() == Some(lease)) {
                self.end(job, Ending::Recalled, None, JobState::Open, super::job::Hold::No);
            }
        }
    }
}
