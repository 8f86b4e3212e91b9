//! The jobs in memory, their parents and children, and the sweeps that want them. Every change of a job goes through
//! [`Graph::change`], which keeps the sweeps' counters right. Decides nothing.

use super::{
    job::Job,
    sweep::{Judged, Sweep, oldest},
};
use crate::record::SweepState;
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{Fingerprint, JobId, SweepId, job::Input, outcome::Artifact};

/// Jobs and sweeps.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Boxed, so that the tree's half-empty nodes stay small.
    pub(super) jobs: BTreeMap<JobId, Box<Job>>,
    pub(super) by_fingerprint: BTreeMap<Fingerprint, JobId>,
    pub(super) sweeps: BTreeMap<SweepId, Sweep>,
    /// Sweeps with news since this was last taken.
    pub(super) changed: BTreeSet<SweepId>,
    /// Sweeps of which something is known that nobody has judged.
    pub(super) unjudged: BTreeSet<SweepId>,
}

impl Graph {
    pub(super) fn get(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id).map(|job| &**job)
    }

    /// Changes a job and the counters of its sweeps.
    pub(super) fn change(&mut self, id: JobId, edit: impl FnOnce(&mut Job)) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let before = job.share();
        edit(job);
        let after = job.share();
        if before == after {
            return;
        }
        for id in &job.claims {
            if let Some(sweep) = self.sweeps.get_mut(id) {
                sweep.tally.remove(before);
                sweep.tally.add(after);
                if after.ended() && !before.ended() && sweep.hear() {
                    self.unjudged.insert(*id);
                }
            }
            self.changed.insert(*id);
        }
    }

    /// Results decide how far a sweep's trials go, or do no more.
    pub(super) fn decides(&mut self, id: SweepId, judged: Option<Judged>) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        sweep.judged = judged;
        if sweep.is_unjudged() {
            self.unjudged.insert(id);
        } else {
            self.unjudged.remove(&id);
        }
    }

    /// Forgets a sweep.
    pub(super) fn drop_sweep(&mut self, id: SweepId) {
        self.sweeps.remove(&id);
        self.unjudged.remove(&id);
    }

    /// Adds a job without links.
    pub(super) fn insert(&mut self, id: JobId, job: Job) {
        self.by_fingerprint.insert(job.fingerprint, id);
        self.jobs.insert(id, Box::new(job));
    }

    /// Gives a job another fingerprint; its own is free then.
    pub(super) fn rename(&mut self, id: JobId, fingerprint: Fingerprint) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        self.by_fingerprint.remove(&job.fingerprint);
        self.by_fingerprint.insert(fingerprint, id);
        job.fingerprint = fingerprint;
    }

    /// Puts a job that nobody holds under other parents. They have to be linked after that; its checkpoint stood on those before.
    pub(super) fn move_under(&mut self, id: JobId, parents: Vec<JobId>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.checkpoint = None;
        for parent in std::mem::replace(&mut job.parents, parents.into()) {
            if let Some(parent) = self.jobs.get_mut(&parent) {
                parent.children.retain(|child| *child != id);
            }
        }
    }

    /// Makes `child` known to those of its parents for which `new` holds.
    pub(super) fn link(&mut self, child: JobId, new: impl Fn(JobId) -> bool) {
        let Some(job) = self.jobs.get(&child) else { return };
        let parents: Vec<JobId> = job.parents.iter().copied().filter(|parent| new(*parent)).collect();
        for parent in parents {
            if let Some(parent) = self.jobs.get_mut(&parent) {
                parent.children.push(child);
            }
        }
    }

    /// Parents of `id` that are not done.
    pub(super) fn unfinished(&self, id: JobId) -> u32 {
        let parents = self.get(id).map_or(&[][..], |job| &job.parents);
        parents.iter().filter(|parent| !self.get(**parent).is_some_and(Job::done)).count() as u32
    }

    /// Removes a job that nobody waits for.
    pub(super) fn forget(&mut self, id: JobId) {
        let Some(job) = self.jobs.remove(&id) else { return };
        self.by_fingerprint.remove(&job.fingerprint);
        for sweep in &job.claims {
            if let Some(sweep) = self.sweeps.get_mut(sweep) {
                sweep.tally.remove(job.share());
                sweep.gone = (sweep.gone.0 + 1, sweep.gone.1 + job.iterations);
            }
        }
        // A done parent never looks at its children again; an open one would count this child twice if it came back.
        for parent in &job.parents {
            if let Some(parent) = self.jobs.get_mut(parent)
                && !parent.done()
            {
                parent.children.retain(|child| *child != id);
            }
        }
    }

    /// A sweep wants a job.
    pub(super) fn claim(&mut self, sweep: SweepId, id: JobId) {
        let (Some(row), Some(job)) = (self.sweeps.get_mut(&sweep), self.jobs.get_mut(&id)) else { return };
        if job.claims.contains(&sweep) {
            return;
        }
        job.claims.reserve_exact(1);
        job.claims.push(sweep);
        row.tally.add(job.share());
        row.jobs.push(id);
        // What was done before it was wanted is known at once.
        if job.share().ended() && row.hear() {
            self.unjudged.insert(sweep);
        }
    }

    /// A sweep gives up a job.
    pub(super) fn unclaim(&mut self, sweep: SweepId, id: JobId) {
        let (Some(row), Some(job)) = (self.sweeps.get_mut(&sweep), self.jobs.get_mut(&id)) else { return };
        if let Some(at) = job.claims.iter().position(|claim| *claim == sweep) {
            job.claims.remove(at);
            row.tally.remove(job.share());
        }
    }

    /// The oldest active sweep that wants a job.
    pub(super) fn wanted_by(&self, job: &Job) -> Option<SweepId> {
        oldest(&job.claims, |sweep| {
            self.sweeps.get(&sweep).is_some_and(|sweep| sweep.state == SweepState::Active)
        })
    }

    /// The child on the longest way to the end of its sweep for which `fits` holds.
    pub(super) fn critical_child(
        &self,
        id: JobId,
        fits: impl Fn(JobId, &Job) -> bool,
    ) -> Option<(JobId, &Job)> {
        let children = self.get(id)?.children.iter();
        children
            .filter_map(|child| Some((*child, self.get(*child)?)))
            .filter(|(child, job)| fits(*child, job))
            .max_by_key(|(child, job)| (job.height, std::cmp::Reverse(*child)))
    }

    /// What the parents of `job` left behind that are done.
    pub(super) fn made_for(&self, job: &Job) -> impl Iterator<Item = (Input, Artifact)> {
        let makers = job.parents.iter().filter_map(|parent| self.get(*parent));
        makers.flat_map(|maker| {
            let input = |output| Input { job: maker.fingerprint, output };
            maker.outputs.iter().map(move |(output, artifact)| (input(*output), *artifact))
        })
    }
}
