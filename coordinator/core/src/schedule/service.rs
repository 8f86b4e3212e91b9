//! Slots out of service: those whose worker says that they cannot work, and those at which one job after the other fails
//! while it goes well elsewhere: a GPU that is going, a machine whose disk is full. Jobs that fail wherever they run are no
//! slot's fault, and take none out of service.

use super::{Now, Scheduler, worker::Worker};
use std::{collections::BTreeSet, time::Duration};
use tombola_spec::{
    Attempt, JobId, LeaseId, WorkerId,
    outcome::{Failure, FailureClass},
};

/// Why a slot takes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Out {
    /// Its worker says so, and why; it says when it can work again.
    Broken(String),
    /// Too much failed there; it is tried again then.
    Resting(Now),
    /// It did not get on with these, which were taken back; its worker still says that it runs them.
    Stuck(BTreeSet<(JobId, Attempt)>),
}

/// What failed at a slot since its last result.
#[derive(Debug, Default)]
pub(super) struct Streak {
    /// Leases of the packs that failed.
    leases: BTreeSet<LeaseId>,
    /// One job of each: a job that takes down whatever it runs on comes back at once, and is no slot's fault.
    jobs: BTreeSet<JobId>,
    /// What was last said of it.
    why: String,
    /// Rests since the last result.
    rests: u32,
}

/// Whether a failure may be the doing of where it happened.
fn may_be_the_slot(class: FailureClass) -> bool {
    matches!(class, FailureClass::Crashed | FailureClass::Infrastructure | FailureClass::Internal)
}

impl Worker {
    /// Whether a slot takes new leases.
    pub(super) fn takes(&self, slot: u32) -> bool {
        self.open() && !self.out.contains_key(&slot)
    }

    /// How many slots take new leases.
    pub(super) fn taking(&self) -> usize {
        (0..self.slots.len() as u32).filter(|slot| self.takes(*slot)).count()
    }

    /// Why a slot takes nothing, for people.
    pub(super) fn out_of_service(&self, slot: u32, now: Now) -> Option<String> {
        Some(match self.out.get(&slot)? {
            Out::Broken(why) => why.clone(),
            Out::Resting(until) => {
                let (streak, left) = (self.streaks.get(&slot), until.saturating_sub(now).as_secs());
                let (count, why) =
                    streak.map_or((0, ""), |streak| (streak.leases.len(), streak.why.as_str()));
                match count {
                    0 | 1 => format!("tried again in {left} s: {why}"),
                    _ => format!(
                        "tried again in {left} s: {count} packs in a row failed there and nowhere else: {why}"
                    ),
                }
            }
            Out::Stuck(lanes) => {
                let jobs: Vec<String> = lanes.iter().map(|(job, _)| job.to_string()).collect();
                format!("stuck: {} was taken back from it, and it has not let go", jobs.join(", "))
            }
        })
    }
}

impl Scheduler {
    /// A worker says that one of its slots cannot work, or can again.
    pub(super) fn slot_service(&mut self, id: WorkerId, slot: u32, out: Option<String>) {
        self.alive(id);
        let Some(worker) = self.floor.workers.get_mut(&id).filter(|worker| worker.slot(slot).is_some())
        else {
            return;
        };
        match out {
            Some(why) => drop(worker.out.insert(slot, Out::Broken(why))),
            None => drop(worker.out.remove(&slot)),
        }
        self.floor.reseat(id);
    }

    /// Notes at its slot that a job failed. Call it while the job is still in its lease.
    pub(super) fn note_streak(&mut self, job: JobId, failure: &Failure) {
        if !may_be_the_slot(failure.class) {
            return;
        }
        let Some((lease, worker, slot)) = self.seat_of(job) else { return };
        let head = self.head_of(lease, job);
        let Some(worker) = self.floor.workers.get_mut(&worker) else { return };
        let streak = worker.streaks.entry(slot).or_default();
        streak.leases.insert(lease);
        streak.jobs.insert(head);
        streak.why.clone_from(&failure.message);
    }

