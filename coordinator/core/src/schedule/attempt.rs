//! Ends of attempts, whatever ended them, and what becomes of the job: done, open again, failed, quarantined.

use super::{
    Message, Scheduler,
    job::{Hold, State},
};
use crate::record::{Ending, JobState, Write};
use std::time::Duration;
use tombola_spec::{
    JobId, LeaseId,
    outcome::{Failure, FailureClass, Outcome},
};

impl Scheduler {
    /// Commits a result: its children have one parent less to wait for.
    pub(super) fn finish(&mut self, id: JobId, outcome: Outcome) {
        let Some(job) = self.graph.get(id) else { return };
        let (attempt, lease, children) = (job.attempt, job.lease(), job.children.clone());
        self.end_streak(id);
        let hold = self.with_siblings(id);
        let outputs = outcome.outputs.iter().map(|(output, artifact)| (*output, *artifact)).collect();
        self.write(Write::Finish { job: id, attempt, outcome });
        self.graph.change(id, |job| {
            job.state = State::Done;
            job.outputs = outputs;
            job.checkpoint = None;
        });
        for child in children {
            self.parent_done(child, hold);
        }
        if let Some(lease) = lease {
            self.leave(lease, id);
        }
        self.fade_around(id);
    }

    fn parent_done(&mut self, id: JobId, hold: Hold) {
        self.graph.change(id, |job| {
            job.unfinished = job.unfinished.saturating_sub(1);
            if job.state == State::Waiting {
                job.state = job.open(hold);
            }
        });
        self.note_hold(id);
        self.consider(id);
    }

    fn note_hold(&mut self, id: JobId) {
        if let Some(State::Ready { hold: Hold::Pack(lease) }) = self.graph.get(id).map(|job| job.state) {
            self.held.entry(lease).or_default().push(id);
        }
    }

    /// An attempt failed: what happens next follows from the kind of failure, and from what else failed there.
    pub(super) fn fail(&mut self, id: JobId, failure: Failure) {
        let seat = self.seat_of(id);
        self.note_streak(id, &failure);
        self.end_failed(id, failure);
        if let Some((_, worker, slot)) = seat {
            self.rest_slot(worker, slot);
        }
    }

    fn end_failed(&mut self, id: JobId, failure: Failure) {
        let Some(job) = self.graph.get(id) else { return };
        let width = job.lease().and_then(|lease| self.leases.get(&lease)).map_or(1, |lease| lease.width);
        match failure.class {
            FailureClass::User | FailureClass::NotFinite => self.charge(id, failure, JobState::Failed),
            FailureClass::OutOfMemory if width > 1 => {
                self.graph.change(id, |job| job.cap = width / 2);
                let hold = self.with_siblings(id);
                self.end(id, Ending::Failed, Some(failure), JobState::Open, hold);
            }
            FailureClass::OutOfMemory => self.charge(id, failure, JobState::Failed),
            FailureClass::DataMissing => {
                self.note_lack(id);
                self.end(id, Ending::Failed, Some(failure), JobState::Open, Hold::No);
            }
            FailureClass::Crashed => self.lose(id, Ending::Failed, Some(failure)),
            FailureClass::Infrastructure => {
                let hold = self.pause(id);
                self.end(id, Ending::Failed, Some(failure), JobState::Open, hold);
            }
            FailureClass::Internal => {
                let last = job.tries + 1 >= self.config.max_tries;
                self.charge(id, failure, if last { JobState::Failed } else { JobState::Open });
            }
        }
    }

    /// Ends an attempt that counts as one of the job's tries.
    fn charge(&mut self, id: JobId, failure: Failure, next: JobState) {
        self.graph.change(id, |job| job.tries += 1);
        let hold = if next == JobState::Open { self.pause(id) } else { Hold::No };
        self.end(id, Ending::Failed, Some(failure), next, hold);
    }

    /// The worker that runs a job lacks its data set. What it was granted before it last connected says nothing: the report
    /// may be an earlier process's, and the data set may be there by now.
    fn note_lack(&mut self, id: JobId) {
        let Some(job) = self.graph.get(id) else { return };
        let Some((granted, lease)) = job.lease().and_then(|id| Some((id, self.leases.get(&id)?))) else {
            return;
        };
        let Some(set) = self.keys.get(job.key).set() else { return };
        if let Some(worker) = self.floor.workers.get_mut(&lease.worker).filter(|worker| worker.met < granted)
        {
            worker.lacks.insert(set.to_owned());
        }
    }

    /// The process or the machine that ran a job is gone. No try is charged, but a job that was there too often is put
    /// aside; before that, its packs are halved, so that the culprit is found and its neighbours are not blamed.
    pub(super) fn lose(&mut self, id: JobId, how: Ending, failure: Option<Failure>) {
        let Some(job) = self.graph.get(id) else { return };
        let width = job.lease().and_then(|lease| self.leases.get(&lease)).map_or(1, |lease| lease.width);
        let losses = job.losses + 1;
        let next = if losses >= self.config.max_losses { JobState::Quarantined } else { JobState::Open };
        let cap = self.cap_after(losses, width / 2);
        self.graph.change(id, |job| {
            job.losses = losses;
            job.cap = job.cap.min(cap);
        });
        let hold = self.with_siblings(id);
        self.end(id, how, failure, next, hold);
    }

