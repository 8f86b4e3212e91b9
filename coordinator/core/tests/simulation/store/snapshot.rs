//! What a new leader folds, as [`Snapshot`] says.

use super::Store;
use std::collections::{BTreeMap, BTreeSet};
use tombola_core::record::{JobRow, JobState, Snapshot, SweepState};
use tombola_spec::{JobId, LeaseId, SweepId};

impl Store {
    /// Reads what lives.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let claimed: BTreeSet<JobId> = self.claims.iter().map(|(_, job)| *job).collect();
        let living = |id: &JobId| !matches!(self.jobs[id].state, JobState::Done | JobState::Unwanted);
        let mut ids: BTreeSet<JobId> = claimed.into_iter().filter(living).collect();
        let parents: Vec<JobId> = ids.iter().flat_map(|id| &self.jobs[id].parents).copied().collect();
        ids.extend(parents.into_iter().filter(|parent| self.jobs[parent].state == JobState::Done));
        let sweeps = self.sweeps.values().filter(|sweep| {
            let lives = || self.claimed(sweep.id).any(|job| living(&job.id));
            sweep.state != SweepState::Cancelled && (sweep.decides || lives())
        });
        let sweeps: Vec<_> = sweeps.cloned().collect();
        let leased: BTreeSet<LeaseId> = self.leases.values().copied().collect();
        Snapshot {
            gone: sweeps.iter().map(|sweep| self.gone(sweep.id, &ids)).collect(),
            claims: self.claims.iter().filter(|(_, job)| ids.contains(job)).copied().collect(),
            packs: leased.iter().map(|lease| self.packs[lease].clone()).collect(),
            jobs: ids.iter().map(|id| self.jobs[id].clone()).collect(),
            data: self.data.iter().map(|(set, (digest, shape))| (set.clone(), *digest, *shape)).collect(),
            workers: self.workers.iter().map(|(id, (name, _))| (*id, name.clone())).collect(),
            last: self.last,
            sweeps,
        }
    }

    /// What a sweep has done that is not among `ids`.
    fn gone(&self, sweep: SweepId, ids: &BTreeSet<JobId>) -> (SweepId, u64, u64) {
        let gone = |row: &&JobRow| row.state == JobState::Done && !ids.contains(&row.id);
        let done: BTreeMap<JobId, u64> =
            self.claimed(sweep).filter(gone).map(|row| (row.id, row.spec.iterations())).collect();
        (sweep, done.len() as u64, done.values().sum())
    }
}
