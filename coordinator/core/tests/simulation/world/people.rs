//! What people do, after `coordinator/server/src/driver/submit.rs`: the store is read first, then the leader is asked. Who
//! hears nothing asks again.

use super::{
    World,
    act::Act,
    leader::Command,
    scene::{Happening, Who},
};
use crate::{
    store::lacks,
    sweeps::{FAMILIES, Family},
};
use std::time::Duration;
use tombola_core::{
    record::SweepState,
    schedule::{Again, Event, Extension},
};
use tombola_spec::{Epoch, SweepId};

impl World {
    pub(super) fn ask(&mut self, act: Act) {
        let Some((who, epoch)) = self.somebody_who_leads() else { return self.scene.again(act) };
        if act.needs_turn() && self.scene.turn {
            return self.scene.again(act);
        }
        let event = match act {
            Act::Submit(family) => self.submission(family),
            Act::Extend(family) => self.extension(family),
            Act::Set(family, state) => self.sweep(family).map(|sweep| Event::SetState { sweep, state }),
            Act::Retry(family) => self.sweep(family).map(|sweep| Event::Retry { sweep }),
            Act::Drop(half) => self.forgone(half),
            Act::Again(family) => self.asked_again(family),
            Act::Drain(agent) => self.agents[agent].id.map(|worker| Event::Drain { worker }),
            _ => None,
        };
        let Some(event) = event else { return };
        let needs_turn = act.needs_turn();
        self.scene.turn |= needs_turn;
        // What was read of the store may be old by the time it is used, but not as old as what the leader forgets.
        let takes = self.scene.chance.millis(if needs_turn { 1..1500 } else { 1..50 });
        let command = Command::Ask { event: Box::new(event), read: needs_turn.then_some(epoch), act };
        self.scene.after(takes, Happening::Arrives(who, Box::new(command)));
    }

    /// A coordinator that answers, whether or not it leads in truth.
    fn somebody_who_leads(&mut self) -> Option<(Who, Epoch)> {
        let leaders = self.processes.iter().enumerate().filter_map(|(number, process)| {
            let leader = process.leader.as_ref().filter(|leader| !leader.recovering && !process.stopped)?;
            process.alive.then_some(((number, process.life), leader.epoch))
        });
        let leaders: Vec<(Who, Epoch)> = leaders.collect();
        (!leaders.is_empty()).then(|| self.scene.chance.pick(&leaders))
    }

    fn sweep(&self, family: usize) -> Option<SweepId> {
        self.scene.store.sweep(FAMILIES[family].name).map(|sweep| sweep.id)
    }

    fn submission(&self, family: usize) -> Option<Event> {
        if self.sweep(family).is_some() {
            return None;
        }
        let (source, plan) = FAMILIES[family].first.clone();
        let known = self.scene.store.find(plan.jobs.iter().map(|job| &job.fingerprint));
        Some(Event::Submit { plan, source, known })
    }

    fn extension(&self, family: usize) -> Option<Event> {
        let (source, plan) = FAMILIES[family].later.clone();
        let sweep = self.scene.store.sweep(FAMILIES[family].name)?.clone();
        if sweep.source == source && !matches!(sweep.state, SweepState::Cancelled | SweepState::Stopped) {
            return None;
        }
        let known = self.scene.store.find(plan.jobs.iter().map(|job| &job.fingerprint));
        let (trials, done) = (self.scene.store.stored(sweep.id), self.scene.store.done(sweep.id));
        Some(Event::Extend(Box::new(Extension { sweep, plan, source, known, trials, done })))
    }

    fn forgone(&self, half: u64) -> Option<Event> {
        let jobs = self.scene.store.droppable().filter(|job| job.0 % 2 == half);
        Some(Event::Drop(jobs.collect()))
    }

    fn asked_again(&self, family: usize) -> Option<Event> {
        let sweep = self.scene.store.sweep(FAMILIES[family].name)?.clone();
        let Family { first, later, .. } = &FAMILIES[family];
        let (_, plan) = [first, later].into_iter().find(|(source, _)| *source == sweep.source)?.clone();
        if matches!(sweep.state, SweepState::Cancelled | SweepState::Stopped) {
            return None;
        }
        let known = self.scene.store.find(plan.jobs.iter().map(|job| &job.fingerprint));
        let lacking = known.iter().filter(|row| lacks(row)).map(|row| row.fingerprint);
        let (wanted, done) = (lacking.collect(), self.scene.store.done(sweep.id));
        Some(Event::Again(Box::new(Again { sweep, plan, known, done, wanted })))
    }

    /// Everything that was paused or stopped goes on.
    pub(super) fn resume_all(&mut self) {
        let held = |family: &usize| {
            let sweep = self.scene.store.sweep(FAMILIES[*family].name);
            sweep.is_some_and(|sweep| matches!(sweep.state, SweepState::Paused | SweepState::Stopped))
        };
        let held: Vec<usize> = (0..FAMILIES.len()).filter(held).collect();
        held.into_iter().for_each(|family| self.ask(Act::Set(family, SweepState::Active)));
    }

    /// Everything that failed is opened again.
    pub(super) fn retry_all(&mut self) {
        let there: Vec<usize> = (0..FAMILIES.len()).filter(|family| self.sweep(*family).is_some()).collect();
        there.into_iter().for_each(|family| self.ask(Act::Retry(family)));
        self.run_until(self.scene.now + Duration::from_secs(5));
        // One that had failed could not be resumed before.
        self.resume_all();
        self.run_until(self.scene.now + Duration::from_secs(5));
    }
}
