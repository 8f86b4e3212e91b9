//! What slots say, and what becomes of the jobs of a stage that ended.

use super::{
    super::{
        leases::Running,
        message::{Fact, Held, ToCoordinator},
    },
    Exit, State,
};
use crate::slot::Told;
use tombola_spec::{
    JobId,
    outcome::{Failure, FailureClass},
};

impl State {
    pub(super) fn told(&mut self, slot: usize, told: Told) {
        match told {
            Told::Started { job, iteration } => {
                let first = |running: &mut Running| {
                    (!std::mem::replace(&mut running.started, true)).then_some(Fact::Started { iteration })
                };
                self.fact(slot, job, first);
            }
            Told::Metrics { job, series } => self.fact(slot, job, |running| {
                running.batches += 1;
                Some(Fact::Metrics { batch: running.batches, series })
            }),
            Told::Checkpoint { job, iteration, artifact } => self.fact(slot, job, |running| {
                running.leased.resume = Some(artifact);
                Some(Fact::Checkpoint { iteration, artifact })
            }),
            Told::Finished { job, outcome } => {
                if self.slots[slot].running(job).is_some() {
                    self.slots[slot].made(job, &outcome);
                }
                self.fact(slot, job, |running| {
                    running.over = true;
                    Some(Fact::Finished(outcome))
                });
            }
            Told::Failed { job, failure } => self.fact(slot, job, |running| {
                running.over = true;
                Some(Fact::Failed(failure))
            }),
            Told::Ended => self.stage_ended(slot),
            Told::Broken(message) => self.slot_broke(slot, message),
            Told::Mended => self.slot_mended(slot),
        }
    }

    /// A slot that cannot work takes nothing; the others go on. When none is left, the worker leaves.
    fn slot_broke(&mut self, slot: usize, why: String) {
        self.out.insert(slot, why.clone());
        if self.out.len() == self.slots.len() {
            return self.drain(Exit::Broken(why));
        }
        tracing::error!(
            slot,
            why,
            "slot.out: it is out of service, and tried again now and then; the others go on"
        );
        self.send(ToCoordinator::Service { slot: slot as u32, out: Some(why) });
        self.give_back_waiting(slot);
        if !self.slots[slot].busy {
            self.end_begun(slot);
        }
    }

    fn slot_mended(&mut self, slot: usize) {
        if self.out.remove(&slot).is_some() {
            tracing::info!(slot, "slot.back: it has an engine again");
            self.send(ToCoordinator::Service { slot: slot as u32, out: None });
        }
    }

    /// Records what `make` says of a running job; nothing is recorded of jobs that are over.
    fn fact(&mut self, slot: usize, job: JobId, make: impl FnOnce(&mut Running) -> Option<Fact>) {
        let Some(running) = self.slots[slot].running(job) else { return };
        let held = held(slot, running);
        if let Some(fact) = make(running) {
            self.record(held, fact);
        }
    }

    fn stage_ended(&mut self, slot: usize) {
        self.slots[slot].busy = false;
        let yielded = std::mem::take(&mut self.slots[slot].yielding);
        // What yielded to a full spool goes on from its checkpoint once there is room.
        if !yielded || self.draining.is_some() {
            self.end_begun(slot);
        }
    }

    /// Ends every job of a stage that has ended without a word about it: given back when the worker drains or the slot has no
    /// engine any more, else a fault.
    pub(super) fn end_begun(&mut self, slot: usize) {
        let draining = self.draining.is_some() || self.out.contains_key(&slot);
        let (mut facts, mut returned) = (Vec::new(), Vec::new());
        for running in self.slots[slot].begun().filter(|running| !running.over) {
            running.over = true;
            let message = "the engine ended the stage without a result of this job".to_owned();
            match (draining, running.started) {
                (true, true) => facts.push((held(slot, running), Fact::GivenBack)),
                (true, false) => returned.push((running.lease, vec![running.leased.job])),
                (false, _) => {
                    let failure = Failure { class: FailureClass::Internal, message };
                    facts.push((held(slot, running), Fact::Failed(failure)));
                }
            }
        }
        self.slots[slot].drop_finished();
        facts.into_iter().for_each(|(held, fact)| self.record(held, fact));
        self.give_back(returned);
    }
}

fn held(slot: usize, running: &Running) -> Held {
    Held {
        lease: running.lease,
        slot: slot as u32,
        job: running.leased.job,
        attempt: running.leased.attempt,
        started: running.started,
    }
}
