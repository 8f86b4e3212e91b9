//! What runs on the simulated hosts: real coordinators, real agents with engines that pretend, and people with a real client.

use crate::{
    chance::Chance,
    fake::{Act, FakeExecutor},
    memory::{Memory, Seat},
    sweeps::Family,
};
use futures::{Stream, TryStreamExt, executor::block_on, stream};
use object_store::memory::InMemory;
use std::{
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tombola_access::{Access, Channel, Road};
use tombola_agent::{Exit, Limits, Options, SlotSpec, Stop};
use tombola_server::{
    Connection,
    app::{Coordinator, Ground},
    artifacts::Artifacts,
    config::{Bytes, Config, Database, Flags, Span},
};
use tombola_spec::{outcome::Artifact, slot::StageJob, worker::DeviceKind};
use tombola_wire::v1::{self, sweep_service_client::SweepServiceClient};
use tonic::{Code, Status, transport::Endpoint};
use turmoil::net::{TcpListener, TcpStream};

pub(crate) const COORDINATORS: [&str; 2] = ["coordinator-0", "coordinator-1"];
pub(crate) const WORKERS: [&str; 2] = ["worker-0", "worker-1"];
const PORT: u16 = 7654;
/// How long people wait for an answer, and until they ask again.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(700);
/// What no repetition makes better.
const WRONG: [Code; 4] =
    [Code::InvalidArgument, Code::NotFound, Code::AlreadyExists, Code::FailedPrecondition];

/// What all coordinators of a run share, and what outlives their processes.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) memory: Arc<Memory>,
    pub(crate) bytes: Arc<InMemory>,
    /// Real folders, for locks, spools and caches.
    pub(crate) folder: PathBuf,
    lives: Arc<AtomicU64>,
}

impl Place {
    pub(crate) fn new(memory: Arc<Memory>, folder: PathBuf) -> Self {
        Self { memory, bytes: Arc::default(), folder, lives: Arc::default() }
    }

    /// Whether the bytes of an artifact are there, and are what its name says.
    pub(crate) fn has(&self, artifact: &Artifact) -> Result<(), String> {
        let shelf = Artifacts::open(&self.folder.join("artifacts"), Bytes(u64::MAX));
        let shelf = shelf.map_err(|error| error.to_string())?.kept_in(Arc::clone(&self.bytes) as _);
        let read = block_on(async { shelf.get(artifact.digest).await?.try_collect::<Vec<_>>().await });
        read.map(drop).map_err(|error| error.to_string())
    }

    fn config(&self, name: &str) -> anyhow::Result<Config> {
        let flags = Flags {
            listen: Some(format!("0.0.0.0:{PORT}")),
            insecure: true,
            state: Some(self.folder.join(name)),
            artifacts: Some(self.folder.join("artifacts")),
            ..Flags::default()
        };
        let mut config = Config::load(&flags)?;
        let span = |seconds| Span(Duration::from_secs(seconds));
        // Who does not lead waits for its turn.
        config.database = Database::Postgres("postgres://memory".to_owned());
        (config.workers.heartbeat, config.workers.term) = (span(1), span(5));
        (config.workers.pause, config.workers.longest_pause) = (span(1), span(4));
        (config.uploads.free, config.uploads.kept, config.uploads.collect) = (Bytes(0), span(60), span(15));
        // What goes wrong here is the network's fault and the hosts', never a job's.
        let often = std::num::NonZeroU32::MAX;
        (config.workers.tries, config.workers.losses) = (often, often);
        Ok(config)
    }
}

/// A coordinator's process, until it is asked to leave.
pub(crate) async fn coordinator(number: usize, place: Place, leave: Arc<Notify>) -> turmoil::Result {
    let config = place.config(COORDINATORS[number])?;
    std::fs::create_dir_all(&config.state)?;
    let seat = Seat::new(&place.memory, (number, place.lives.fetch_add(1, Ordering::Relaxed)));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let shelf = Artifacts::open(&config.artifacts, config.limits.artifact)?;
    let ground = Ground {
        store: Arc::new(seat),
        shelf: shelf.kept_in(place.bytes),
        address: listener.local_addr()?,
        connections: connections(listener),
    };
    let coordinator = Coordinator::start_on(ground, config).await?;
    tokio::select! {
        ended = coordinator.ended() => ended?,
        () = leave.notified() => coordinator.stop().await,
    }
    Ok(())
}

