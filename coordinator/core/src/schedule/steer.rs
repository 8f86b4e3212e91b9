//! What people ask of sweeps: pause, resume, stop, cancel, retry.

use super::{
    Effect, Message, Scheduler,
    job::{Hold, Job, State},
    sweep::Sweep,
};
use crate::record::{Ending, JobState, SweepState, Write};
use tombola_spec::{JobId, LeaseId, SweepId};

impl Scheduler {
    pub(super) fn set_state(&mut self, id: SweepId, state: SweepState) {
        let command = state.command();
        let Some(sweep) = self.graph.sweeps.get(&id) else {
            return self.reject(format!("this sweep is finished: there is nothing to {command}"));
        };
        if let Some(why) = over(sweep, state) {
            return self.reject(why);
        }
        if sweep.state == state {
            return;
        }
        self.write(Write::SweepState { sweep: id, state });
        if let Some(sweep) = self.graph.sweeps.get_mut(&id) {
            sweep.state = state;
        }
        self.graph.changed.insert(id);
        match state {
            SweepState::Active => self.consider_all(id),
            SweepState::Paused | SweepState::Stopped => {
                self.consider_all(id);
                let leases: Vec<LeaseId> = self.leases.keys().copied().collect();
                self.recall_unwanted(leases);
            }
            SweepState::Cancelled => self.cancel(id),
        }
    }

    fn consider_all(&mut self, id: SweepId) {
        for job in self.jobs_of(id) {
            self.consider(job);
        }
    }

    fn jobs_of(&self, id: SweepId) -> Vec<JobId> {
        self.graph.sweeps.get(&id).map(|sweep| sweep.jobs.clone()).unwrap_or_default()
    }

    /// Asks for those jobs of these leases that have not begun and that no active sweep wants.
    pub(super) fn recall_unwanted(&mut self, leases: impl IntoIterator<Item = LeaseId>) {
        for id in leases {
            let unwanted =
                |job: &Job| matches!(job.state, State::Leased { .. }) && self.graph.wanted_by(job).is_none();
            let Some(lease) = self.leases.get(&id).filter(|lease| !lease.recalled) else { continue };
            if lease.jobs().filter_map(|(job, _)| self.graph.get(job)).any(unwanted) {
                self.recall(id);
            }
        }
    }

    /// Asks a worker to give back what it has not started of a lease.
    pub(super) fn recall(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.recalled = true;
        let worker = lease.worker;
        self.send(worker, Message::Recall(id));
    }

    /// Gives up the claims on all that is not done; jobs that nobody else wants end now.
    fn cancel(&mut self, id: SweepId) {
        self.write(Write::Unclaim { sweep: id });
        let mut unwanted = Vec::new();
        for job in self.jobs_of(id) {
            self.graph.unclaim(id, job);
            let Some(row) = self.graph.get(job).filter(|row| row.claims.is_empty()) else {
                self.consider(job);
                continue;
            };
            match row.state {
                State::Leased { lease } | State::Running { lease, .. } => self.cancel_attempt(job, lease),
                State::Done | State::Unwanted => self.fade(job),
                State::Waiting | State::Ready { .. } | State::Failed | State::Quarantined => {
                    unwanted.push(job);
                }
            }
        }
        self.set_job_state(&unwanted, JobState::Unwanted, false);
        self.graph.drop_sweep(id);
    }

    fn cancel_attempt(&mut self, job: JobId, lease: LeaseId) {
        let Some(attempt) = self.graph.get(job).map(|job| job.attempt) else { return };
        let worker = self.leases.get(&lease).map(|lease| lease.worker);
        self.end(job, Ending::Cancelled, None, JobState::Unwanted, Hold::No);
        if let Some(worker) = worker {
            self.send(worker, Message::Cancel(job, attempt));
        }
    }

    pub(super) fn retry(&mut self, id: SweepId) {
        let failed = |job: &JobId| self.graph.get(*job).is_some_and(Job::failed);
        let jobs: Vec<JobId> = self.jobs_of(id).into_iter().filter(failed).collect();
        self.set_job_state(&jobs, JobState::Open, true);
        self.effects.push(Effect::Reopened(jobs.len() as u64));
    }

    /// Changes the state of jobs nobody holds.
    pub(super) fn set_job_state(&mut self, jobs: &[JobId], state: JobState, reset: bool) {
        if jobs.is_empty() {
            return;
        }
        self.write(Write::JobState { jobs: jobs.to_vec(), state, reset });
        for &id in jobs {
            let unfinished = self.graph.unfinished(id);
            self.graph.change(id, |job| {
                job.unfinished = unfinished;
                job.state = match state {
                    JobState::Unwanted => State::Unwanted,
                    _ => job.open(Hold::No),
                };
                if reset {
                    (job.tries, job.losses, job.faults, job.cap) = (0, 0, 0, u32::MAX);
                }
            });
            self.consider(id);
            self.fade_around(id);
        }
    }
}

/// Why a sweep cannot be brought into a state any more: none of its jobs can run.
fn over(sweep: &Sweep, state: SweepState) -> Option<String> {
    let (name, command, progress) = (&sweep.name, state.command(), sweep.progress());
    match progress.standing(sweep.state) {
        "finished" => Some(format!(
            "sweep `{name}` is finished: there is nothing to {command}\nhint: `tombola results {name}` shows what came out"
        )),
        // Its failed jobs may still be given up.
        "failed" if state != SweepState::Cancelled => Some(format!(
            "sweep `{name}` has failed, and nothing of it can run: there is nothing to {command}\nhint: `tombola failures \
             {name}` says why, `tombola retry {name}` opens its failed jobs again"
        )),
        _ => None,
    }
}
