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

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::message::{FromCoordinator, ToCoordinator},
            Input, Rules,
            rig::{RULES, Rig, leased},
        },
        Exit,
    };
    use crate::{
        samples,
        slot::{Order, Told},
    };
    use std::time::Duration;
    use tombola_spec::{JobId, LeaseId};

    #[test]
    fn a_draining_worker_checkpoints_gives_back_and_leaves_when_all_is_heard() {
        let mut rig = Rig::up();
        let train = samples::train(1);
        let prune = leased(2, samples::prune(&train));
        rig.lease(1, &[&[&leased(1, train)], &[&prune]]);
        rig.lease(2, &[&[&leased(3, samples::train(3))]]);
        rig.ordered();
        rig.start(1);
        rig.sent();
        rig.handle(Input::Drain);
        assert!(rig.says_it_drains());
        assert_eq!(rig.orders(), [Order::Yield]);
        assert_eq!(rig.returned(), [2, 3]);
        rig.lease(4, &[&[&leased(4, samples::train(4))]]);
        assert_eq!(rig.returned(), [4], "nothing new is taken");
        rig.checkpoint(1, 40);
        rig.told(Told::Ended);
        rig.upload();
        assert_eq!(rig.reported(), [(1, "checkpoint"), (1, "given back")]);
        assert_eq!(rig.exit(), None, "not everything is acknowledged");
        rig.acknowledge();
        assert_eq!(rig.sent(), [ToCoordinator::Leaving]);
        assert_eq!(rig.exit(), Some(Exit::Drained));
    }

    #[test]
    fn a_drain_that_is_told_by_the_coordinator_is_the_same() {
        let mut rig = Rig::up();
        rig.lease(1, &[&[&leased(1, samples::train(1))]]);
        rig.ordered();
        rig.hear(FromCoordinator::Drain);
        assert!(rig.says_it_drains());
        assert_eq!(rig.orders(), [Order::Yield]);
        rig.told(Told::Ended);
        assert_eq!(rig.sent()[0], ToCoordinator::Returned { lease: LeaseId(1), jobs: vec![JobId(1)] });
        assert_eq!(rig.exit(), Some(Exit::Drained));
    }

    #[test]
    fn a_coordinator_that_comes_back_hears_that_the_worker_drains() {
        let mut rig = Rig::up();
        rig.lease(1, &[&[&leased(1, samples::train(1))]]);
        rig.ordered();
        rig.start(1);
        rig.handle(Input::Closed);
        rig.handle(Input::Drain);
        assert!(!rig.says_it_drains());
        rig.reconnect(1);
        assert!(rig.says_it_drains());
    }

    #[test]
    fn a_drain_that_takes_too_long_leaves_the_rest_to_the_spool() {
        let mut rig = Rig::up();
        rig.lease(1, &[&[&leased(1, samples::train(1))]]);
        rig.start(1);
        rig.handle(Input::Closed);
        rig.handle(Input::Drain);
        rig.tick(100);
        rig.tick(159);
        assert_eq!(rig.exit(), None);
        rig.tick(160);
        assert_eq!(rig.exit(), Some(Exit::Late));
        assert_eq!(rig.state.reports().count(), 1);
    }

    #[test]
    fn a_worker_whose_time_is_nearly_over_begins_nothing_and_leaves_before_it_is() {
        let rules = Rules { time_limit: Some(Duration::from_secs(1000)), ..RULES };
        let mut rig = Rig::new(rules, None, Vec::new());
        rig.reconnect(1);
        rig.lease(1, &[&[&leased(1, samples::train(1))]]);
        rig.lease(2, &[&[&leased(2, samples::train(2))]]);
        rig.ordered();
        rig.start(1);
        rig.sent();
        rig.tick(879);
        assert_eq!(rig.sent(), []);
        // Two drains before the end: what runs may finish.
        rig.tick(880);
        assert!(rig.says_it_drains());
        assert_eq!(rig.returned(), [2]);
        assert!(rig.orders().is_empty(), "what runs goes on");
        // One drain before: it is checkpointed and given back.
        rig.tick(940);
        assert_eq!(rig.orders(), [Order::Yield]);
        rig.told(Told::Ended);
        rig.acknowledge();
        assert_eq!(rig.exit(), Some(Exit::Drained));
    }

    #[test]
    fn a_worker_whose_jobs_finish_in_time_leaves_early() {
        let rules = Rules { time_limit: Some(Duration::from_secs(1000)), ..RULES };
        let mut rig = Rig::new(rules, None, Vec::new());
        rig.reconnect(1);
        let train = leased(1, samples::train(1));
        rig.lease(1, &[&[&train]]);
        rig.ordered();
        rig.start(1);
        rig.tick(890);
        rig.finish(&train);
        rig.told(Told::Ended);
        rig.upload();
        rig.acknowledge();
        assert_eq!(rig.exit(), Some(Exit::Drained));
    }
}
