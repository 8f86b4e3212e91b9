//! The leader: one task owns the scheduler and the store's writer, and everything that happens goes through it.
//!
//! Everyone else holds a [`Driver`]: a bounded queue into that task. Nothing is answered or sent before the records
//! behind it are committed.

mod backlog;
mod command;
mod ended;
pub(crate) mod expansion;
mod folding;
mod judge;
mod keep;
mod leader;
mod link;
mod outbox;
mod submit;
mod time;
mod watchers;

pub use command::{Accepted, Connected};
pub use ended::Ended;
pub use link::{Closing, LinkId, ToLink};

use crate::{Error, artifacts::Unnamed, store::Store};
use backlog::Backlog;
use command::{Command, Reply};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, broadcast, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tombola_core::{
    record::{AuditRow, SweepState, Write},
    schedule::{self, Event, Now, Scheduler},
};
use tombola_spec::{Digest, SweepId, WorkerId};
use watchers::Watchers;

/// Commands that may wait. Full, and senders wait: a session then stops reading its stream.
const QUEUE: usize = 4096;
/// Ended jobs a slow watcher may fall behind.
const ENDED: usize = 4096;

/// The way into the leader. Cheap to clone.
#[derive(Clone)]
pub struct Driver {
    commands: mpsc::Sender<Command>,
    backlog: Backlog,
    store: Arc<dyn Store>,
    /// Whose turn it is to submit.
    turns: Arc<Mutex<()>>,
    folds: Arc<AtomicU64>,
    watchers: Watchers,
    /// Rung while there are results that nobody has judged.
    bell: Arc<Notify>,
    ended: broadcast::Sender<Ended>,
    leads: watch::Receiver<bool>,
}

/// What the leader is started with.
pub struct Start {
    /// Records.
    pub store: Arc<dyn Store>,
    /// Uploads that no record names; it takes out those that one does.
    pub unnamed: Arc<Unnamed>,
    /// The scheduler's settings.
    pub terms: schedule::Config,
    /// How long an upload is kept that no record names.
    pub pinned: Duration,
    /// While another coordinator leads, wait for its end instead of giving up.
    pub standby: bool,
    /// Most bytes that workers may have said and that are not committed.
    pub backlog: u64,
    /// Ends the leader once what it has begun is committed.
    pub stop: CancellationToken,
}

impl Driver {
    /// Takes the lead, or waits for it as a standby, and starts the leader's task.
    ///
    /// # Errors
    /// When the store cannot be led or read: another coordinator leads that nobody may wait for, newer state, no database.
    pub async fn start(start: Start, tasks: &TaskTracker) -> Result<Self, crate::store::StoreError> {
        let (commands, inbox) = mpsc::channel(QUEUE);
        let (ended, _) = broadcast::channel(ENDED);
        let (store, watchers, folds) = (Arc::clone(&start.store), Watchers::default(), Arc::default());
        let (bell, backlog) = (Arc::default(), Backlog::new(start.backlog));
        let (leading, leads) = watch::channel(false);
        let driver =
            Self { commands, backlog, store, turns: Arc::default(), folds, watchers, bell, ended, leads };
        let hears = leader::Hears {
            watchers: driver.watchers.clone(),
            ended: driver.ended.clone(),
            folds: Arc::clone(&driver.folds),
            bell: Arc::clone(&driver.bell),
            leading,
            unnamed: Arc::clone(&start.unnamed),
        };
        let leader = leader::Leader::start(start, hears).await?;
        tasks.spawn(leader.run(inbox));
        Ok(driver)
    }

    /// Lets something happen that people asked for, and waits until it is committed. Returns how many jobs were opened
    /// again (0 for anything but a retry).
    ///
    /// # Errors
    /// What was asked is impossible; a refused commit.
    pub async fn tell(&self, event: Event, audit: AuditRow) -> Result<u64, Error> {
        // What was dropped is made again only for sweeps that were not given up while that was found out.
        let gives_up = matches!(event, Event::SetState { state: SweepState::Cancelled, .. });
        let turn = if gives_up { Some(self.turn().await) } else { None };
        self.ask(|reply| Command::Tell { event, audit, turn, reply }).await
    }

    /// Stores records that the scheduler has no part in, and waits until they are committed. What they were made from holds
    /// until then: `turn` is kept, even if whoever asked is gone.
    ///
    /// # Errors
    /// A refused commit.
    pub async fn record(&self, writes: Vec<Write>, turn: Option<OwnedMutexGuard<()>>) -> Result<(), Error> {
        self.ask(|reply| Command::Record { writes, turn, reply }).await
    }

    /// Protects uploads from garbage collection for a while, or until a record names them.
    ///
    /// # Errors
    /// A refused commit.
    pub async fn pin(&self, artifacts: Vec<Digest>) -> Result<(), Error> {
        self.ask(|reply| Command::Pin { artifacts, reply }).await
    }

    /// Makes sure, in the store, that this coordinator leads, and that whatever it was told before is committed.
    ///
    /// # Errors
    /// When it does not lead.
    pub async fn prove(&self) -> Result<(), Error> {
        self.ask(|reply| Command::Prove { reply }).await
    }

    /// Looks at the scheduler as of the last commit. Must be quick: everything else waits.
    ///
    /// # Errors
    /// When there is no leader at the moment.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Scheduler, Now) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(|reply: Reply<T>| {
            // Nobody waits for the answer any more if sending it fails.
            Command::Read(Box::new(move |seen| {
                drop(reply.send(seen.map(|(scheduler, now)| look(scheduler, now))));
            }))
        })
        .await
    }

    /// Introduces a worker whose messages go to `link` from now on. An earlier link of the same worker is closed.
    ///
    /// # Errors
    /// When there is no leader at the moment.
    pub async fn connect(&self, hello: Event, link: mpsc::Sender<ToLink>) -> Result<Connected, Error> {
        self.ask(|reply| Command::Connect { hello, link, reply }).await
    }

    /// Something a worker says, in so many bytes. Waits while too much of what workers said is not committed. Dropped if its
    /// link is not the worker's link any more.
    ///
    /// # Errors
    /// When the coordinator is shutting down.
    pub async fn hear(&self, worker: WorkerId, link: LinkId, event: Event, bytes: u64) -> Result<(), Error> {
        let room = self.backlog.take(bytes).await;
        self.send(Command::Hear { worker, link, event, room }).await
    }

    /// A worker's link ended.
    pub async fn disconnect(&self, worker: WorkerId, link: LinkId, closing: Closing) {
        // Without a leader there is nobody left who would keep the link.
        let _ = self.send(Command::Disconnect { worker, link, closing }).await;
    }

    /// Whether this coordinator leads; else it is a standby, or cannot reach its database.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// Ticks whenever a sweep has something new to show.
    pub fn watch(&self, sweep: SweepId) -> watch::Receiver<()> {
        self.watchers.watch(sweep)
    }

    /// Jobs that end from now on, of all sweeps.
    pub fn ended(&self) -> broadcast::Receiver<Ended> {
        self.ended.subscribe()
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        // The leader drops the replies of a commit whose outcome is unknown.
        answer.await.map_err(|_| Error::Unavailable(UNKNOWN.to_owned()))?
    }

    async fn send(&self, command: Command) -> Result<(), Error> {
        let gone =
            |_| Error::Unavailable("the coordinator is shutting down; try again in a moment".to_owned());
        self.commands.send(command).await.map_err(gone)
    }
}

const UNKNOWN: &str = "the coordinator could not commit this, or does not know whether it did\nhint: ask again; what was \
                       stored is not stored twice";