    /// The widest pack of a job after so many losses: half as wide as the last from the second on. Before the loss that
    /// would put it aside it runs alone, so that nobody is put aside for a neighbour, however wide their packs were.
    pub(super) fn cap_after(&self, losses: u32, half: u32) -> u32 {
        match losses {
            0 => u32::MAX,
            _ if losses + 1 >= self.config.max_losses => 1,
            1 => u32::MAX,
            _ => half.max(1),
        }
    }

    /// Holds a job until the rest of its stage has ended too, to be packed with it again.
    fn with_siblings(&self, id: JobId) -> Hold {
        let lease = self.graph.get(id).and_then(super::job::Job::lease);
        lease.filter(|lease| self.stage_is_open(*lease, id)).map_or(Hold::No, Hold::Pack)
    }

    /// How long to wait after another failure that is tried again.
    fn pause(&mut self, id: JobId) -> Hold {
        let mut faults = 0;
        self.graph.change(id, |job| {
            faults = job.faults;
            job.faults = job.faults.saturating_add(1);
        });
        let factor = 2u32.saturating_pow(faults.min(16));
        let pause: Duration = self.config.backoff.saturating_mul(factor).min(self.config.backoff_max);
        let until = self.now + pause;
        self.pauses.insert((until, id));
        Hold::Until(until)
    }

    /// Ends the current attempt without a result. `hold` is for a job that is open again.
    pub(super) fn end(
        &mut self,
        id: JobId,
        how: Ending,
        failure: Option<Failure>,
        next: JobState,
        hold: Hold,
    ) {
        let Some(job) = self.graph.get(id) else { return };
        let (attempt, lease, tries, losses) = (job.attempt, job.lease(), job.tries, job.losses);
        self.write(Write::End { job: id, attempt, failure, how, next, tries, losses });
        self.graph.change(id, |job| {
            job.state = match next {
                JobState::Failed => State::Failed,
                JobState::Quarantined => State::Quarantined,
                JobState::Unwanted => State::Unwanted,
                JobState::Open | JobState::Leased | JobState::Done => job.open(hold),
            };
        });
        self.note_hold(id);
        if let Some(lease) = lease {
            self.orphan(id, lease);
            self.leave(lease, id);
        }
        self.consider(id);
        if next == JobState::Unwanted {
            self.fade_around(id);
        }
    }

    /// What follows a job in its lease stands on nothing now: its worker goes on with what it made of the job, and another
    /// attempt may make something else of it. So it has to drop that, whether or not it knows that the job came to nothing.
    fn orphan(&mut self, parent: JobId, lease: LeaseId) {
        let Some(worker) = self.leases.get(&lease).map(|lease| lease.worker) else { return };
        let children = self.graph.get(parent).map(|job| job.children.clone()).unwrap_or_default();
        for id in children {
            let Some(job) = self.graph.get(id).filter(|job| job.lease() == Some(lease)) else { continue };
            let attempt = job.attempt;
            let (how, failure) = if job.begun() {
                (Ending::Failed, Some(groundless(parent)))
            } else {
                (Ending::Recalled, None)
            };
            self.end(id, how, failure, JobState::Open, Hold::No);
            self.send(worker, Message::Fenced(vec![(id, attempt)]));
        }
    }

    /// A job is not in its lease any more.
    fn leave(&mut self, id: LeaseId, job: JobId) {
        let stage_open = self.stage_is_open(id, job);
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.open = lease.open.saturating_sub(1);
        let over = lease.open == 0;
        if over {
            self.drop_lease(id);
        }
        if over || !stage_open {
            self.end_holds(id);
        }
    }

    /// Whether another job of the same stage of a lease is still in it.
    fn stage_is_open(&self, id: LeaseId, job: JobId) -> bool {
        let Some(lease) = self.leases.get(&id) else { return false };
        let stage = lease.stages.iter().find(|stage| stage.iter().any(|(lane, _)| *lane == job));
        let lanes = stage.into_iter().flatten().map(|(lane, _)| *lane).filter(|lane| *lane != job);
        lanes.filter_map(|lane| self.graph.get(lane)).any(|lane| lane.lease() == Some(id))
    }

    fn drop_lease(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.remove(&id) else { return };
        if let Some(worker) = self.floor.workers.get_mut(&lease.worker)
            && let Some(slot) = worker.slots.get_mut(lease.slot as usize)
        {
            slot.retain(|other| *other != id);
        }
        self.floor.reseat(lease.worker);
    }

    /// The pack some jobs waited for has ended its stage: they may be packed together now.
    fn end_holds(&mut self, lease: LeaseId) {
        for id in self.held.remove(&lease).unwrap_or_default() {
            self.end_hold(id, Hold::Pack(lease));
        }
    }

    /// Ends one hold, unless the job is held by something else by now.
    pub(super) fn end_hold(&mut self, id: JobId, hold: Hold) {
        if self.graph.get(id).is_some_and(|job| job.state == State::Ready { hold }) {
            self.graph.change(id, |job| job.state = State::Ready { hold: Hold::No });
            self.consider(id);
        }
    }
}

/// Why what was made of a job's uncommitted result is nothing.
pub(super) fn groundless(parent: JobId) -> Failure {
    let message = format!("it stands on {parent}, whose own result was never committed");
    Failure { class: FailureClass::Infrastructure, message }
}
