//! The one wiring file: a coordinator is put together here, started and stopped.

use crate::{
    access::{Arrival, Connection, Door, Guard, arrivals},
    artifacts::Artifacts,
    collect::{Collector, Gate},
    config::{Config, Database, Uploads},
    driver::{Driver, Start},
    judge,
    rpc::Services,
    state::AddressFile,
    store::{SqlStore, Store},
    transport,
};
use anyhow::Context;
use futures::Stream;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    fs::{File, TryLockError},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, signal::unix, sync::watch, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tombola_access::Wire;
use tonic::{service::Routes, transport::Server};

/// How long clients may take to hear that the coordinator leaves.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often, and how many times, a standby looks whether its leader has claimed the artifacts.
const CLAIM: Duration = Duration::from_millis(100);
const CLAIMS: u32 = 50;
/// A connection that does not answer for so long is dead.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT; then commits what was begun and asks workers to come back.
///
/// # Errors
/// When it cannot start; each says what to do about it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    raise_open_files();
    let (mut terminate, mut interrupt) =
        (unix::signal(unix::SignalKind::terminate())?, unix::signal(unix::SignalKind::interrupt())?);
    let coordinator = Coordinator::start(config).await?;
    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = coordinator.ended() => ended,
    };
    coordinator.stop().await;
    ended
}

/// What a coordinator stands on.
pub struct Ground<C> {
    /// Records.
    pub store: Arc<dyn Store>,
    /// Masks, weights and checkpoints.
    pub shelf: Artifacts,
    /// Where it listens.
    pub address: SocketAddr,
    /// Connections as they are made there.
    pub connections: C,
}

/// A coordinator that serves.
pub struct Coordinator {
    address: SocketAddr,
    address_file: AddressFile,
    leads: watch::Receiver<bool>,
    door: Door,
    stop: CancellationToken,
    /// No other process serves from this state folder, where it is known that one could.
    _alone: Option<File>,
    /// The leader.
    leader: TaskTracker,
    /// Sessions, watches, the collector: nothing is lost by their end.
    tasks: TaskTracker,
    server: JoinHandle<()>,
}

