//! A coordinator's process, after `coordinator/server/src/driver`: drain the queue, handle each command, one commit, then
//! everything that waited for it. A commit that failed, or whose outcome is unknown, costs the memory.

mod commit;

pub(super) use commit::unanswered;

use super::{
    LinkId, ToWorker,
    act::Act,
    scene::{Scene, Who},
};
use crate::{
    laws,
    worker::{Named, Said, failure},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use tombola_core::{
    record::Write,
    schedule::{Effect, Event, Fact, Held, Message, Now, Scheduler},
};
use tombola_spec::{Epoch, LeaseId, WorkerId, outcome::FailureClass, worker::WorkerInfo};

pub(super) const TICK: Duration = Duration::from_millis(500);
/// A step that took longer kept heartbeats waiting.
const DEAF: Duration = Duration::from_millis(500);
/// Most commands of one commit.
const BATCH: usize = 512;

/// Something for a leader to do.
#[derive(Debug)]
pub(crate) enum Command {
    Connect {
        link: LinkId,
        info: Box<WorkerInfo>,
        worker: Option<WorkerId>,
        held: Vec<Held>,
        number: u64,
    },
    Hear {
        link: LinkId,
        said: Said,
    },
    Disconnect {
        link: LinkId,
    },
    /// People ask for something; a submission says under which epoch the store was read for it.
    Ask {
        event: Box<Event>,
        read: Option<Epoch>,
        act: Act,
    },
}

/// Done once a commit is told to be good.
#[derive(Debug)]
enum After {
    Open(WorkerId, LinkId),
    Refuse(LinkId, Message),
    Send(WorkerId, Message),
    Left(WorkerId),
    Answer(Act),
}

/// How a commit went, as its leader hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Good,
    /// It failed, or nobody knows.
    Bad,
}

/// A leader's memory.
#[derive(Debug)]
pub(crate) struct Leader {
    who: Who,
    pub(crate) scheduler: Scheduler,
    pub(crate) epoch: Epoch,
    began: Duration,
    deaf: Duration,
    /// When the step at hand began, and the last one ended.
    step: Duration,
    idle_since: Duration,
    /// When the store last knew this leader as its own.
    proven: Duration,
    inbox: VecDeque<Command>,
    tick_is_due: bool,
    writes: Vec<Write>,
    after: Vec<After>,
    /// What waits for the commit under way, if one is.
    committing: Option<Vec<After>>,
    /// What was told while the process was stopped.
    told: Option<Told>,
    /// It has no memory at the moment.
    pub(crate) recovering: bool,
    failures: u32,
    open: BTreeMap<WorkerId, LinkId>,
    sessions: BTreeMap<LinkId, WorkerId>,
    /// Said over links whose Hello is not committed yet.
    waiting: BTreeMap<LinkId, Vec<Said>>,
    /// When each worker was last heard, on this leader's clock.
    heard: BTreeMap<WorkerId, Now>,
    /// Leases of which heartbeats say the same since then: iterations added up.
    standing: BTreeMap<LeaseId, (Named, [Now; 2])>,
}

impl Leader {
    /// Leads under an epoch: everything is folded from the store.
    pub(crate) fn new(who: Who, epoch: Epoch, scene: &Scene) -> Self {
        Self {
            who,
            scheduler: Scheduler::fold(scene.config, scene.store.snapshot()),
            epoch,
            began: scene.now,
            deaf: Duration::ZERO,
            step: scene.now,
            idle_since: scene.now,
            proven: scene.now,
            inbox: VecDeque::new(),
            tick_is_due: false,
            writes: Vec::new(),
            after: Vec::new(),
            committing: None,
            told: None,
            recovering: false,
            failures: 0,
            open: BTreeMap::new(),
            sessions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            heard: BTreeMap::new(),
            standing: BTreeMap::new(),
        }
    }

    /// The same process leads again.
    pub(crate) fn lead_again(&mut self, epoch: Epoch, scene: &mut Scene) {
        self.drop_all(scene);
        let failures = self.failures;
        *self = Self { failures, ..Self::new(self.who, epoch, scene) };
    }

