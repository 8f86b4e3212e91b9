//! The scheduler: which job runs where, next, again, or not at all. Events in, effects out.
//!
//! ```text
//! Event ─► hello, report, submit, steer, tick ─► graph, queue, floor ─► place, chain ─► Effect
//! ```
//!
//! `job`, `sweep`, `worker`, `lease`, `key`, `queue` and `graph` hold state and decide nothing. `attempt` ends attempts,
//! whatever ended them; `stuck` finds those that stand still; `service` takes bad slots out; `find` matches plans with what there
//! is, `drop` forgoes what no sweep keeps. `place` runs after every event and fills free slots. Time comes in with the event; no map
//! whose order is random is walked, so that the same events always give the same effects.

mod attempt;
mod chain;
mod config;
mod drop;
mod effect;
mod event;
mod explain;
mod explain_sweep;
mod find;
mod fold;
mod graph;
mod hello;
mod job;
mod key;
mod lease;
mod place;
mod queue;
mod report;
mod service;
mod steer;
mod stuck;
mod submit;
mod sweep;
mod tick;
mod view;
mod warn;
mod worker;

pub use config::Config;
pub use effect::{Effect, Lease, LeasedJob, Message};
pub use event::{Again, Event, Extension, Fact, Held, Judgement, Now, StoredTrial};
pub use explain::Sentence;
pub use find::at_hand;
pub use sweep::{Progress, RunningJob};
pub use worker::{SlotView, WorkerView};

use crate::record::{LastIds, Write};
use graph::Graph;
use key::Keys;
use queue::Queue;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tombola_spec::{Digest, JobId, LeaseId, WorkerId};
use worker::Floor;

/// Everything that lives, and the decisions about it.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    now: Now,
    graph: Graph,
    keys: Keys,
    queue: Queue,
    floor: Floor,
    leases: BTreeMap<LeaseId, lease::Lease>,
    /// The content each data set's name stands for.
    bound: BTreeMap<String, Digest>,
    last: LastIds,
    /// Jobs that wait out a pause, by its end.
    pauses: BTreeSet<(Now, JobId)>,
    /// Slots that rest, by the end of it.
    rests: BTreeSet<(Now, WorkerId, u32)>,
    /// Jobs that wait for the rest of a pack.
    held: BTreeMap<LeaseId, Vec<JobId>>,
    /// Jobs nobody waits for, by the moment they may be forgotten.
    fading: VecDeque<(Now, JobId)>,
    /// What the event at hand led to so far.
    effects: Vec<Effect>,
}

impl Scheduler {
    /// Handles one event at `now`; time never goes back.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        match event {
            Event::Hello { info, worker, held, number } => self.hello(info, worker, &held, number),
            Event::Heartbeat { worker, progress } => self.heartbeat(worker, &progress),
            Event::Report { worker, sequence, job, attempt, fact } => {
                self.report(worker, sequence, job, attempt, fact);
            }
            Event::Returned { worker, lease, jobs } => self.returned(worker, lease, &jobs),
            Event::Service { worker, slot, out } => self.slot_service(worker, slot, out),
            Event::Draining { worker } => {
                self.alive(worker);
                self.draining(worker);
            }
            Event::Leaving { worker } => self.leaving(worker),
            Event::LinkDown { worker } => self.link_down(worker),
            Event::Tick => self.tick(),
            Event::Submit { plan, source, known } => self.submit(&plan, source, known),
            Event::Extend(extension) => self.extend(*extension),
            Event::Judge(judgement) => self.judge(*judgement),
            Event::SetState { sweep, state } => self.set_state(sweep, state),
            Event::Drop(jobs) => self.drop_outputs(jobs),
            Event::Again(again) => self.make_again(*again),
            Event::Retry { sweep } => self.retry(sweep),
            Event::Drain { worker } => self.drain(worker),
        }
        self.place();
        let changed = std::mem::take(&mut self.graph.changed);
        self.effects.extend(changed.into_iter().map(Effect::Changed));
        std::mem::take(&mut self.effects)
    }

    fn write(&mut self, write: Write) {
        self.effects.push(Effect::Write(write));
    }

    fn send(&mut self, worker: WorkerId, message: Message) {
        self.effects.push(Effect::Send { worker, message });
    }

    fn warn(&mut self, what: String) {
        self.effects.push(Effect::Warn(what));
    }

    fn reject(&mut self, why: impl Into<String>) {
        self.effects.push(Effect::Rejected(why.into()));
    }
}
