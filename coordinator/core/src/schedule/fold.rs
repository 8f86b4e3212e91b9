//! A new leader's memory, made of what is stored.

use super::{
    Config, Now, Scheduler,
    graph::Graph,
    job::{Hold, Job, State},
    key::Keys,
    lease::Lease,
    queue::Queue,
    sweep::{Judged, Sweep},
    worker::{Floor, Worker},
};
use crate::record::{JobRow, JobState, PackRow, Snapshot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tombola_spec::JobId;

impl Scheduler {
    /// A scheduler that knows what is stored. Every lease is granted one full term from [`Now::ZERO`]: its worker may
    /// have outlived the leader before.
    pub fn fold(config: Config, snapshot: Snapshot) -> Self {
        let mut scheduler = Self::empty(config);
        scheduler.last = snapshot.last;
        scheduler.bound = snapshot.data.into_iter().map(|(set, digest, _)| (set, digest)).collect();
        scheduler.floor.names = snapshot.workers.into_iter().map(|(id, name)| (name, id)).collect();
        for row in snapshot.sweeps {
            scheduler.graph.sweeps.insert(row.id, Sweep::new(row.name, row.state));
            scheduler.graph.decides(row.id, row.decides.then_some(Judged::FRESH));
        }
        scheduler.fold_jobs(snapshot.jobs, &snapshot.packs);
        for (sweep, job) in snapshot.claims {
            scheduler.graph.claim(sweep, job);
        }
        for (sweep, jobs, iterations) in snapshot.gone {
            if let Some(sweep) = scheduler.graph.sweeps.get_mut(&sweep) {
                sweep.gone = (jobs, iterations);
            }
        }
        let open: Vec<JobId> = scheduler.graph.jobs.keys().copied().collect();
        open.into_iter().for_each(|job| scheduler.consider(job));
        scheduler.graph.changed.clear();
        scheduler
    }

    fn empty(config: Config) -> Self {
        Self {
            config,
            now: Now::ZERO,
            graph: Graph::default(),
            keys: Keys::default(),
            queue: Queue::default(),
            floor: Floor::default(),
            leases: BTreeMap::new(),
            bound: BTreeMap::new(),
            last: crate::record::LastIds::default(),
            rests: BTreeSet::new(),
            pauses: BTreeSet::new(),
            held: BTreeMap::new(),
            fading: VecDeque::new(),
            effects: Vec::new(),
        }
    }

    fn fold_jobs(&mut self, rows: Vec<JobRow>, packs: &[PackRow]) {
        let leased: BTreeSet<JobId> =
            rows.iter().filter(|row| row.state == JobState::Leased).map(|row| row.id).collect();
        let ids: Vec<JobId> = rows.iter().map(|row| row.id).collect();
        for row in rows {
            self.insert(row);
        }
        for &id in &ids {
            self.graph.link(id, |_| true);
            let unfinished = self.graph.unfinished(id);
            self.graph.change(id, |job| {
                job.unfinished = unfinished;
                if job.state == State::Waiting {
                    job.state = job.open(Hold::No);
                }
            });
        }
        packs.iter().for_each(|pack| self.fold_pack(pack, &leased));
    }

    fn fold_pack(&mut self, pack: &PackRow, leased: &BTreeSet<JobId>) {
        let mut open = 0;
        for &(job, attempt) in pack.stages.iter().flatten() {
            let current =
                leased.contains(&job) && self.graph.get(job).is_some_and(|job| job.attempt == attempt);
            if current {
                self.graph.change(job, |job| job.state = State::Leased { lease: pack.lease });
                open += 1;
            }
        }
        if open == 0 {
            return;
        }
        let deadline = self.config.term;
        let name = self.floor.names.iter().find(|(_, id)| **id == pack.worker);
        let name = name.map_or_else(|| pack.worker.to_string(), |(name, _)| name.clone());
        let worker = self.floor.workers.entry(pack.worker).or_insert_with(|| Worker::away(name, deadline));
        let slots = worker.slots.len().max(pack.slot as usize + 1);
        worker.slots.resize(slots, Vec::new());
        worker.slots[pack.slot as usize].push(pack.lease);
        self.leases.insert(pack.lease, Lease::new(pack, open));
    }

    /// A job new in memory, without links; returns its identity.
    pub(super) fn insert(&mut self, row: JobRow) -> JobId {
        let (id, key) = (row.id, self.keys.number(&row.spec));
        // How wide its packs were is forgotten with the leader: a suspect is tried alone.
        let cap = self.cap_after(row.losses, 1);
        self.graph.insert(id, Job::new(row, key, cap));
        id
    }
}