    /// The scheduler's time: it stands still while nobody could be heard.
    pub(crate) fn clock(&self, now: Duration) -> Now {
        (now - self.began).saturating_sub(self.deaf)
    }

    /// Something came in.
    pub(crate) fn arrive(&mut self, command: Command, scene: &mut Scene) {
        match command {
            Command::Hear { link, said } => match self.sessions.get(&link) {
                Some(worker) => {
                    if self.open.get(worker) == Some(&link) && scene.network.whole(link).is_some() {
                        scene.truth.reach(self.who, *worker, scene.now);
                    }
                    let said = delivered(said, scene);
                    self.inbox.push_back(Command::Hear { link, said });
                }
                None => self.waiting.entry(link).or_default().push(said),
            },
            command => self.inbox.push_back(command),
        }
    }

    /// The clock struck.
    pub(crate) fn strike(&mut self, scene: &mut Scene) {
        self.tick_is_due = true;
        self.work(scene);
    }

    /// Steps until nothing is left to do, or a commit is under way.
    pub(crate) fn work(&mut self, scene: &mut Scene) {
        if let Some(told) = self.told.take() {
            self.hear_told(told, scene);
        }
        while self.committing.is_none() && !self.recovering {
            self.begin_step(scene.now);
            if std::mem::take(&mut self.tick_is_due) {
                self.handle(Event::Tick, scene);
            } else if self.inbox.is_empty() {
                return;
            } else {
                for _ in 0..BATCH.min(self.inbox.len()) {
                    let command = self.inbox.pop_front();
                    command.into_iter().for_each(|command| self.take(command, scene));
                }
            }
            self.flush(scene);
        }
    }

    /// Steps follow each other at every tick: what is far longer was spent stopped.
    fn begin_step(&mut self, now: Duration) {
        let idle = now - self.idle_since;
        if idle > TICK + DEAF {
            self.deaf += idle;
        }
        self.step = now;
    }

    fn take(&mut self, command: Command, scene: &mut Scene) {
        match command {
            Command::Connect { link, info, worker, held, number } => {
                self.connect(link, Event::Hello { info: *info, worker, held, number }, scene);
            }
            Command::Hear { link, said } => {
                let worker = self.sessions.get(&link).copied();
                if let Some(worker) = worker.filter(|worker| self.open.get(worker) == Some(&link)) {
                    self.hear(worker, said, scene);
                }
            }
            Command::Disconnect { link } => {
                self.waiting.remove(&link);
                let worker = self.sessions.remove(&link);
                if let Some(worker) = worker.filter(|worker| self.open.get(worker) == Some(&link)) {
                    self.open.remove(&worker);
                    self.handle(Event::LinkDown { worker }, scene);
                }
            }
            Command::Ask { read, act, .. } if read.is_some_and(|read| read != self.epoch) => {
                unanswered(act, scene);
            }
            Command::Ask { event, act, .. } => {
                self.handle(*event, scene);
                self.after.push(After::Answer(act));
            }
        }
    }

    fn hear(&mut self, worker: WorkerId, said: Said, scene: &mut Scene) {
        self.heard.insert(worker, self.clock(scene.now));
        self.note_standing(worker, &said, scene);
        match said {
            Said::Heartbeat(progress) => self.handle(Event::Heartbeat { worker, progress }, scene),
            Said::Report(report) => {
                let (sequence, job, attempt) = (report.sequence, report.held.job, report.held.attempt);
                self.handle(Event::Report { worker, sequence, job, attempt, fact: report.fact }, scene);
            }
            Said::Returned(lease, jobs) => self.handle(Event::Returned { worker, lease, jobs }, scene),
            Said::Draining => self.handle(Event::Draining { worker }, scene),
            Said::Leaving => {
                self.handle(Event::Leaving { worker }, scene);
                self.after.push(After::Left(worker));
            }
            Said::Hello { .. } => unreachable!("a Hello is a Connect"),
        }
    }