impl Coordinator {
    /// Starts all parts, in an order in which every obstacle is found before anything is promised to anyone.
    ///
    /// # Errors
    /// When another coordinator leads this state, a port is in use, a folder cannot be written, and the like.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let store: Arc<dyn Store> = Arc::new(open_store(&config)?);
        store.migrate().await?;
        let lock = alone(&config.state)?;
        let listener = listen(&config).await?;
        let address = listener.local_addr()?;
        let shelf = Artifacts::open(&config.artifacts, config.limits.artifact)?.leaving(config.uploads.free);
        let shelf = shelf.unnamed_at_most(config.uploads.unnamed);
        let ground = Ground { store, shelf, address, connections: transport::connections(listener) };
        Ok(Self { _alone: Some(lock), ..Self::start_on(ground, config).await? })
    }

    /// The same with a ground that somebody else has prepared: a store whose schema is this build's, and artifacts.
    ///
    /// # Errors
    /// As [`Coordinator::start`].
    pub async fn start_on<W: Wire + 'static>(
        ground: Ground<impl Stream<Item = Connection<W>> + Send + 'static>,
        config: Config,
    ) -> anyhow::Result<Self> {
        let Ground { store, shelf, address, connections } = ground;
        let mut door = Door::open(&config, store.as_ref()).await?;
        let (stop, leader, tasks) = (CancellationToken::new(), TaskTracker::new(), TaskTracker::new());
        let driver = Driver::start(start(&config, &store, &shelf, &stop), &leader).await?;
        let leads = driver.leads();
        share(&shelf, &store.identity().await?, leads.clone(), &door).await?;
        let registry = Arc::clone(&door.registry);
        tasks.spawn(Arc::clone(&registry).run(Arc::clone(&store), stop.clone()));
        if let Some(certificate) = &door.certificate {
            tasks.spawn(Arc::clone(certificate).keep(stop.clone())?);
        }
        let services = Services {
            driver,
            store,
            shelf,
            gate: Gate::default(),
            limits: config.limits.clone(),
            terms: config.workers.clone(),
            registry,
            pin: door.pin(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(judge::run(services.driver.clone(), stop.clone()));
        tasks.spawn(collector(&services, &config.uploads).run(stop.clone()));
        let arrivals = arrivals(connections, door.tls.clone());
        let server = transport::bounded(Server::builder(), &config.limits);
        let (routes, guard) = (services.routes().await?, Guard::of(&door));
        let server = tokio::spawn(serve(server, routes, guard, arrivals, stop.clone()));
        door.announce(config.operator_file())?;
        let address_file = AddressFile::write(config.address_file(), address, door.tls.is_some())?;
        tell(&config, address, &door);
        Ok(Self { address, address_file, leads, door, stop, _alone: None, leader, tasks, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it leads: at once, but for a standby.
    pub async fn leading(&self) {
        // Without a leader's task nothing is led any more; `ended` tells.
        let _ = self.leads.clone().wait_for(|leads| *leads).await;
    }

    /// Waits for an end nobody asked for, of the leader or of the server.
    ///
    /// # Errors
    /// Always, once it has ended.
    pub async fn ended(&self) -> anyhow::Result<()> {
        self.leader.close();
        self.leader.wait().await;
        anyhow::bail!("the coordinator ended by itself; the last words are in its log")
    }

    /// Commits what was begun, closes all links, and ends.
    pub async fn stop(mut self) {
        tracing::info!("coordinator.stopping: committing what was begun; workers are asked to come back");
        self.stop.cancel();
        self.leader.close();
        self.leader.wait().await;
        // Clients that do not let go are cut off: whatever they want is asked again.
        let server = self.server.abort_handle();
        let _ = tokio::time::timeout(GOODBYE, self.server).await;
        server.abort();
        self.tasks.close();
        let _ = tokio::time::timeout(GOODBYE, self.tasks.wait()).await;
        self.door.close();
        self.address_file.remove();
        tracing::info!("coordinator.stopped: everything acknowledged is on disk");
    }
}

/// What the leader is started with.
fn start(config: &Config, store: &Arc<dyn Store>, shelf: &Artifacts, stop: &CancellationToken) -> Start {
    Start {
        store: Arc::clone(store),
        unnamed: Arc::clone(shelf.unnamed()),
        terms: config.workers.schedule(),
        pinned: config.uploads.kept.0,
        backlog: config.limits.backlog.0,
        // Two processes cannot share a SQLite folder; whoever starts a second one is told.
        standby: matches!(config.database, Database::Postgres(_)),
        stop: stop.clone(),
    }
}

fn tell(config: &Config, address: SocketAddr, door: &Door) {
    let (state, database) = (config.state.display(), &config.database);
    let (tls, tokens, version) = (door.tls.is_some(), door.guarded, env!("CARGO_PKG_VERSION"));
    tracing::info!(%address, tls, tokens, %state, %database, version, "coordinator.ready: serving");
}

/// Removes what none of these services may come to need.
fn collector(services: &Services, terms: &Uploads) -> Collector {
    let Services { store, shelf, driver, gate, .. } = services;
    let (store, shelf) = (Arc::clone(store), shelf.clone());
    let (every, unkept) = (terms.collect.0, terms.unkept.0);
    Collector { store, shelf, driver: driver.clone(), gate: gate.clone(), every, unkept }
}

/// Every coordinator of a state has the same artifacts: a standby with a folder of its own would lead without the masks
/// and weights that were made before. The first leader claims the folder for its state. They show one key, too.
async fn share(
    shelf: &Artifacts,
    state: &str,
    mut leads: watch::Receiver<bool>,
    door: &Door,
) -> anyhow::Result<()> {
    let folder = shelf.folder().display();
    // A leader that has just started may not have come to it.
    for _ in 0..CLAIMS {
        match shelf.claimed() {
            Some(claimed) if claimed == state => return door.agree(shelf.folder(), *leads.borrow()),
            Some(_) => anyhow::bail!(
                "the artifacts in `{folder}` belong to another state than this database holds\nhint: name this state's own \
                 folder with --artifacts"
            ),
            None if *leads.borrow_and_update() => {
                door.agree(shelf.folder(), true)?;
                return shelf.claim(state).with_context(|| format!("cannot write to `{folder}`"));
            }
            None => tokio::time::sleep(CLAIM).await,
        }
    }
    anyhow::bail!(
        "another coordinator leads this database, and `{folder}` is not where it keeps artifacts\nhint: coordinators of one \
         database share one folder (`artifacts`), on a file system that all of them see"
    )
}

/// Whatever the database: address, operator's token and key in a state folder are those of one process.
fn alone(state: &Path) -> anyhow::Result<File> {
    let path = state.join("serving.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock `{}`", path.display()))
        }
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another coordinator serves from `{}`\nhint: a standby has a state folder of its own (--state), and shares database \
             and artifacts",
            state.display()
        ),
    }
}

/// A worker is a connection, and the usual soft limit has room for a thousand.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, limit = ?limit.current, "coordinator.files: the number of open files stays as it is");
    }
}

/// The store of this configuration. Nothing is read or written yet, but for the folder.
pub(crate) fn open_store(config: &Config) -> anyhow::Result<SqlStore> {
    // Artifacts and the address live there, whatever the database.
    std::fs::create_dir_all(&config.state).with_context(|| {
        format!(
            "cannot make the state folder `{}`\nhint: name another with --state, or let this user write there",
            config.state.display()
        )
    })?;
    Ok(match &config.database {
        Database::Sqlite => SqlStore::sqlite(&config.state)?,
        Database::Postgres(url) => SqlStore::postgres(url)?,
    })
}

/// The store of this configuration, which has to hold a state; makes none.
pub(crate) async fn existing_store(config: &Config) -> anyhow::Result<SqlStore> {
    let store = if config.state.is_dir() { Some(open_store(config)?) } else { None };
    match store {
        Some(store) if !store.vacant().await? => Ok(store),
        _ => anyhow::bail!(
            "there is no state in `{}` ({})\nhint: --state and --database, or the configuration file, say where a coordinator keeps it",
            config.state.display(),
            config.database
        ),
    }
}

async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.listen.0;
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "cannot listen on {address}: the port is in use\nhint: another coordinator may be running; stop it, or \
             choose another port with --listen (port 0 = any free one)"
        ),
        _ => anyhow::anyhow!("cannot listen on {address}: {error}\nhint: choose another address with --listen"),
    })
}

/// Serves until everything stops; everything stops with it.
async fn serve<W: Wire + 'static>(
    server: Server,
    routes: Routes,
    guard: Guard,
    arrivals: impl Stream<Item = std::io::Result<Arrival<W>>>,
    stop: CancellationToken,
) {
    let served = server
        // So that a browser is told what this is.
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .layer(guard)
        .add_routes(routes)
        .serve_with_incoming_shutdown(arrivals, stop.clone().cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "coordinator.server: it ended by itself");
    }
    stop.cancel();
}
