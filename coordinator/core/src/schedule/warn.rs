//! What keeps work from ever starting, said before anybody has to ask.

use super::{Scheduler, explain_sweep::held_up, job::State, sweep::Sweep, worker::Worker};
use std::collections::BTreeSet;
use tombola_spec::SweepId;

impl Scheduler {
    /// What keeps work that reads these data sets from starting, a warning each; none where some worker takes it.
    pub fn warnings<'a>(&self, sets: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let workers: Vec<&Worker> =
            self.floor.workers.values().filter(|worker| worker.taking() > 0).collect();
        if workers.is_empty() {
            return vec![format!("{}, so nothing starts", self.why_nobody_works())];
        }
        let unread =
            sets.into_iter().filter(|set| !workers.iter().any(|worker| worker.can_read(set, &self.bound)));
        unread.map(|set| why_nobody_reads(set, &workers)).collect()
    }

    /// What keeps a sweep's work that is left from starting: that it is paused or stopped, data sets nobody has.
    pub fn sweep_warnings(&self, id: SweepId) -> Vec<String> {
        let Some(sweep) = self.graph.sweeps.get(&id).filter(|sweep| !sweep.progress().finished) else {
            return Vec::new();
        };
        let left = self.sets(sweep, |state| matches!(state, State::Waiting | State::Ready { .. }));
        held_up(sweep).into_iter().chain(self.warnings(left)).collect()
    }

    /// As [`Scheduler::sweep_warnings`], for a sweep none of whose ready jobs can start, and of which nothing runs; else
    /// nothing: a sweep that gets on needs no warning.
    pub fn stalled(&self, id: SweepId) -> Vec<String> {
        let Some(sweep) = self.graph.sweeps.get(&id) else { return Vec::new() };
        let progress = sweep.progress();
        if progress.ready == 0 || progress.running > 0 || self.gets_on(sweep) {
            return Vec::new();
        }
        let ready = self.sets(sweep, |state| matches!(state, State::Ready { .. }));
        held_up(sweep).into_iter().chain(self.warnings(ready)).collect()
    }

    /// Whether a job of a sweep is granted, or waits for nothing but a slot.
    fn gets_on(&self, sweep: &Sweep) -> bool {
        let mut jobs = sweep.jobs.iter().filter_map(|id| self.graph.get(*id));
        jobs.any(|job| match job.state {
            State::Leased { .. } => true,
            State::Ready { .. } => {
                let key = self.keys.get(job.key);
                let mut workers = self.floor.workers.values().filter(|worker| worker.taking() > 0);
                self.graph.wanted_by(job).is_some() && workers.any(|worker| worker.fits(key, &self.bound))
            }
            _ => false,
        })
    }

    /// Data sets that jobs of a sweep in some state read.
    pub(super) fn sets<'a>(&'a self, sweep: &Sweep, which: impl Fn(State) -> bool) -> BTreeSet<&'a str> {
        let jobs = sweep.jobs.iter().filter_map(|id| self.graph.get(*id)).filter(|job| which(job.state));
        let keys: BTreeSet<_> = jobs.map(|job| job.key).collect();
        keys.into_iter().filter_map(|key| self.keys.get(key).set()).collect()
    }
}

fn why_nobody_reads(set: &str, workers: &[&Worker]) -> String {
    if workers.iter().any(|worker| worker.digest(set).is_some()) {
        return format!(
            "no connected worker can use the data set `{set}`, so nothing that trains on it starts; `tombola explain` of a \
             sweep that waits for it says why"
        );
    }
    let told = workers.iter().find_map(|worker| Some((&worker.name, worker.data_folder()?)));
    let place = match told {
        Some((name, folder)) => format!("where a worker looks ({name}: `{folder}/{set}`)"),
        None => "where `tombola-worker --help` says".to_owned(),
    };
    format!(
        "no connected worker has the data set `{set}`, so nothing that trains on it starts; put it {place} and start that \
         worker again"
    )
}
