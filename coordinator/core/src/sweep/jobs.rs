//! Collects the jobs of a sweep, each once, parents before children.

use crate::plan::{JobPlan, TrialPlan};
use std::{collections::HashMap, sync::Arc};
use tombola_spec::{Fingerprint, job::JobSpec};

/// Jobs found so far.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: Vec<JobPlan>,
    /// Only looked up, never walked: its order is random.
    index: HashMap<Fingerprint, usize>,
}

impl Jobs {
    /// Adds a job, unless it is there. Its parents have been added before.
    pub(super) fn add(&mut self, spec: JobSpec) -> Fingerprint {
        let fingerprint = Fingerprint::of(&spec);
        self.index.entry(fingerprint).or_insert_with(|| {
            let mut parents = Vec::new();
            for input in spec.inputs() {
                if !parents.contains(&input.job) {
                    parents.push(input.job);
                }
            }
            self.jobs.push(JobPlan { fingerprint, spec: Arc::new(spec), parents, height: 0, users: 0 });
            self.jobs.len() - 1
        });
        fingerprint
    }

    /// What a job that was added does.
    pub(super) fn spec(&self, fingerprint: Fingerprint) -> Option<&JobSpec> {
        self.index.get(&fingerprint).map(|&at| &*self.jobs[at].spec)
    }

    /// The jobs, with the rounds and analyses that have each counted and the critical path below each measured.
    pub(super) fn finish(mut self, trials: &[TrialPlan]) -> Vec<JobPlan> {
        let of_rounds = trials.iter().flat_map(|trial| &trial.rounds);
        let of_rounds = of_rounds.flat_map(|round| round.mask.iter().chain(&round.train));
        let of_analyses = trials.iter().flat_map(|trial| &trial.analyses).map(|analysis| &analysis.job);
        for fingerprint in of_rounds.chain(of_analyses) {
            if let Some(&at) = self.index.get(fingerprint) {
                self.jobs[at].users += 1;
            }
        }
        // Backwards, so that all children of a job have been measured before it.
        for at in (0..self.jobs.len()).rev() {
            self.jobs[at].height += self.jobs[at].spec.iterations();
            let height = self.jobs[at].height;
            for parent in self.jobs[at].parents.clone() {
                if let Some(&parent) = self.index.get(&parent) {
                    self.jobs[parent].height = self.jobs[parent].height.max(height);
                }
            }
        }
        self.jobs
    }
}
