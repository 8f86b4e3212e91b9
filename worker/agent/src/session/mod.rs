//! The session with the coordinator: carries out what [`state`] decides. Its loop never waits for a slot, a transfer or
//! the network; only the spool's disk can hold it up, and heartbeats leave from a task of their own.

pub(crate) mod convert;
mod inventory;
mod leases;
mod link;
pub(crate) mod message;
mod outbox;
mod records;
pub(crate) mod state;
mod stop;

pub use inventory::{Inventory, inventory};
pub use state::Exit;
pub use stop::Stop;

use crate::{
    Limits, Options,
    artifacts::Artifacts,
    error::{AgentError, Result},
    executor::Executor,
    folder::Folder,
    progress::Progress,
    slot::Crew,
    spool::Spool,
};
use convert::to_wire;
use link::{Arrival, Dialer, Outgoing};
use message::{Report, ToCoordinator};
use records::Records;
use state::{Action, Input, Rules, State};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tombola_spec::outcome::Artifact;
use tonic::transport::Endpoint;

/// How often time passes for the state.
const TICK: Duration = Duration::from_millis(500);
/// Words of the coordinator that may wait to be heard.
const UNHEARD: usize = 256;
/// How long the coordinator may take to close a link after the worker said that it leaves.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs a worker until it is stopped, drained, refused or broken.
///
/// # Errors
/// When its folder cannot be used, an address or a slot means nothing, or a slot cannot work.
pub async fn run(options: Options, executor: Arc<dyn Executor>, stop: Stop) -> Result<Exit> {
    let coordinators = link::endpoints(&options.coordinators, &options.access)?;
    let folder = Folder::open(&options.folder)?;
    let (spool, spooled) = Spool::open(folder.path())?;
    let inventory = tokio::select! {
        found = inventory(executor.as_ref(), &options.slots, options.limits.stuck_after) => found?,
        () = stop.wants_drain() => return Ok(Exit::Drained),
        () = stop.wants_now() => return Ok(Exit::Stopped),
    };
    inventory.log();
    let begun = Begun { coordinators, folder, spool, spooled, inventory };
    let (session, dialer) = Session::new(&options, &executor, begun)?;
    let dialer = AbortOnDropHandle::new(tokio::spawn(dialer.run()));
    let exit = session.run(stop).await;
    drop(dialer);
    Ok(exit)
}

/// What stands before the session does.
struct Begun {
    coordinators: Vec<Endpoint>,
    folder: Folder,
    spool: Spool,
    spooled: Vec<Report>,
    inventory: Inventory,
}

/// A worker at work.
struct Session {
    state: State,
    records: Records,
    folder: Folder,
    artifacts: Artifacts,
    crew: Crew,
    heard: mpsc::Receiver<Arrival>,
    link: Option<Outgoing>,
    /// Number of the newest Hello, in the lower half; the upper one numbers the process. 0 = they are not counted.
    hello: u64,
    protocol: u32,
    /// The worker's introduction, as JSON.
    info: String,
    uploads: JoinSet<()>,
    fetches: JoinSet<()>,
    /// Unbounded: the outbox bounds the uploads under way.
    transferred: mpsc::UnboundedSender<Input>,
    transfers: mpsc::UnboundedReceiver<Input>,
    /// Before an upload that failed is tried again.
    pause: Duration,
}

impl Session {
    /// A session, its slots at work, and who keeps its link open.
    fn new(options: &Options, executor: &Arc<dyn Executor>, begun: Begun) -> Result<(Self, Dialer)> {
        let Begun { coordinators, folder, spool, spooled, mut inventory } = begun;
        let (limits, progress, access) = (options.limits, Progress::default(), options.access.clone());
        let (way_in, way) = watch::channel(None);
        let cache = folder.path().join("artifacts");
        let artifacts = Artifacts::open(cache, limits.cache_bytes, way, limits.longest_pause)?;
        let engines = std::mem::take(&mut inventory.engines);
        let crew = Crew::start(options, executor, engines, &folder, &artifacts, &progress);
        let Limits { spool_bytes, drain_within, time_limit, .. } = limits;
        let rules = Rules { spool_bytes, drain_within, time_limit };
        let (arrivals, heard) = mpsc::channel(UNHEARD);
        let (transferred, transfers) = mpsc::unbounded_channel();
        let session = Self {
            state: State::new(options.slots.len(), rules, folder.identity(), spooled, folder.was_left()),
            records: Records::new(spool),
            hello: folder.count_start().unwrap_or(0) << 32,
            folder,
            artifacts,
            crew,
            heard,
            link: None,
            protocol: options.protocol,
            info: inventory.info_json(&options.name, &options.data_folder, limits.stuck_after),
            uploads: JoinSet::new(),
            fetches: JoinSet::new(),
            transferred,
            transfers,
            pause: limits.longest_pause,
        };
        let said = String::new();
        Ok((session, Dialer { coordinators, access, limits, progress, arrivals, way: way_in, said }))
    }