fn connections(listener: TcpListener) -> impl Stream<Item = Connection<TcpStream>> {
    stream::unfold(listener, |listener| async move { Some((listener.accept().await, listener)) })
}

fn access() -> Access {
    Access::open().over(Road::new(|host, port| TcpStream::connect((host, port))))
}

/// A worker's process, until it is asked to leave.
pub(crate) async fn worker(number: usize, folder: PathBuf, seed: u64, leave: Arc<Notify>) -> turmoil::Result {
    let slot = SlotSpec { device: DeviceKind::Cpu, index: 0, lanes: 2, declared: true };
    let coordinators = COORDINATORS.map(|name| format!("http://{name}:{PORT}")).to_vec();
    let mut options = Options::new(coordinators, WORKERS[number], folder, vec![slot; 2]);
    options.access = access();
    options.limits = Limits { stuck_after: Duration::from_secs(8), ..Limits::default() };
    let engines = FakeExecutor::new(Duration::from_millis(300), move |job| fate(seed, job));
    let stop = Stop::default();
    let run = tombola_agent::run(options, Arc::new(engines), stop.clone());
    tokio::pin!(run);
    let exit = tokio::select! {
        exit = &mut run => return Err(format!("a worker left by itself: {exit:?}").into()),
        () = leave.notified() => {
            if number == 0 { stop.drain() } else { stop.now() }
            run.await?
        }
    };
    match exit {
        Exit::Drained | Exit::Stopped => Ok(()),
        other => Err(format!("a worker that was asked to leave: {other:?}").into()),
    }
}

/// Now and then an engine dies or hangs.
fn fate(seed: u64, job: &StageJob) -> Act {
    let attempt = (job.job.0 << 16) + u64::from(job.attempt.0);
    let mut chance = Chance::new(seed, attempt);
    match chance.below(40) {
        _ if seed == 0 => Act::Train,
        0 => Act::Hang,
        1 | 2 => Act::Crash,
        _ => Act::Train,
    }
}

/// People submit sweeps, and later ask for more of each. They ask until they are answered.
pub(crate) async fn people(families: Vec<&'static Family>) -> turmoil::Result {
    for family in &families {
        let request = v1::SubmitRequest { file: family.first.0.clone() };
        until_answered(async |mut sweeps| sweeps.submit(request.clone()).await.map(drop)).await?;
        sleep(Duration::from_secs(2)).await;
    }
    for family in &families {
        let request = v1::ExtendRequest { sweep: family.name.to_owned(), file: family.later.0.clone() };
        until_answered(async |mut sweeps| sweeps.extend(request.clone()).await.map(drop)).await?;
        sleep(Duration::from_secs(3)).await;
    }
    Ok(())
}

/// Asks one coordinator after the other, with a pause, until one has taken it.
///
/// # Errors
/// When a coordinator says that the question is wrong.
async fn until_answered(
    ask: impl AsyncFn(SweepServiceClient<Channel>) -> Result<(), Status>,
) -> turmoil::Result {
    for name in COORDINATORS.iter().cycle() {
        let endpoint = Endpoint::from_shared(format!("http://{name}:{PORT}"))?;
        if let Ok(channel) = access().connect(&endpoint).await {
            let answer = timeout(PATIENCE, ask(SweepServiceClient::new(channel))).await;
            match answer.unwrap_or_else(|late| Err(Status::from_error(Box::new(late)))) {
                Ok(()) => break,
                Err(status) if WRONG.contains(&status.code()) => return Err(status.into()),
                Err(status) => tracing::info!(%status, name, "people ask again"),
            }
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