    fn note_standing(&mut self, worker: WorkerId, said: &Said, scene: &Scene) {
        let now = self.clock(scene.now);
        match said {
            Said::Heartbeat(progress) => {
                let mut named: BTreeMap<LeaseId, Named> = BTreeMap::new();
                for (job, attempt, at) in progress {
                    if scene.store.is_leased(*job, *attempt) {
                        named.entry(scene.store.leases[job]).or_default().push((*job, *attempt, *at));
                    }
                }
                let of_worker = |lease: &LeaseId| scene.store.packs[lease].worker == worker;
                self.standing.retain(|lease, _| !of_worker(lease) || named.contains_key(lease));
                for (lease, at) in named {
                    match self.standing.get_mut(&lease).filter(|(before, _)| *before == at) {
                        Some((_, [_, last])) => *last = now,
                        None => drop(self.standing.insert(lease, (at, [now, now]))),
                    }
                }
            }
            Said::Report(report) => drop(self.standing.remove(&report.held.lease)),
            _ => {}
        }
    }

    /// The link has to be open before the first message over it.
    fn connect(&mut self, link: LinkId, hello: Event, scene: &mut Scene) {
        scene.story.tell(scene.now, || {
            format!("coordinator {} ({}) handles {}", self.who.0, self.epoch, words(&hello))
        });
        let mut effects = self.scheduler.handle(self.clock(scene.now), hello);
        let introduces = |effect: &Effect| {
            matches!(effect, Effect::Send { message: Message::Welcome | Message::Refused { .. }, .. })
        };
        let first = effects.iter().position(introduces).expect("a Hello is answered");
        match effects.remove(first) {
            Effect::Send { worker, message: Message::Welcome } => {
                self.heard.insert(worker, self.clock(scene.now));
                scene.truth.reach(self.who, worker, scene.now);
                if let Some(old) = self.open.remove(&worker) {
                    scene.answer(old, ToWorker::Close);
                }
                self.after.push(After::Open(worker, link));
            }
            Effect::Send { message, .. } => self.after.push(After::Refuse(link, message)),
            _ => {}
        }
        self.queue(effects, scene);
    }

    fn handle(&mut self, event: Event, scene: &mut Scene) {
        if !matches!(event, Event::Tick | Event::Heartbeat { .. }) {
            scene.story.tell(scene.now, || {
                format!("coordinator {} ({}) handles {}", self.who.0, self.epoch, words(&event))
            });
        }
        let effects = self.scheduler.handle(self.clock(scene.now), event);
        self.queue(effects, scene);
    }

    fn queue(&mut self, effects: Vec<Effect>, scene: &mut Scene) {
        for effect in effects {
            match effect {
                Effect::Write(write) => {
                    // What one decides that leads no more is never stored.
                    if self.epoch == scene.store.epoch {
                        laws::decided(self.who, &write, scene);
                    }
                    self.writes.push(write);
                }
                Effect::Send { worker, message } => self.after.push(After::Send(worker, message)),
                Effect::Warn(what) => scene.story.tell(scene.now, || what),
                Effect::Changed(_) | Effect::Accepted { .. } | Effect::Reopened(_) | Effect::Rejected(_) => {}
            }
        }
    }
}

/// What a session makes of a report that names artifacts, after `rpc/delivered.rs`: a result without its artifacts is a
/// failure of the surroundings, a checkpoint without its own is none.
fn delivered(said: Said, scene: &mut Scene) -> Said {
    let Said::Report(mut report) = said else { return said };
    if scene.weather.uploads_lost > scene.now && scene.chance.one_in(2) {
        match report.fact {
            Fact::Finished(_) => report.fact = Fact::Failed(failure(FailureClass::Infrastructure)),
            Fact::Checkpoint(_) => report.fact = Fact::CheckpointGone,
            _ => {}
        }
    }
    Said::Report(report)
}

fn words(event: &Event) -> String {
    match event {
        Event::Submit { plan, .. } => format!("Submit {}", plan.name),
        Event::Extend(extension) => format!("Extend {}", extension.plan.name),
        Event::Hello { info, worker, held, number } => {
            format!("Hello {number} of {} ({worker:?}) holding {held:?}", info.name)
        }
        event => {
            let mut words = format!("{event:?}");
            words.truncate(words.floor_char_boundary(300));
            words
        }
    }
}
