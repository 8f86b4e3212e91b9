//! The decisions of an agent: one input in, actions out. Pure: no clock, no files, no network.
//!
//! What must hold: nothing about an attempt is forgotten before it is acknowledged, fenced or the coordinator's memory
//! is another; nothing is reported before its artifacts are uploaded; whatever is held is said in every Hello.

mod leaving;
mod told;

#[cfg(test)]
mod rig;
#[cfg(test)]
mod tests;

use super::{
    leases::SlotLeases,
    message::{Fact, FromCoordinator, Held, Lease, LeasedJob, Report, ToCoordinator},
    outbox::Outbox,
};
use crate::slot::{Order, StageRun, Told};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tombola_spec::{
    Attempt, Digest, JobId, LeaseId,
    outcome::{Artifact, Failure, FailureClass},
};

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// A link is open; a Hello is due.
    Opened,
    /// The link is gone.
    Closed,
    /// The coordinator says something.
    Message(FromCoordinator),
    /// A slot says something.
    Slot(usize, Told),
    /// The artifacts of this report are with the coordinator.
    Uploaded(u64),
    /// They are not yet; try again later.
    UploadFailed(u64),
    /// They never will be: what is to become of the job that made them.
    ArtifactsLost(u64, Failure),
    /// The operator wants the worker to drain and leave.
    Drain,
    /// Time passed.
    Tick {
        /// Monotonic time since start.
        now: Duration,
        /// The disk does not take reports at the moment.
        unwritten: bool,
    },
}

/// Something to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Say this to the coordinator.
    Send(ToCoordinator),
    /// Tell a slot.
    Order(usize, Order),
    /// Have these artifacts at hand soon.
    Fetch(Vec<Artifact>),
    /// Upload these, which this report needs.
    Upload(u64, Vec<Artifact>),
    /// Write this report down.
    Record(Report),
    /// Reports were acknowledged or dropped: the spool may shrink.
    Sweep,
    /// Keep this identity for the next start.
    Remember(String),
    /// Leave.
    Exit(Exit),
}

/// Why an agent leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Everything is given back.
    Drained,
    /// Draining took too long; the spool holds what was not handed in.
    Late,
    /// The operator was in a hurry.
    Stopped,
    /// The coordinator does not want this worker, and never will as it is.
    Refused(String),
    /// An engine cannot work any more.
    Broken(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    /// Hello is said, Welcome is not heard.
    Greeting,
    Up,
}

/// Limits that decide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) spool_bytes: u64,
    pub(crate) drain_within: Duration,
    /// The worker has to be gone by then, since its start.
    pub(crate) time_limit: Option<Duration>,
}

/// Everything an agent remembers.
#[derive(Debug)]
pub(crate) struct State {
    rules: Rules,
    worker: Option<String>,
    link: Link,
    slots: Vec<SlotLeases>,
    outbox: Outbox,
    /// Slots without an engine, and why.
    out: BTreeMap<usize, String>,
    /// The spool is full: engines have been told to checkpoint, and wait.
    paused: bool,
    /// The spool cannot be written to, which is as bad as full.
    unwritten: bool,
    /// Nothing new is begun: the worker's time is nearly over.
    closing: bool,
    draining: Option<Exit>,
    drained_since: Option<Duration>,
    actions: Vec<Action>,
}

impl State {
    /// A fresh agent with what an earlier process left: its identity and the reports never acknowledged. Attempts that
    /// process did not end are ended here: their engines died with it. `left`: it was asked to leave, which is nobody's fault.
    pub(crate) fn new(
        slots: usize,
        rules: Rules,
        worker: Option<String>,
        spooled: Vec<Report>,
        left: bool,
    ) -> Self {
        let ended: BTreeSet<_> = spooled
            .iter()
            .filter(|report| report.fact.is_last())
            .map(|report| (report.job, report.attempt))
            .collect();
        let mut outbox = Outbox::new(spooled);
        for held in outbox.held() {
            if !ended.contains(&(held.job, held.attempt)) {
                // Else it is an abrupt loss as any other: a job that takes its worker down each time must not go round for ever.
                let message = "the worker was restarted while it ran this job".to_owned();
                let class = if left { FailureClass::Infrastructure } else { FailureClass::Crashed };
                let fact = Fact::Failed(Failure { class, message });
                outbox.add(about(held, fact));
            }
        }
        Self {
            rules,
            worker,
            link: Link::Down,
            slots: (0..slots).map(|_| SlotLeases::default()).collect(),
            outbox,
            paused: false,
            unwritten: false,
            out: BTreeMap::new(),
            closing: false,
            draining: None,
            drained_since: None,
            actions: Vec::new(),
        }
    }

