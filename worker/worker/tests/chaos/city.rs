//! Everything a sweep runs on: coordinators, workers with their engines, the network between them, the database, the disk.
//! What ends is started again, as a service manager does.

use crate::{
    RECOVERY,
    disk::Disk,
    network::Network,
    proxy::Proxy,
    rig::{Process, binary, endpoint, eventually, write_data},
    server::Server,
};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};
use tempfile::TempDir;
use tombola_wire::v1::{
    GetRequest, QueryRequest, Row, SubmitRequest, Sweep, TicketRequest, WorkersRequest, WorkersResponse,
    query_service_client::QueryServiceClient, sweep_service_client::SweepServiceClient, value::Kind,
};
use tonic::transport::Channel;

/// The workers and their slots.
const WORKERS: [(&str, &str); 2] = [("ada", "cpu=1"), ("bob", "cpu=2")];

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

/// A process that is to run.
pub(crate) struct Service {
    pub(crate) name: String,
    command: Command,
    process: Option<Process>,
}

impl Service {
    /// Starts it again if it is gone. What it says goes to its log.
    fn revive(&mut self) {
        if !self.process.as_mut().is_some_and(Process::runs) {
            self.process = Some(Process::spawn(&mut self.command));
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.process.iter().for_each(|process| signal_to(signal, process.id()));
    }

    /// The engines of a worker.
    pub(crate) fn engines(&self) -> Vec<u32> {
        self.process.as_ref().map(Process::children).unwrap_or_default()
    }
}

/// The process may have ended meanwhile.
pub(crate) fn signal_to(signal: &str, process: u32) {
    let _ = Command::new("kill").args([signal, &process.to_string()]).stderr(Stdio::null()).status();
}

/// A laboratory on which all goes wrong, or nothing.
pub(crate) struct City {
    pub(crate) coordinators: Vec<Service>,
    pub(crate) workers: Vec<Service>,
    /// The ways to the coordinators, where there is no network.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) database: Option<Server>,
    pub(crate) disk: Option<Disk>,
    addresses: Vec<SocketAddr>,
    pub(crate) network: Option<Network>,
    /// Below it everything lies; last, so that it goes when nothing runs any more.
    folder: TempDir,
}

impl City {
    /// On SQLite one coordinator, on a Postgres of its own two. Without a network everybody is on loopback, behind proxies.
    pub(crate) async fn found(database: Option<Server>, network: Option<Network>) -> Self {
        let folder = TempDir::new().unwrap();
        let disk = Disk::mount(&folder.path().join("disk"));
        write_data(&folder.path().join("data/tiny"));
        fs::write(folder.path().join("clock"), "0").unwrap();
        let count = if database.is_some() { 2 } else { 1 };
        let address = |number: usize| match &network {
            Some(network) => (network.address(&coordinator(number)), 7654).into(),
            None => free_port(),
        };
        let addresses: Vec<SocketAddr> = (0..count).map(address).collect();
        let mut proxies = Vec::new();
        for address in addresses.iter().filter(|_| network.is_none()) {
            proxies.push(Proxy::to(*address).await);
        }
        let mut city = Self {
            coordinators: vec![],
            workers: vec![],
            proxies,
            database,
            disk,
            addresses,
            network,
            folder,
        };
        city.coordinators = (0..count).map(|number| city.coordinator(number)).collect();
        city.workers = WORKERS.iter().map(|(name, slots)| city.worker(name, slots)).collect();
        city.revive();
        city.whole().await;
        city
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.path("disk/artifacts")
    }

    /// The file that says by how many seconds every clock is wrong.
    pub(crate) fn clock(&self) -> PathBuf {
        self.path("clock")
    }

    fn coordinator(&self, number: usize) -> Service {
        let name = coordinator(number);
        let mut command = self.command("tombola-coordinator", &name);
        command
            .arg("--state")
            .arg(self.path(&format!("disk/{name}")))
            .arg("--artifacts")
            .arg(self.artifacts());
        command.args(["--listen", &self.addresses[number].to_string()]);
        // Elsewhere than on loopback it would ask for TLS and tokens, which are not what is tested here.
        command.args(self.network.iter().map(|_| "--insecure"));
        let url = self.database.as_ref().map_or("sqlite".to_owned(), Server::url);
        command.env("TOMBOLA_COORDINATOR_DATABASE", url);
        // The disk is smaller than what is usually left free of one.
        command.env("TOMBOLA_COORDINATOR_UPLOADS__FREE", "1MiB");
        // Quick terms. Every kill is a loss of whatever ran, and no job here is to blame for any.
        let settings = [
            ("HEARTBEAT", "200ms"),
            ("TERM", "3s"),
            ("PAUSE", "100ms"),
            ("LONGEST_PAUSE", "1s"),
            ("LOSSES", "100000"),
        ];
        for (name, value) in settings {
            command.env(format!("TOMBOLA_COORDINATOR_WORKERS__{name}"), value);
        }
        Service { name, command, process: None }
    }

    fn worker(&self, name: &str, slots: &str) -> Service {
        let mut command = self.command("tombola-worker", name);
        let ways = self.proxies.iter().map(|proxy| proxy.address);
        let direct = self.addresses.iter().copied().filter(|_| self.network.is_some());
        let coordinators: Vec<_> = ways.chain(direct).map(|address| address.to_string()).collect();
        command.args(["--coordinator", &coordinators.join(","), "--name", name, "--slots", slots]);
        command.arg("--dir").arg(self.path(&format!("disk/{name}"))).arg("--data").arg(self.path("data"));
        command.env("TOMBOLA_WORKER_ENGINE__CHECKPOINT_EVERY_ITERATIONS", "500");
        command.env("TOMBOLA_WORKER_LIMITS__STUCK_AFTER", "10s");
        Service { name: name.to_owned(), command, process: None }
    }

