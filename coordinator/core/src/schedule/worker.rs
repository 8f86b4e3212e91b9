//! Workers, their slots and the leases on them. Decides nothing; keeps slots sorted by load.

use super::{
    Now,
    key::PackKey,
    service::{Out, Streak},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use tombola_spec::{
    Digest, JobId, LeaseId, WorkerId,
    worker::{DeviceKind, SlotInfo, WIDTHS, WorkerInfo},
};

/// The width of a pack of `lanes`. On a CPU, where each lane is computed by itself, it is just that.
pub(super) fn width_of(device: DeviceKind, lanes: u32) -> u32 {
    match device {
        DeviceKind::Cpu => lanes,
        DeviceKind::Cuda => WIDTHS.into_iter().find(|width| *width >= lanes).unwrap_or(lanes),
    }
}

/// The most lanes a pack may have on a slot that takes `lanes`.
pub(super) fn room_of(device: DeviceKind, lanes: u32) -> u32 {
    match device {
        DeviceKind::Cpu => lanes.max(1),
        DeviceKind::Cuda => WIDTHS.into_iter().rev().find(|width| *width <= lanes).unwrap_or(1),
    }
}

/// A slot by its worker and its number, the widest slots first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat {
    pub(super) room: Reverse<u32>,
    pub(super) worker: WorkerId,
    pub(super) slot: u32,
}

/// A worker in memory.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: String,
    /// As introduced; `None` for one that has not come back to this leader yet.
    pub(super) info: Option<WorkerInfo>,
    /// The number of its last Hello; 0 = it does not count them.
    pub(super) hello: u64,
    /// Whether its link is up.
    pub(super) linked: bool,
    pub(super) draining: bool,
    /// Its term ended although its link is up; it counts again once it speaks.
    pub(super) silent: bool,
    /// Without a heartbeat until then, its leases are lost.
    pub(super) deadline: Now,
    /// When it was last heard of.
    pub(super) heard: Now,
    /// Leases on each slot, in the order they run: one running, one further.
    pub(super) slots: Vec<Vec<LeaseId>>,
    /// Slots that take nothing, and why.
    pub(super) out: BTreeMap<u32, Out>,
    /// What failed at each slot since its last result.
    pub(super) streaks: BTreeMap<u32, Streak>,
    /// Data sets it said it lacks since it connected.
    pub(super) lacks: BTreeSet<String>,
    /// The last lease given out before it connected: what it says of that or an earlier one may be of an earlier process.
    pub(super) met: LeaseId,
}

impl Worker {
    /// A worker that has not introduced itself to this leader.
    pub(super) fn away(name: String, deadline: Now) -> Self {
        Self {
            name,
            info: None,
            hello: 0,
            linked: false,
            draining: false,
            silent: false,
            deadline,
            heard: Now::ZERO,
            slots: Vec::new(),
            out: BTreeMap::new(),
            streaks: BTreeMap::new(),
            lacks: BTreeSet::new(),
            met: LeaseId(0),
        }
    }

    /// Whether it takes new leases.
    pub(super) fn open(&self) -> bool {
        self.linked && !self.draining && !self.silent
    }

    /// A slot as introduced.
    pub(super) fn slot(&self, slot: u32) -> Option<&SlotInfo> {
        self.info.as_ref()?.slots.get(slot as usize)
    }

    /// The content it holds of a data set.
    pub(super) fn digest(&self, set: &str) -> Option<Digest> {
        self.info.as_ref()?.data.iter().find(|data| data.set == set).map(|data| data.digest)
    }

    /// Whether it can run jobs of a key, given the content each data set is bound to.
    pub(super) fn fits(&self, key: &PackKey, bound: &BTreeMap<String, Digest>) -> bool {
        key.set().is_none_or(|set| self.can_read(set, bound))
    }

    /// Whether it holds a data set, with the content its name is bound to, and never said that it cannot use it.
    pub(super) fn can_read(&self, set: &str, bound: &BTreeMap<String, Digest>) -> bool {
        !self.lacks.contains(set) && self.digest(set).is_some_and(|held| bound.get(set) == Some(&held))
    }

    /// The folder it looks for data sets in, if it said so.
    pub(super) fn data_folder(&self) -> Option<&str> {
        self.info.as_ref().map(|info| info.data_folder.as_str()).filter(|folder| !folder.is_empty())
    }

    /// All its leases.
    pub(super) fn leases(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.slots.iter().flatten().copied()
    }
}

/// All workers.
#[derive(Debug, Default)]
pub(super) struct Floor {
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// The last worker of each name, connected or not.
    pub(super) names: BTreeMap<String, WorkerId>,
    /// Seats that take leases, by the number of leases on them: 0, 1, 2.
    by_load: [BTreeSet<Seat>; 3],
    /// Seats or what they fit changed since the last placement.
    news: bool,
}

impl Floor {
    /// Whether anything changed since this was last asked.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Puts a worker's seats where they belong. Call after any change to its slots, link, silence or draining.
    pub(super) fn reseat(&mut self, id: WorkerId) {
        self.news = true;
        let Some(worker) = self.workers.get(&id) else { return };
        for slot in 0..worker.slots.len() as u32 {
            let Some(info) = worker.slot(slot) else { continue };
            let seat = Seat { room: Reverse(room_of(info.device, info.lanes)), worker: id, slot };
            let load = worker.slots[slot as usize].len().min(2);
            for (n, seats) in self.by_load.iter_mut().enumerate() {
                if n == load && worker.takes(slot) {
                    seats.insert(seat);
                } else {
                    seats.remove(&seat);
                }
            }
        }
    }

    /// Takes a worker's seats away, before it is introduced anew or removed.
    pub(super) fn unseat(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else { return };
        for slot in 0..worker.slots.len() as u32 {
            let Some(info) = worker.slot(slot) else { continue };
            let seat = Seat { room: Reverse(room_of(info.device, info.lanes)), worker: id, slot };
            for seats in &mut self.by_load {
                seats.remove(&seat);
            }
        }
    }

    /// Seats with `load` leases that take more.
    pub(super) fn seats(&self, load: usize) -> &BTreeSet<Seat> {
        &self.by_load[load]
    }

    /// Kind of device of a seat.
    pub(super) fn device(&self, seat: &Seat) -> DeviceKind {
        self.workers
            .get(&seat.worker)
            .and_then(|worker| worker.slot(seat.slot))
            .map_or(DeviceKind::Cpu, |slot| slot.device)
    }

    /// Leases on a seat.
    pub(super) fn leases(&self, seat: &Seat) -> &[LeaseId] {
        let worker = self.workers.get(&seat.worker);
        worker.and_then(|worker| worker.slots.get(seat.slot as usize)).map_or(&[], Vec::as_slice)
    }
}

/// A worker, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerView {
    /// Identity.
    pub worker: WorkerId,
    /// Its name.
    pub name: String,
    /// `connected`, `draining`, or `away`: its link is down, its leases run on until their term ends.
    pub state: &'static str,
    /// As introduced; `None` for one that has not come back to this leader yet.
    pub info: Option<WorkerInfo>,
    /// Its slots.
    pub slots: Vec<SlotView>,
    /// Seconds since it was last heard of.
    pub silent_s: f64,
}

/// A slot's jobs, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotView {
    /// Jobs that run.
    pub running: Vec<JobId>,
    /// Jobs that are leased and not begun.
    pub queued: Vec<JobId>,
    /// Why it takes nothing new, if so.
    pub out: Option<String>,
}
