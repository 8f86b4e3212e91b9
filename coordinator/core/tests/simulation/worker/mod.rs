//! A simulated worker, after `worker/agent/src/session/state`: it holds leases, works, keeps reports until they are
//! acknowledged, says what it holds in every Hello, and goes on while nobody hears it.

mod engine;
mod machine;
mod outbox;
mod slot;

pub(crate) use engine::failure;
pub(crate) use machine::Machine;
pub(crate) use outbox::Report;
pub(crate) use slot::Lane;

use crate::world::{LinkId, Scene, ToWorker};
use outbox::Outbox;
use slot::Slot;
use std::{collections::BTreeSet, time::Duration};
use tombola_core::schedule::{Fact, Held, Lease, Message};
use tombola_spec::{Attempt, JobId, LeaseId, WorkerId, outcome::FailureClass, worker::WorkerInfo};

/// Attempts, each with how far it is.
pub(crate) type Named = Vec<(JobId, Attempt, u64)>;

/// What a worker says.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Hello { info: Box<WorkerInfo>, worker: Option<WorkerId>, held: Vec<Held>, number: u64 },
    Heartbeat(Named),
    Report(Report),
    Returned(LeaseId, Vec<JobId>),
    Draining,
    Leaving,
}

/// What a worker does that needs time or others.
#[derive(Debug)]
pub(crate) enum Doing {
    Say(Said),
    Work {
        slot: usize,
        run: u64,
        after: Duration,
    },
    Upload(u64),
    /// Everything is given back.
    Leave,
    /// The machine goes down; its disk may live.
    Die {
        keeps: bool,
    },
    /// Not taken in: try again later.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Down,
    /// Hello is said, Welcome is not heard.
    Greeting(LinkId),
    Up(LinkId),
}

/// A worker process and its machine.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) machine: Machine,
    /// Number of the process: what an earlier one began is over.
    pub(crate) life: u64,
    pub(crate) alive: bool,
    /// On disk.
    pub(crate) id: Option<WorkerId>,
    /// Hellos so far. On disk, too.
    hellos: u64,
    pub(crate) line: Line,
    slots: Vec<Slot>,
    outbox: Outbox,
    draining: bool,
    doings: Vec<Doing>,
}

impl Agent {
    pub(crate) fn new(index: usize, name: String, machine: Machine) -> Self {
        let slots = machine.lanes.iter().map(|_| Slot::default()).collect();
        Self {
            index,
            name,
            machine,
            life: 0,
            alive: false,
            id: None,
            hellos: 0,
            line: Line::Down,
            slots,
            outbox: Outbox::default(),
            draining: false,
            doings: Vec::new(),
        }
    }

    /// Jobs it holds.
    pub(crate) fn holds(&self) -> impl Iterator<Item = JobId> {
        self.slots.iter().flat_map(|slot| slot.held(0)).map(|held| held.job)
    }

    /// What is to be done now.
    pub(crate) fn take_doings(&mut self) -> Vec<Doing> {
        std::mem::take(&mut self.doings)
    }

    /// The process starts. Attempts that the one before did not end are ended: their engines died with it.
    pub(crate) fn boot(&mut self) {
        self.life += 1;
        (self.alive, self.draining, self.line) = (true, false, Line::Down);
        self.slots = self.machine.lanes.iter().map(|_| Slot::default()).collect();
        self.outbox.link_down();
        let ended = self.outbox.ended();
        for held in self.outbox.held() {
            if !ended.contains(&(held.job, held.attempt)) {
                self.outbox.add(held, Fact::Failed(failure(FailureClass::Crashed)));
            }
        }
    }

    /// The process ends at once. Its disk holds identity and spool, unless that is lost, too.
    pub(crate) fn die(&mut self, keeps: bool, scene: &mut Scene) {
        let running = self.slots.iter_mut().flat_map(Slot::living).filter(|job| job.started);
        scene.truth.killed.extend(running.map(|job| job.lane));
        (self.alive, self.line) = (false, Line::Down);
        self.doings.clear();
        if !keeps {
            (self.outbox, self.id, self.hellos) = (Outbox::default(), None, 0);
        }
    }

    /// A link is open: Hello.
    pub(crate) fn opened(&mut self, link: LinkId, scene: &Scene) {
        self.line = Line::Greeting(link);
        let mut held = self.outbox.held();
        let said: BTreeSet<Lane> = held.iter().map(|held| (held.job, held.attempt)).collect();
        let slots = self.slots.iter().enumerate().flat_map(|(slot, leases)| leases.held(slot as u32));
        held.extend(slots.filter(|held| !said.contains(&(held.job, held.attempt))));
        let info = Box::new(self.machine.info(&self.name, scene.now, &scene.store));
        self.hellos += 1;
        self.say(Said::Hello { info, worker: self.id, held, number: self.hellos });
    }

    pub(crate) fn closed(&mut self) {
        self.line = Line::Down;
        self.outbox.link_down();
    }

    pub(crate) fn uploaded(&mut self, sequence: u64, good: bool, scene: &mut Scene) {
        self.outbox.uploaded(sequence, good);
        self.settle(scene);
    }