    /// A binary on a host of its own, with a log of its own and a clock that can be stepped.
    fn command(&self, program: &str, name: &str) -> Command {
        let mut command = match &self.network {
            Some(network) => network.command(name, binary(program)),
            None => Command::new(binary(program)),
        };
        let log =
            fs::File::options().create(true).append(true).open(self.path(&format!("{name}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        if let Some(shim) = clock_shim() {
            command.env("LD_PRELOAD", shim).env("TOMBOLA_CHAOS_CLOCK", self.clock());
            // jemalloc's own threads wait until a time by the wall clock: the kernel's, to which a stepped one's is over.
            command.env("_RJEM_MALLOC_CONF", "background_thread:false");
        }
        command
    }

    /// Starts again what is gone.
    pub(crate) fn revive(&mut self) {
        self.database.iter_mut().for_each(Server::revive);
        self.coordinators.iter_mut().chain(&mut self.workers).for_each(Service::revive);
    }

    /// What the coordinator of this number says of the workers, if it leads and answers soon.
    async fn workers_of(&self, number: usize) -> Option<(Channel, WorkersResponse)> {
        let asked = async {
            let channel = endpoint(&self.addresses[number].to_string()).connect().await.ok()?;
            let answer = SweepServiceClient::new(channel.clone()).workers(WorkersRequest {}).await.ok()?;
            Some((channel, answer.into_inner()))
        };
        tokio::time::timeout(Duration::from_secs(1), asked).await.ok().flatten()
    }

    /// The number of the coordinator that leads, and a way to it.
    pub(crate) async fn leads(&self) -> (usize, Channel) {
        eventually(|| async {
            for number in 0..self.addresses.len() {
                if let Some((channel, _)) = self.workers_of(number).await {
                    return Some((number, channel));
                }
            }
            None
        })
        .await
    }

    /// A way to the coordinator that leads.
    pub(crate) async fn leader(&self) -> Channel {
        self.leads().await.1
    }

    /// Waits until somebody leads and every worker is connected, starting again what ends.
    pub(crate) async fn whole(&mut self) {
        loop {
            self.revive();
            for number in 0..self.addresses.len() {
                let Some((_, answer)) = self.workers_of(number).await else { continue };
                let connected = answer.workers.iter().filter(|worker| worker.state == "connected");
                if connected.count() == WORKERS.len() {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Submits a sweep, as often as it takes, starting again what ends.
    pub(crate) async fn submit(&mut self, file: &str) {
        let submitted = async {
            loop {
                self.revive();
                let request = SubmitRequest { file: file.to_owned() };
                let asked = async { SweepServiceClient::new(self.leader().await).submit(request).await.ok() };
                if tokio::time::timeout(Duration::from_secs(5), asked)
                    .await
                    .is_ok_and(|answer| answer.is_some())
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let submitted = tokio::time::timeout(RECOVERY, submitted).await.is_ok();
        assert!(submitted, "nobody takes a sweep\n{}", self.logs());
    }

    /// A sweep as it stands, if anybody answers.
    pub(crate) async fn sweep(&self, name: &str) -> Option<Sweep> {
        let request = GetRequest { sweep: name.to_owned() };
        let asked = async { SweepServiceClient::new(self.leader().await).get(request).await.ok() };
        let answer = tokio::time::timeout(Duration::from_secs(2), asked).await.ok().flatten();
        answer.map(tonic::Response::into_inner)
    }

    /// The rows of a query, to the last bit.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<String> {
        let mut client = QueryServiceClient::new(self.leader().await).max_decoding_message_size(64 << 20);
        let request = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
        let answer = client.query(request).await.unwrap().into_inner();
        assert!(!answer.truncated, "{sql}");
        let text = |kind: Option<Kind>| match kind {
            None => String::new(),
            Some(Kind::Integer(n)) => n.to_string(),
            Some(Kind::Real(x)) => format!("{x:?}"),
            Some(Kind::Text(text)) => text,
            Some(Kind::Boolean(flag)) => flag.to_string(),
        };
        let row =
            |row: Row| row.values.into_iter().map(|value| text(value.kind)).collect::<Vec<_>>().join(" | ");
        answer.rows.into_iter().map(row).collect()
    }

    /// Mask and weights of every round, by digest.
    pub(crate) async fn tickets(&self, sweeps: &[String]) -> Vec<String> {
        let mut client = SweepServiceClient::new(self.leader().await);
        let mut tickets = Vec::new();
        for (sweep, trial, round) in sweeps.iter().flat_map(|sweep| {
            [1, 2].into_iter().flat_map(move |trial| (0..=3).map(move |round| (sweep, trial, round)))
        }) {
            let request = TicketRequest { sweep: sweep.clone(), trial, round, ..TicketRequest::default() };
            let ticket = client.ticket(request).await.unwrap().into_inner();
            tickets.push(format!("{sweep}/{trial}/{round}: mask {} weights {}", ticket.mask, ticket.weights));
        }
        tickets
    }

    /// What all processes said.
    pub(crate) fn logs(&self) -> String {
        let names = self.coordinators.iter().chain(&self.workers).map(|service| &service.name);
        let logs =
            names.map(|name| fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default());
        logs.collect()
    }
}

fn coordinator(number: usize) -> String {
    format!("coordinator-{number}")
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The library that steps clocks, where there is a compiler for it.
pub(crate) fn clock_shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/clock.c");
        let library = std::env::temp_dir().join(format!("tombola-chaos-clock-{}.so", std::process::id()));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
        cc.status().is_ok_and(|status| status.success()).then_some(library)
    };
    SHIM.get_or_init(build).as_deref()
}