    /// Lets slots rest at which too much failed in a row. Comes after every failure.
    pub(super) fn rest_slot(&mut self, id: WorkerId, slot: u32) {
        let Some(worker) = self.floor.workers.get(&id).filter(|worker| worker.takes(slot)) else { return };
        let bad =
            |streak: &Streak| streak.leases.len() >= self.config.bad_slot as usize && streak.jobs.len() > 1;
        if !worker.streaks.get(&slot).is_some_and(bad) || !self.goes_well_elsewhere(id, slot) {
            return;
        }
        self.rest(id, slot);
    }

    /// Lets a slot rest, each time longer until something is finished there.
    pub(super) fn rest(&mut self, id: WorkerId, slot: u32) {
        let Some(worker) = self.floor.workers.get_mut(&id) else { return };
        let streak = worker.streaks.entry(slot).or_default();
        let factor = 2u32.saturating_pow(streak.rests.min(16));
        let rest: Duration = self.config.rest.saturating_mul(factor).min(self.config.rest_max);
        streak.rests = streak.rests.saturating_add(1);
        let until = self.now + rest;
        worker.out.insert(slot, Out::Resting(until));
        let waiting = worker.slots.get(slot as usize).cloned().unwrap_or_default();
        self.rests.insert((until, id, slot));
        self.floor.reseat(id);
        // What it has begun goes on; what it has not goes elsewhere.
        let untouched: Vec<_> = waiting.into_iter().filter(|lease| self.is_untouched(*lease)).collect();
        untouched.into_iter().for_each(|lease| self.recall(lease));
    }

    /// A slot finished something: whatever failed there before was not its doing.
    pub(super) fn end_streak(&mut self, job: JobId) {
        if let Some((_, worker, slot)) = self.seat_of(job)
            && let Some(worker) = self.floor.workers.get_mut(&worker)
        {
            worker.streaks.remove(&slot);
        }
    }

    /// Slots whose rest is over take leases again; one further failure in a row sends them back, for longer.
    pub(super) fn end_rests(&mut self) {
        while let Some(&(until, id, slot)) = self.rests.first().filter(|(until, ..)| *until <= self.now) {
            self.rests.pop_first();
            let Some(worker) = self.floor.workers.get_mut(&id) else { continue };
            if worker.out.get(&slot) == Some(&Out::Resting(until)) {
                worker.out.remove(&slot);
                self.floor.reseat(id);
            }
        }
    }

    /// Whether most of the other slots that take work have no failure since their last result.
    fn goes_well_elsewhere(&self, id: WorkerId, slot: u32) -> bool {
        let (mut others, mut troubled) = (0, 0);
        for (other, worker) in &self.floor.workers {
            for number in (0..worker.slots.len() as u32).filter(|number| worker.takes(*number)) {
                if (*other, number) != (id, slot) {
                    others += 1;
                    troubled += usize::from(worker.streaks.contains_key(&number));
                }
            }
        }
        troubled * 2 < others
    }

    pub(super) fn seat_of(&self, job: JobId) -> Option<(LeaseId, WorkerId, u32)> {
        let id = self.graph.get(job)?.lease()?;
        self.leases.get(&id).map(|lease| (id, lease.worker, lease.slot))
    }

    /// The job that stands for the pack of a job: a pack that fails as a whole failed once.
    fn head_of(&self, lease: LeaseId, job: JobId) -> JobId {
        let stages = self.leases.get(&lease).into_iter().flat_map(|lease| &lease.stages);
        let mut packs = stages.map(|stage| stage.iter().map(|(lane, _)| *lane));
        packs.find(|pack| pack.clone().any(|lane| lane == job)).and_then(Iterator::min).unwrap_or(job)
    }

    fn is_untouched(&self, lease: LeaseId) -> bool {
        self.leases.get(&lease).is_some_and(|lease| !lease.started && !lease.recalled)
    }
}