    /// Every report that is not acknowledged, oldest first.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        self.outbox.reports()
    }

    /// Bytes of those reports, as spooled.
    pub(crate) fn report_bytes(&self) -> u64 {
        self.outbox.bytes()
    }

    /// Artifacts that leases and reports still need.
    pub(crate) fn needed(&self) -> BTreeSet<Digest> {
        let reported = self.outbox.reports().flat_map(|report| report.fact.artifacts());
        let leased = self.slots.iter().flat_map(SlotLeases::artifacts);
        reported.chain(leased).map(|artifact| artifact.digest).collect()
    }

    /// Whether the coordinator hears us.
    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Handles one input.
    pub(crate) fn handle(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Opened => self.opened(),
            Input::Closed => self.closed(),
            Input::Message(message) => self.message(message),
            Input::Slot(slot, told) => self.told(slot, told),
            Input::Uploaded(sequence) => self.outbox.uploaded(sequence),
            Input::UploadFailed(sequence) => self.outbox.upload_failed(sequence),
            Input::ArtifactsLost(sequence, failure) => self.outbox.artifacts_lost(sequence, failure),
            Input::Drain => self.drain(Exit::Drained),
            Input::Tick { now, unwritten } => self.tick(now, unwritten),
        }
        self.watch_the_spool();
        self.begin_stages();
        self.send_reports();
        self.leave_if_done();
        std::mem::take(&mut self.actions)
    }

    fn opened(&mut self) {
        self.link = Link::Greeting;
        let mut held: BTreeSet<Held> = self.outbox.held();
        for (slot, leases) in self.slots.iter().enumerate() {
            let said = |held: &BTreeSet<Held>, new: &Held| {
                held.iter().any(|h| (h.job, h.attempt) == (new.job, new.attempt))
            };
            let new: Vec<_> = leases.held(slot as u32).into_iter().filter(|new| !said(&held, new)).collect();
            held.extend(new);
        }
        let held = held.into_iter().collect();
        self.send(ToCoordinator::Hello { worker: self.worker.clone(), held });
    }

    fn closed(&mut self) {
        self.link = Link::Down;
        self.outbox.link_down();
    }

    fn message(&mut self, message: FromCoordinator) {
        match message {
            FromCoordinator::Welcome(worker) => self.welcome(worker),
            FromCoordinator::Refused { message, retry } => {
                if !retry {
                    self.actions.push(Action::Exit(Exit::Refused(message)));
                }
            }
            FromCoordinator::Lease(lease) => self.lease(lease),
            FromCoordinator::Unreadable { lease, slot, jobs, why } => {
                let message = format!("the lease {lease} cannot be understood: {why}");
                for (job, attempt) in jobs {
                    let failure = Failure { class: FailureClass::Internal, message: message.clone() };
                    self.record(Held { lease, slot, job, attempt, started: false }, Fact::Failed(failure));
                }
            }
            FromCoordinator::Recall(lease) => self.recall(lease),
            FromCoordinator::Ack(sequence) => {
                self.outbox.acknowledge(sequence);
                self.actions.push(Action::Sweep);
            }
            FromCoordinator::Fenced(attempts) => {
                attempts.into_iter().for_each(|(job, attempt)| self.fence(job, attempt));
                self.actions.push(Action::Sweep);
            }
            FromCoordinator::Cancel(job, attempt) => self.drop_attempt(job, attempt),
            FromCoordinator::Drain => self.drain(Exit::Drained),
        }
    }

    /// Another identity than ours means another memory: what we hold means nothing there, or worse, something else.
    fn welcome(&mut self, worker: String) {
        self.link = Link::Up;
        if self.worker.as_ref().is_some_and(|ours| *ours != worker) {
            for (slot, leases) in self.slots.iter_mut().enumerate() {
                let running: Vec<_> =
                    leases.begun().filter(|job| !job.over).map(|job| job.leased.job).collect();
                self.actions.extend(running.into_iter().map(|job| Action::Order(slot, Order::Cancel(job))));
                leases.clear();
            }
            self.outbox.clear();
            self.actions.push(Action::Sweep);
        }
        if self.worker.as_ref() != Some(&worker) {
            self.worker = Some(worker.clone());
            self.actions.push(Action::Remember(worker));
        }
        // A coordinator that was away does not know.
        if self.closing {
            self.send(ToCoordinator::Draining);
        }
        let out: Vec<_> = self.out.iter().map(|(slot, why)| (*slot, why.clone())).collect();
        for (slot, why) in out {
            self.send(ToCoordinator::Service { slot: slot as u32, out: Some(why) });
        }
    }

    fn lease(&mut self, lease: Lease) {
        if self.slots.iter().any(|slot| slot.holds(lease.id)) {
            return;
        }
        let jobs: Vec<_> = lease.stages.iter().flatten().map(|job| (job.job, job.attempt)).collect();
        let slot = lease.slot as usize;
        let impossible = slot >= self.slots.len() || self.out.contains_key(&slot);
        if impossible || self.closing {
            let jobs = jobs.into_iter().map(|(job, _)| job).collect();
            return self.send(ToCoordinator::Returned { lease: lease.id, jobs });
        }
        for (job, attempt) in jobs {
            match self.slots.iter().find_map(|slot| slot.attempt_of(job)) {
                Some(held) if held == attempt => return,
                Some(older) => self.fence(job, older),
                None => {}
            }
        }
        let needed: Vec<Artifact> = lease.stages.iter().flatten().flat_map(LeasedJob::artifacts).collect();
        if !needed.is_empty() {
            self.actions.push(Action::Fetch(needed));
        }
        self.slots[lease.slot as usize].push(lease);
    }

    fn recall(&mut self, lease: LeaseId) {
        let mut jobs = Vec::new();
        for slot in &mut self.slots {
            jobs.extend(slot.recall(Some(lease)).into_iter().flat_map(|(_, jobs)| jobs));
        }
        self.send(ToCoordinator::Returned { lease, jobs });
    }

    /// An attempt that is not ours any more: its work and its reports are dropped.
    fn fence(&mut self, job: JobId, attempt: Attempt) {
        self.outbox.fence(job, attempt);
        self.drop_attempt(job, attempt);
    }

    fn drop_attempt(&mut self, job: JobId, attempt: Attempt) {
        for (slot, leases) in self.slots.iter_mut().enumerate() {
            if leases.drop_attempt(job, attempt) {
                self.actions.push(Action::Order(slot, Order::Cancel(job)));
            }
        }
    }

    /// A full spool: engines checkpoint and wait until half of it is gone.
    fn watch_the_spool(&mut self) {
        let bytes = self.outbox.bytes();
        if !self.paused && (self.unwritten || bytes >= self.rules.spool_bytes) {
            self.paused = true;
            (0..self.slots.len()).for_each(|slot| self.yield_stage(slot));
        } else if self.paused && !self.unwritten && bytes < self.rules.spool_bytes / 2 {
            self.paused = false;
        }
    }

    pub(super) fn yield_stage(&mut self, slot: usize) {
        if self.slots[slot].busy {
            self.slots[slot].yielding = true;
            self.actions.push(Action::Order(slot, Order::Yield));
        }
    }

    fn begin_stages(&mut self) {
        if self.paused || self.closing {
            return;
        }
        for slot in 0..self.slots.len() {
            if self.slots[slot].busy || self.out.contains_key(&slot) {
                continue;
            }
            let next = self.slots[slot].next_stage();
            self.give_back(next.orphans);
            self.actions.extend(next.run.map(|run: StageRun| Action::Order(slot, Order::Run(run))));
        }
    }

    fn send_reports(&mut self) {
        if self.link != Link::Up {
            return;
        }
        let due = self.outbox.due();
        self.actions
            .extend(due.uploads.into_iter().map(|(sequence, artifacts)| Action::Upload(sequence, artifacts)));
        let reports = due.reports.into_iter().map(|report| Action::Send(ToCoordinator::Report(report)));
        self.actions.extend(reports);
    }

    pub(super) fn give_back(&mut self, returned: Vec<(LeaseId, Vec<JobId>)>) {
        for (lease, jobs) in returned {
            self.send(ToCoordinator::Returned { lease, jobs });
        }
    }

    /// Says something if there is a link. What is not said is in the next Hello: there, what is not held is given back.
    pub(super) fn send(&mut self, message: ToCoordinator) {
        if self.link != Link::Down {
            self.actions.push(Action::Send(message));
        }
    }

    pub(super) fn record(&mut self, held: Held, fact: Fact) {
        let report = self.outbox.add(about(held, fact));
        self.actions.push(Action::Record(report));
    }
}

/// A report without its number.
fn about(held: Held, fact: Fact) -> Report {
    let Held { lease, slot, job, attempt, .. } = held;
    Report { sequence: 0, lease, slot, job, attempt, fact }
}
