//! Attempts that stand still in the hands of a worker that lives: an engine that hangs where its agent does not see it, a disk
//! that never answers. Judged is what a worker says that it runs; what it holds and does not name is to be begun, or waits for
//! its outputs to be uploaded, and may take as long as that takes.

use super::{Message, Now, Scheduler, service::Out};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tombola_spec::{
    Attempt, JobId, LeaseId, WorkerId,
    outcome::{Failure, FailureClass},
};

/// An attempt, and how far its worker says it is.
pub(super) type Told = (JobId, Attempt, u64);

/// A lease of which heartbeats say the same each time, and nothing else is said.
#[derive(Debug)]
pub(super) struct Still {
    /// Its attempts, and how far they are: one that ends where another begins moves, though no number does.
    at: Vec<Told>,
    /// When that was first said.
    since: Now,
}

impl Scheduler {
    /// A heartbeat named these attempts of each lease: takes back what has stood still for too long.
    pub(super) fn watch(&mut self, id: WorkerId, named: &BTreeMap<LeaseId, Vec<Told>>) {
        let Some(worker) = self.floor.workers.get(&id) else { return };
        let patience = self.patience(id);
        let mut stuck = Vec::new();
        for lease in worker.leases() {
            let Some(held) = self.leases.get_mut(&lease) else { continue };
            let before = held.still.take();
            held.still = named.get(&lease).map(|told| match before {
                Some(still) if still.at == *told => still,
                _ => Still { at: told.clone(), since: self.now },
            });
            if held.still.as_ref().is_some_and(|still| still.since + patience <= self.now) {
                stuck.push(lease);
            }
        }
        for lease in stuck {
            self.take_back(id, lease, named.get(&lease).map_or(&[], Vec::as_slice));
        }
    }

    /// How long attempts of a worker may stand still. Its own agent, which sees more, is to have found out long before.
    fn patience(&self, id: WorkerId) -> Duration {
        let info = self.floor.workers.get(&id).and_then(|worker| worker.info.as_ref());
        let own = Duration::from_secs(info.map_or(0, |info| info.patience_s));
        self.config.stuck_after.max(own.saturating_mul(2))
    }

    /// Ends attempts as their agent would have ended them, and has the slot take nothing until they are out of its hands.
    fn take_back(&mut self, id: WorkerId, lease: LeaseId, told: &[Told]) {
        let Some(slot) = self.leases.get(&lease).map(|lease| lease.slot) else { return };
        let name = self.floor.workers.get(&id).map_or_else(String::new, |worker| worker.name.clone());
        let seconds = self.patience(id).as_secs();
        let mut lanes = BTreeSet::new();
        for &(job, attempt, _) in told {
            let current = self.graph.get(job).filter(|job| job.attempt == attempt);
            // Said twice, or gone with a job that it stood on.
            if current.is_none_or(|job| job.lease() != Some(lease)) {
                continue;
            }
            let message =
                format!("stuck: slot {slot} of {name} lives, and did not get on with it for {seconds} s");
            self.fail(job, Failure { class: FailureClass::Crashed, message });
            self.send(id, Message::Cancel(job, attempt));
            lanes.insert((job, attempt));
        }
        let jobs: Vec<String> = lanes.iter().map(|(job, _)| job.to_string()).collect();
        self.warn(format!(
            "worker.stuck: slot {slot} of the worker `{name}` did not get on for {seconds} s with {}; taken back",
            jobs.join(", ")
        ));
        self.shun(id, slot, lanes);
    }

    /// Leaves a slot alone until its worker names these attempts no more. What it has not begun goes elsewhere.
    fn shun(&mut self, id: WorkerId, slot: u32, lanes: BTreeSet<(JobId, Attempt)>) {
        let Some(worker) = self.floor.workers.get_mut(&id) else { return };
        worker.out.insert(slot, Out::Stuck(lanes));
        let waiting = worker.slots.get(slot as usize).cloned().unwrap_or_default();
        self.floor.reseat(id);
        for lease in waiting {
            if self.leases.get(&lease).is_some_and(|lease| !lease.recalled) {
                self.recall(lease);
            }
        }
    }

    /// Slots whose worker names nothing any more that was taken back from them work again, after a rest.
    pub(super) fn end_stuck(&mut self, id: WorkerId, progress: &[Told]) {
        let Some(worker) = self.floor.workers.get(&id) else { return };
        let named =
            |lane: &(JobId, Attempt)| progress.iter().any(|(job, attempt, _)| (*job, *attempt) == *lane);
        let over = |out: &Out| matches!(out, Out::Stuck(lanes) if !lanes.iter().any(named));
        let free: Vec<u32> = worker.out.iter().filter(|(_, out)| over(out)).map(|(slot, _)| *slot).collect();
        free.into_iter().for_each(|slot| self.rest(id, slot));
    }

    /// What people are told of a lease that does not get on, from a minute on.
    pub(super) fn standstill(&self, now: Now, id: LeaseId) -> Option<String> {
        let lease = self.leases.get(&id)?;
        let stood = now.saturating_sub(lease.still.as_ref()?.since);
        let patience = self.patience(lease.worker).as_secs();
        (stood >= Duration::from_secs(60)).then(|| {
            format!(
                "it has not got on for {} s; after {patience} s it is taken back and tried elsewhere",
                stood.as_secs()
            )
        })
    }
}