    async fn run(mut self, stop: Stop) -> Exit {
        let begin = Instant::now();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drains = false;
        let exit = loop {
            let exit = tokio::select! {
                () = stop.wants_now() => Some(Exit::Stopped),
                () = stop.wants_drain(), if !drains => {
                    drains = true;
                    self.handle(Input::Drain)
                }
                Some(arrival) = self.heard.recv() => self.arrive(arrival),
                Some((slot, told)) = self.crew.told.recv() => self.handle(Input::Slot(slot, told)),
                Some(input) = self.transfers.recv() => self.handle(input),
                _ = tick.tick() => self.tick(begin.elapsed()),
            };
            if let Some(exit) = exit {
                break exit;
            }
        };
        self.records.settle(&self.state);
        self.crew.dismiss().await;
        if matches!(exit, Exit::Stopped | Exit::Late) {
            self.folder.note_leaving();
        }
        let said_farewell = matches!(exit, Exit::Drained | Exit::Broken(_));
        if self.link.take().is_some() && said_farewell {
            // What was said last is on its way until the coordinator closes the link.
            let closed = async { while !matches!(self.heard.recv().await, None | Some(Arrival::Closed)) {} };
            let _ = timeout(FAREWELL, closed).await;
        }
        exit
    }

    fn arrive(&mut self, arrival: Arrival) -> Option<Exit> {
        match arrival {
            Arrival::Opened(link) => {
                self.link = Some(link);
                self.hello += u64::from(self.hello > 0);
                self.handle(Input::Opened)
            }
            Arrival::Message(message) => self.handle(Input::Message(message)),
            Arrival::Closed => {
                self.link = None;
                // They are begun again over the next link.
                self.uploads.abort_all();
                self.handle(Input::Closed)
            }
        }
    }

    fn tick(&mut self, now: Duration) -> Option<Exit> {
        while self.uploads.try_join_next().is_some() {}
        while self.fetches.try_join_next().is_some() {}
        self.artifacts.trim(|| self.state.needed());
        self.records.settle(&self.state);
        self.handle(Input::Tick { now, unwritten: self.records.is_behind() })
    }

    /// Lets the state decide, and does what it says. Returns why to leave, if it says so.
    fn handle(&mut self, input: Input) -> Option<Exit> {
        for action in self.state.handle(input) {
            match action {
                Action::Send(message) => self.send(message),
                Action::Order(slot, order) => self.crew.order(slot, order),
                Action::Fetch(artifacts) => artifacts.into_iter().for_each(|artifact| self.fetch(artifact)),
                Action::Upload(report, artifacts) => self.upload(report, artifacts),
                Action::Record(report) => self.records.add(&report),
                Action::Sweep => self.records.sweep(&self.state),
                Action::Remember(worker) => {
                    if let Err(error) = self.folder.remember(&worker) {
                        tracing::error!(%error, "worker.identity: a restarted worker will be a stranger");
                    }
                }
                Action::Exit(exit) => return Some(exit),
            }
        }
        None
    }

    fn send(&self, message: ToCoordinator) {
        if let Some(link) = &self.link {
            // A link that broke is about to say so; what matters is said again over the next.
            let _ = link.send(to_wire(message, self.protocol, &self.info, self.hello));
        }
    }

    /// Has an input at hand before its stage begins.
    fn fetch(&mut self, artifact: Artifact) {
        let artifacts = self.artifacts.clone();
        self.fetches.spawn(async move {
            // The slot that needs it finds the same error, and tells.
            if let Err(error) = artifacts.fetch(artifact).await {
                tracing::debug!(%error, "artifacts.prefetch: not to be had");
            }
        });
    }

    fn upload(&mut self, report: u64, artifacts: Vec<Artifact>) {
        let (shelf, transferred, pause) = (self.artifacts.clone(), self.transferred.clone(), self.pause);
        self.uploads.spawn(async move {
            let input = match shelf.upload(&artifacts).await {
                Ok(()) => Input::Uploaded(report),
                Err(AgentError::Away(why)) => {
                    tracing::warn!(why, "artifacts.upload: not taken yet; it is tried again");
                    tokio::time::sleep(pause).await;
                    Input::UploadFailed(report)
                }
                Err(error) => {
                    tracing::error!(%error, "artifacts.lost: what a job made cannot be uploaded");
                    Input::ArtifactsLost(report, error.failure())
                }
            };
            // Nobody listens once the worker leaves; the spool remembers the report.
            let _ = transferred.send(input);
        });
    }
}
