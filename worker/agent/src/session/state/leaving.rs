//! How a worker leaves: asked to, or because its time is nearly over. Nothing begun is thrown away.

use super::{super::message::ToCoordinator, Action, Exit, SlotLeases, State};
use std::time::Duration;

impl State {
    /// Takes nothing new, and gives back what has not begun. Running stages go on.
    fn close(&mut self) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        self.send(ToCoordinator::Draining);
        for slot in 0..self.slots.len() {
            self.give_back_waiting(slot);
        }
    }

    /// Takes nothing new, has running stages checkpointed, gives everything back.
    pub(super) fn drain(&mut self, exit: Exit) {
        if self.draining.is_some() {
            return;
        }
        self.close();
        self.draining = Some(exit);
        for slot in 0..self.slots.len() {
            if self.slots[slot].busy {
                self.yield_stage(slot);
            } else {
                self.end_begun(slot);
            }
        }
    }

    /// Gives back what a slot has not begun.
    pub(super) fn give_back_waiting(&mut self, slot: usize) {
        let returned = self.slots[slot].recall(None).into_iter().filter(|(_, jobs)| !jobs.is_empty());
        self.give_back(returned.collect());
    }

    pub(super) fn tick(&mut self, now: Duration, unwritten: bool) {
        self.unwritten = unwritten;
        self.outbox.rested();
        if let Some(limit) = self.rules.time_limit {
            self.mind_the_time(limit.saturating_sub(now));
        }
        if self.draining.is_some() {
            let since = *self.drained_since.get_or_insert(now);
            if now.saturating_sub(since) >= self.rules.drain_within {
                self.actions.push(Action::Exit(Exit::Late));
            }
        }
    }

    /// With `left` until the worker has to be gone: as long as a drain may take is kept for it, and before that as long again
    /// in which what runs may finish and nothing new begins.
    fn mind_the_time(&mut self, left: Duration) {
        let drain = self.rules.drain_within;
        if left <= drain * 2 && !self.closing {
            tracing::info!(
                left_s = left.as_secs(),
                "worker.time: its time is nearly over; nothing new is begun"
            );
            self.close();
        }
        if left <= drain && self.draining.is_none() {
            tracing::info!(left_s = left.as_secs(), "worker.time: jobs are checkpointed and given back");
            self.drain(Exit::Drained);
        }
    }

    pub(super) fn leave_if_done(&mut self) {
        let idle = self.outbox.is_empty() && self.slots.iter().all(SlotLeases::is_empty);
        if self.closing && idle {
            let exit = self.draining.clone().unwrap_or(Exit::Drained);
            self.send(ToCoordinator::Leaving);
            self.actions.push(Action::Exit(exit));
        }
    }
}
