//! The leader's loop: drain the queue, handle each command, one commit, then everything that waited for it.
//!
//! On a commit that failed, or whose outcome is unknown, all of that is dropped and the scheduler is folded again from
//! the store: workers are told to say Hello again, and people to ask again.

use super::{
    Start,
    command::{Accepted, Command, Connected, Reply, Turn},
    ended::Ended,
    folding::fold,
    link::{Closing, Links, ToLink},
    outbox::{After, Outbox},
    time::{Backoff, Time},
    watchers::Watchers,
};
use crate::{
    Error,
    artifacts::Unnamed,
    clock,
    store::{Store, StoreError},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::{
    sync::{Notify, broadcast, mpsc, watch},
    time::{Duration, Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tombola_core::{
    record::{AuditRow, Snapshot, Write},
    schedule::{self, Effect, Event, Message, Scheduler},
};
use tombola_spec::{Epoch, JobId, WorkerId};

/// Most commands of one commit.
const BATCH: usize = 512;
/// How often time passes for the scheduler.
const TICK: Duration = Duration::from_millis(500);

/// How often the leader shows that it lives, when it has nothing to commit.
pub(super) const BEAT: Duration = Duration::from_secs(1);

const LEAVING: &str = "the coordinator is shutting down; come back";

/// The one writer.
pub(super) struct Leader {
    pub(super) store: Arc<dyn Store>,
    pub(super) scheduler: Scheduler,
    pub(super) epoch: Epoch,
    pub(super) time: Time,
    pub(super) backoff: Backoff,
    /// Why it does not lead, for whoever asks while it does not.
    pub(super) why: String,
    /// When the store last knew this leader as its own.
    pub(super) proven: Instant,
    pub(super) terms: schedule::Config,
    /// How long a pin lasts.
    pinned: Duration,
    pub(super) links: Links,
    pub(super) outbox: Outbox,
    pub(super) hears: Hears,
    pub(super) stop: CancellationToken,
}

/// Who hears of what the leader does.
pub(super) struct Hears {
    pub(super) watchers: Watchers,
    pub(super) ended: broadcast::Sender<Ended>,
    /// How often the store was folded again.
    pub(super) folds: Arc<AtomicU64>,
    /// Rung while there are results that nobody has judged.
    pub(super) bell: Arc<Notify>,
    /// Whether this coordinator leads.
    pub(super) leading: watch::Sender<bool>,
    /// Uploads that no record names.
    pub(super) unnamed: Arc<Unnamed>,
}

impl Leader {
    /// Takes the lead and folds what is stored. While another coordinator leads, a standby begins without a memory.
    pub(super) async fn start(start: Start, hears: Hears) -> Result<Self, StoreError> {
        let Start { store, terms, pinned, stop, standby, unnamed: _, backlog: _ } = start;
        let mut why = String::new();
        let (epoch, scheduler) = match fold(store.as_ref(), terms, Duration::ZERO).await {
            Err(error @ StoreError::Held { .. }) if standby => {
                why = error.to_string();
                tracing::info!(why, "leader.standby: this coordinator waits for its turn");
                (Epoch(0), Scheduler::fold(terms, Snapshot::default()))
            }
            folded => {
                hears.leading.send_replace(true);
                folded?
            }
        };
        Ok(Self {
            store,
            scheduler,
            epoch,
            time: Time::start(),
            backoff: Backoff::default(),
            why,
            proven: Instant::now(),
            terms,
            pinned,
            links: Links::default(),
            outbox: Outbox::default(),
            hears,
            stop,
        })
    }

    /// Works until it is stopped; then commits what it has begun and closes all links.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        let mut batch = Vec::with_capacity(BATCH);
        if !self.leads() && !self.recover(&mut inbox).await {
            return;
        }
        loop {
            let ticks = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tick.tick() => true,
                taken = inbox.recv_many(&mut batch, BATCH) => if taken == 0 { break } else { false },
            };
            let begun = self.time.begin_step(TICK);
            if ticks {
                self.handle(Event::Tick);
            }
            if let Err(error) = self.step(batch.drain(..)).await {
                tracing::error!(%error, "leader.commit: a commit failed, or nobody knows whether it did; starting over");
                self.why = error.to_string();
                if !self.recover(&mut inbox).await {
                    // Stopped without a memory that can be trusted: nothing more may be written.
                    return self.links.close_all(LEAVING);
                }
            }
            self.time.after_step(begun);
        }
        self.finish(inbox, batch).await;
    }

    /// Commits what was asked so far, and lets everybody go.
    async fn finish(mut self, mut inbox: mpsc::Receiver<Command>, mut batch: Vec<Command>) {
        inbox.close();
        while let Ok(command) = inbox.try_recv() {
            batch.push(command);
        }
        if let Err(error) = self.step(batch.drain(..)).await {
            tracing::error!(%error, "leader.stop: the last commit failed; workers will report again");
        }
        self.links.close_all(LEAVING);
    }

    /// Handles commands in order, and commits.
    async fn step(&mut self, batch: impl Iterator<Item = Command>) -> Result<(), StoreError> {
        for command in batch {
            self.take(command);
        }
        self.flush().await
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Accept { event, audit, turn, reply } => self.accept(*event, audit, turn, reply),
            Command::Tell { event, audit, turn, reply } => self.tell(event, audit, turn, reply),
            Command::Drop { jobs, turn, reply } => self.drop_outputs(jobs, turn, reply),
            Command::Record { writes, turn, reply } => {
                self.outbox.writes.extend(writes);
                self.outbox.after.push(After::Recorded(reply, turn));
            }
            Command::Pin { artifacts, reply } => {
                self.outbox.pins.extend(artifacts);
                self.outbox.after.push(After::Stored(reply));
            }
            Command::Connect { hello, link, reply } => self.connect(hello, link, reply),
            Command::Hear { worker, link, event, room } if self.links.is_open(worker, link) => {
                self.outbox.rooms.extend(room);
                self.hear(worker, event);
            }
            Command::Disconnect { worker, link, closing } if self.links.is_open(worker, link) => {
                self.links.close(worker, closing);
                self.handle(Event::LinkDown { worker });
            }
            // What an earlier link had to say is repeated over the newer one.
            Command::Hear { .. } | Command::Disconnect { .. } => {}
            Command::Prove { reply } => {
                self.outbox.proof = true;
                self.outbox.after.push(After::Stored(reply));
            }
            Command::Read(look) => self.outbox.after.push(After::Read(look)),
        }
    }

    /// Handles an event whose effects are all records and messages.
    fn handle(&mut self, event: Event) {
        let effects = self.effects(event);
        self.queue(effects);
    }

    fn effects(&mut self, event: Event) -> Vec<Effect> {
        self.scheduler.handle(self.time.now(), event)
    }

    /// Puts records and messages into the next commit; returns the effects that answer somebody.
    fn queue(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Write(write) => self.outbox.writes.push(write),
                Effect::Send { worker, message } => self.outbox.after.push(After::Send(worker, message)),
                Effect::Changed(sweep) => self.outbox.after.push(After::Changed(sweep)),
                Effect::Warn(what) => self.outbox.after.push(After::Warn(what)),
                answer => answers.push(answer),
            }
        }
        answers
    }

    /// The same for what people ask for: if it changes anything, who asked is committed with it.
    fn queue_for(&mut self, effects: Vec<Effect>, audit: Option<AuditRow>) -> Vec<Effect> {
        let before = self.outbox.writes.len();
        let answers = self.queue(effects);
        if self.outbox.writes.len() > before {
            self.outbox.writes.extend(audit.map(Write::Audit));
        }
        answers
    }

    fn accept(&mut self, event: Event, audit: Option<AuditRow>, turn: Turn, reply: Reply<Accepted>) {
        if turn.folds != self.hears.folds.load(Ordering::SeqCst) {
            // Dropped, the reply asks for another try.
            return;
        }
        let effects = self.effects(event);
        let mut answer = Err(Error::Internal("the scheduler did not answer a submission".to_owned()));
        for effect in self.queue_for(effects, audit) {
            match effect {
                Effect::Accepted { sweep, new, known } => {
                    answer = Ok(Accepted { sweep, new, known, created: true });
                }
                Effect::Rejected(why) => answer = Err(Error::Precondition(why)),
                _ => {}
            }
        }
        self.outbox.after.push(After::Accept(answer, reply, turn));
    }

    fn tell(&mut self, event: Event, audit: AuditRow, turn: Option<Turn>, reply: Reply<u64>) {
        let effects = self.effects(event);
        let mut answer = Ok(0);
        for effect in self.queue_for(effects, Some(audit)) {
            match effect {
                Effect::Reopened(jobs) => answer = Ok(jobs),
                Effect::Rejected(why) => answer = Err(Error::Precondition(why)),
                _ => {}
            }
        }
        self.outbox.after.push(After::Answer(answer, reply, turn));
    }

    fn drop_outputs(&mut self, jobs: Vec<JobId>, turn: Turn, reply: Reply<usize>) {
        if turn.folds != self.hears.folds.load(Ordering::SeqCst) {
            // Dropped, the reply says that it has to be looked for again.
            return;
        }
        let effects = self.effects(Event::Drop(jobs));
        let dropped = effects.iter().map(|effect| match effect {
            Effect::Write(Write::Drop(jobs)) => jobs.len(),
            _ => 0,
        });
        let dropped = dropped.sum();
        self.queue(effects);
        self.outbox.after.push(After::Dropped(dropped, reply, turn));
    }

    /// The link has to be open before the first message over it, and the first message says who the worker is.
    fn connect(&mut self, hello: Event, link: mpsc::Sender<ToLink>, reply: Reply<Connected>) {
        let mut effects = self.effects(hello);
        let first = effects
            .iter()
            .position(|effect| matches!(effect, Effect::Send { message, .. } if introduces(message)));
        match first.map(|index| effects.remove(index)) {
            Some(Effect::Send { worker, message: Message::Welcome }) => {
                // From now on nothing an earlier link of this worker says, or its end, may be heard.
                self.links.close(worker, Closing::Done);
                self.outbox.after.push(After::Open(worker, link, reply));
            }
            Some(Effect::Send { message, .. }) => self.outbox.after.push(After::Refuse(message, link, reply)),
            // Dropping the reply ends the session; the worker comes back.
            _ => tracing::error!("leader.hello: the scheduler did not answer a worker's Hello"),
        }
        self.queue(effects);
    }

    fn hear(&mut self, worker: WorkerId, event: Event) {
        let leaving = matches!(event, Event::Leaving { .. });
        self.handle(event);
        if leaving {
            self.outbox.after.push(After::Left(worker));
        }
    }

    /// Commits, then does what waited. Repeats while closing slow links makes new records.
    async fn flush(&mut self) -> Result<(), StoreError> {
        while !self.outbox.is_empty() {
            let Outbox { pins, proof, writes, after, rooms: _rooms } = std::mem::take(&mut self.outbox);
            if !pins.is_empty() {
                self.store.pin(self.epoch, &pins, clock::now(), clock::later(self.pinned)).await?;
            }
            if proof || !writes.is_empty() {
                self.store.commit(self.epoch, clock::now(), &writes).await?;
                self.announce(&writes);
            }
            for act in after {
                self.carry_out(act);
            }
        }
        if self.scheduler.has_unjudged() {
            self.hears.bell.notify_one();
        }
        self.prove().await
    }

    /// Shows that this leader lives, and finds out in time that it leads no more.
    async fn prove(&mut self) -> Result<(), StoreError> {
        if self.proven.elapsed() >= BEAT {
            self.store.beat(self.epoch).await?;
            self.proven = Instant::now();
        }
        Ok(())
    }

    fn leads(&self) -> bool {
        *self.hears.leading.borrow()
    }

    fn announce(&self, writes: &[Write]) {
        self.hears.unnamed.forget(writes.iter().flat_map(Write::names));
        if self.hears.ended.receiver_count() > 0 {
            for ended in writes.iter().filter_map(Ended::of) {
                // Nobody listening is fine.
                let _ = self.hears.ended.send(ended);
            }
        }
    }

    fn carry_out(&mut self, act: After) {
        match act {
            After::Send(worker, message) => {
                if !self.links.send(worker, ToLink::Message(message)) {
                    tracing::warn!(%worker, "leader.slow: a worker's link is full or gone; it has to come back");
                    self.handle(Event::LinkDown { worker });
                }
            }
            After::Open(worker, link, reply) => {
                let id = self.links.open(worker, link);
                let welcome = ToLink::Welcome { worker, epoch: self.epoch };
                if self.links.send(worker, welcome) && reply.send(Ok(Connected::Welcome(worker, id))).is_ok()
                {
                    return;
                }
                // The session ended while the Hello was being committed; nobody else would say so.
                self.links.close(worker, Closing::Done);
                self.handle(Event::LinkDown { worker });
            }
            After::Refuse(message, link, reply) => {
                let _ = link.try_send(ToLink::Message(message));
                let _ = reply.send(Ok(Connected::Refused));
            }
            After::Left(worker) => self.links.close(worker, Closing::Done),
            After::Changed(sweep) => self.hears.watchers.notify(sweep),
            After::Warn(what) => tracing::warn!("{what}"),
            // Whoever asked may have left meanwhile.
            After::Accept(answer, reply, _turn) => drop(reply.send(answer)),
            After::Answer(answer, reply, _turn) => drop(reply.send(answer)),
            After::Dropped(jobs, reply, _turn) => drop(reply.send(Ok(jobs))),
            After::Stored(reply) => drop(reply.send(Ok(()))),
            After::Recorded(reply, _turn) => drop(reply.send(Ok(()))),
            After::Read(look) => look(Ok((&self.scheduler, self.time.now()))),
        }
    }
}

fn introduces(message: &Message) -> bool {
    matches!(message, Message::Welcome | Message::Refused { .. })
}
