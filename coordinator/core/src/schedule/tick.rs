//! What happens because time passed: silent workers lose their leases, pauses and rests end, finished work is forgotten.

use super::{
    Scheduler,
    job::{Hold, State},
};
use crate::record::{Ending, WorkerState, Write};
use tombola_spec::{JobId, SweepId, WorkerId};

impl Scheduler {
    pub(super) fn tick(&mut self) {
        self.end_terms();
        self.end_pauses();
        self.end_rests();
        self.forget_old();
    }

    fn end_terms(&mut self) {
        let over = |worker: &&super::worker::Worker| worker.deadline <= self.now && !worker.silent;
        let workers = self.floor.workers.iter().filter(|(_, worker)| over(worker));
        let silent: Vec<WorkerId> = workers.map(|(id, _)| *id).collect();
        for id in silent {
            self.release(id, |_, _| false, Ending::Lost);
            self.write(Write::WorkerState { worker: id, state: WorkerState::Lost });
            let Some(worker) = self.floor.workers.get_mut(&id) else { continue };
            worker.silent = true;
            let linked = worker.linked;
            self.floor.reseat(id);
            if !linked {
                self.forget_worker(id);
            }
        }
    }

    fn end_pauses(&mut self) {
        while let Some(&(until, job)) = self.pauses.first().filter(|(until, _)| *until <= self.now) {
            self.pauses.pop_first();
            self.end_hold(job, Hold::Until(until));
        }
    }

    fn forget_old(&mut self) {
        while let Some(&(_, job)) = self.fading.front().filter(|(due, _)| *due <= self.now) {
            self.fading.pop_front();
            if self.nobody_waits_for(job) {
                self.forget(job);
            }
        }
    }

    /// Notes a job that may be forgotten after a while.
    pub(super) fn fade(&mut self, id: JobId) {
        if self.nobody_waits_for(id) {
            self.fading.push_back((self.now + self.config.remember, id));
        }
    }

    /// Nobody will ask for a job's inputs again: it, and parents of which it was the last child, may fade.
    pub(super) fn fade_around(&mut self, id: JobId) {
        let parents = self.graph.get(id).map(|job| job.parents.clone()).unwrap_or_default();
        parents.iter().copied().chain([id]).for_each(|id| self.fade(id));
    }

    pub(super) fn nobody_waits_for(&self, id: JobId) -> bool {
        let Some(job) = self.graph.get(id) else { return false };
        let over = |child: &JobId| {
            self.graph.get(*child).is_none_or(|child| matches!(child.state, State::Done | State::Unwanted))
        };
        match job.state {
            State::Done => job.children.iter().all(over),
            State::Unwanted => true,
            _ => false,
        }
    }

    /// Forgets a sweep none of whose jobs is in memory and that nothing can add to.
    pub(super) fn forget_sweep(&mut self, id: SweepId) {
        if self.graph.sweeps.get(&id).is_some_and(|sweep| sweep.tally.is_empty() && !sweep.is_unjudged()) {
            self.graph.drop_sweep(id);
        }
    }

    fn forget(&mut self, id: JobId) {
        let claims = self.graph.get(id).map(|job| job.claims.clone()).unwrap_or_default();
        self.graph.forget(id);
        for sweep in claims {
            self.forget_sweep(sweep);
        }
    }
}