    pub(crate) fn beat(&mut self, scene: &mut Scene) {
        let living = self.slots.iter_mut().flat_map(Slot::living).filter(|job| job.started);
        let progress: Vec<_> = living.map(|job| (job.lane.0, job.lane.1, job.iteration)).collect();
        progress.iter().for_each(|(job, attempt, at)| scene.truth.beat((*job, *attempt), *at, scene.now));
        self.say(Said::Heartbeat(progress));
    }

    pub(crate) fn hear(&mut self, message: ToWorker, scene: &mut Scene) {
        match message {
            ToWorker::Welcome(worker) => self.welcome(worker),
            ToWorker::Close => self.closed(),
            ToWorker::Message(message) => self.message(message, scene),
        }
        self.settle(scene);
    }

    /// Another identity than ours means that what we hold means nothing there.
    fn welcome(&mut self, worker: WorkerId) {
        if let Line::Greeting(link) = self.line {
            self.line = Line::Up(link);
        }
        if self.id.is_some_and(|ours| ours != worker) {
            self.slots.iter_mut().for_each(Slot::clear);
            self.outbox.clear();
        }
        self.id = Some(worker);
        if self.draining {
            self.say(Said::Draining);
        }
    }

    fn message(&mut self, message: Message, scene: &mut Scene) {
        match message {
            Message::Welcome => {}
            Message::Refused { retry, .. } => {
                assert!(retry, "{} is refused for good", self.name);
                self.doings.push(Doing::Rest);
            }
            Message::Lease(lease) => self.lease(&lease, scene),
            Message::Recall(lease) => {
                let jobs = self
                    .slots
                    .iter_mut()
                    .flat_map(|slot| slot.recall(Some(lease)))
                    .flat_map(|(_, jobs)| jobs);
                let jobs = jobs.collect();
                self.say(Said::Returned(lease, jobs));
            }
            Message::Ack(upto) => {
                let reports = self.outbox.acknowledge(upto);
                reports.iter().for_each(|report| scene.check_acknowledged(report));
            }
            Message::Fenced(lanes) => lanes.into_iter().for_each(|lane| self.fence(lane)),
            Message::Cancel(job, attempt) => self.drop_attempt((job, attempt)),
            Message::Drain => self.drain(),
        }
    }

    fn lease(&mut self, lease: &Lease, scene: &Scene) {
        let id = lease.pack.lease;
        if self.slots.iter().any(|slot| slot.holds(id)) {
            return;
        }
        let lanes: Vec<Lane> = lease.pack.stages.iter().flatten().copied().collect();
        if self.draining {
            return self.say(Said::Returned(id, lanes.into_iter().map(|(job, _)| job).collect()));
        }
        for (job, attempt) in lanes {
            match self.slots.iter().find_map(|slot| slot.attempt_of(job)) {
                Some(held) if held == attempt => return,
                Some(older) => self.fence((job, older)),
                None => {}
            }
        }
        self.slots[lease.pack.slot as usize].grant(lease, &scene.store.jobs);
    }

    fn fence(&mut self, lane: Lane) {
        self.outbox.fence(lane);
        self.drop_attempt(lane);
    }

    fn drop_attempt(&mut self, lane: Lane) {
        self.slots.iter_mut().for_each(|slot| slot.drop_attempt(lane));
    }

    /// Takes nothing new, has running stages checkpointed, gives everything back.
    pub(crate) fn drain(&mut self) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        self.say(Said::Draining);
        for slot in 0..self.slots.len() {
            let returned = self.slots[slot].recall(None).into_iter().filter(|(_, jobs)| !jobs.is_empty());
            self.give_back(returned.collect());
            if self.slots[slot].busy {
                self.slots[slot].yielding = true;
            } else {
                self.end_begun(slot);
            }
        }
    }

    /// What follows from anything: stages begin, reports are said, a drained worker leaves.
    pub(crate) fn settle(&mut self, scene: &mut Scene) {
        if !self.draining {
            for slot in 0..self.slots.len() {
                if self.slots[slot].busy {
                    continue;
                }
                let orphans = self.slots[slot].next_stage();
                self.give_back(orphans);
                if self.slots[slot].busy {
                    let (run, after) = (self.slots[slot].run, scene.chance.millis(5..100));
                    self.doings.push(Doing::Work { slot, run, after });
                }
            }
        }
        if matches!(self.line, Line::Up(_)) {
            self.doings.extend(self.outbox.uploads().into_iter().map(Doing::Upload));
            let due = self.outbox.due();
            self.doings.extend(due.into_iter().map(|report| Doing::Say(Said::Report(report))));
        }
        if self.draining && self.outbox.is_empty() && self.slots.iter().all(Slot::is_empty) {
            self.say(Said::Leaving);
            self.doings.push(Doing::Leave);
        }
    }

    fn give_back(&mut self, returned: Vec<(LeaseId, Vec<JobId>)>) {
        for (lease, jobs) in returned {
            self.say(Said::Returned(lease, jobs));
        }
    }

    /// Says something if there is a link. What is not said is in the next Hello: there, what is not held is given back.
    fn say(&mut self, said: Said) {
        if self.line != Line::Down {
            self.doings.push(Doing::Say(said));
        }
    }
}
