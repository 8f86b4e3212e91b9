//! A coordinator with a state folder, a small data set, workers, and a client; everything dies with the test.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tombola_engine::random::{Purpose, Random};
use tombola_spec::job::Stream;
use tombola_wire::v1::{
    ExplainRequest, ExtendRequest, GetArtifactRequest, GetRequest, PlanRequest, PlanResponse, QueryRequest,
    Running, SubmitRequest, SubmitResponse, Sweep, TicketRequest, WatchRequest,
    artifact_service_client::ArtifactServiceClient, query_service_client::QueryServiceClient,
    sweep_service_client::SweepServiceClient, value::Kind,
};
use tonic::transport::{Channel, Endpoint};

const TRAIN: u32 = 600;
const TEST: u32 = 200;
const SIDE: u32 = 8;
const CLASSES: u32 = 4;

/// A process that is killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// Its exit code, once it left by itself.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// The processes it started.
    pub(crate) fn children(&self) -> Vec<u32> {
        let all = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        all.filter(|pid| parent_of(*pid) == Some(self.0.id())).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The parent of a process that is there and no zombie.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    (fields.next()? != "Z").then(|| fields.next()?.parse().ok())?
}

/// Whether a process is there.
pub(crate) fn lives(pid: u32) -> bool {
    parent_of(pid).is_some()
}

/// `kill -9` of any process.
pub(crate) fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// A binary of the workspace.
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_tombola-worker")).with_file_name(name);
    assert!(path.exists(), "`{}` is not built: `cargo build --workspace`", path.display());
    path
}

/// State, data and address of one laboratory.
pub(crate) struct Lab {
    folder: TempDir,
    address: String,
    coordinator: Option<Process>,
    /// How long a silent worker keeps its leases.
    pub(crate) term: &'static str,
    /// What else its next coordinator is told.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
}

impl Lab {
    /// A laboratory with a running coordinator and no workers.
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// One whose coordinator has further settings from its environment.
    pub(crate) async fn open_with(settings: &[(&'static str, &'static str)]) -> Self {
        let folder = TempDir::new().unwrap();
        write_data(&folder.path().join("data/tiny"));
        let address = "127.0.0.1:0".to_owned();
        let settings = settings.to_vec();
        let mut lab = Self { folder, address, coordinator: None, term: "2s", settings };
        lab.start_coordinator().await;
        lab
    }

    /// Adds a set `learnable` to the data folder, for workers that come later.
    pub(crate) fn add_learnable_data(&self) {
        write_learnable_data(&self.path("data/learnable"));
    }

    /// Waits until so many rounds were judged.
    pub(crate) async fn judged(&self, rounds: usize) {
        let judged = || async { (self.sql("select 1 from verdict").await.len() >= rounds).then_some(()) };
        eventually(judged).await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the coordinator listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Starts the coordinator, on the address it had before.
    pub(crate) async fn start_coordinator(&mut self) {
        let file = self.path("state/address");
        // What a killed one left behind.
        let _ = fs::remove_file(&file);
        let mut command = Command::new(binary("tombola-coordinator"));
        command.arg("--state").arg(self.path("state")).args(["--listen", &self.address]);
        // Quick terms, so that what takes seconds in a lab takes less here.
        command.env("TOMBOLA_COORDINATOR_WORKERS__HEARTBEAT", "200ms");
        command.env("TOMBOLA_COORDINATOR_WORKERS__TERM", self.term);
        command.envs(self.settings.iter().copied());
        self.coordinator = Some(self.spawn(command, "coordinator"));
        let answered = || async {
            let address = fs::read_to_string(&file).ok()?.trim().to_owned();
            endpoint(&address).connect().await.ok().map(|_| address)
        };
        self.address = eventually(answered).await;
    }

    pub(crate) fn kill_coordinator(&mut self) {
        self.coordinator.take().unwrap().kill();
    }

    /// A worker that checkpoints often.
    pub(crate) fn worker(&self, name: &str, slots: &str) -> Process {
        self.worker_with(name, slots, &[])
    }

    /// A worker with further settings from its environment.
    pub(crate) fn worker_with(&self, name: &str, slots: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = Command::new(binary("tombola-worker"));
        command.args(["--coordinator", &self.address, "--name", name, "--slots", slots]);
        command.arg("--dir").arg(self.path(name)).env("TOMBOLA_WORKER_DATA", self.path("data"));
        command.env("TOMBOLA_WORKER_ENGINE__CHECKPOINT_EVERY_ITERATIONS", "500");
        command.envs(settings.iter().copied());
        self.spawn(command, name)
    }

    /// Waits until so many workers are connected.
    pub(crate) async fn connected(&self, workers: usize) {
        let sql = "select name from worker_status where state = 'connected'";
        eventually(|| async { (self.sql(sql).await.len() == workers).then_some(()) }).await;
    }

    /// A `tombola` command for this laboratory.
    pub(crate) fn tombola(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("tombola"));
        command.args(["--coordinator", &self.address]).args(arguments).current_dir(self.folder.path());
        command.output().unwrap()
    }

    /// What a process wrote so far.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// Waits until a worker has written a checkpoint or a result after this moment.
    pub(crate) async fn wrote_after(&self, worker: &str, moment: SystemTime) {
        let newer = |file: &Path| fs::metadata(file).is_ok_and(|file| file.modified().unwrap() > moment);
        let folders = ["slots", "artifacts"].map(|folder| self.path(worker).join(folder));
        eventually(|| async { folders.iter().flat_map(|f| files(f)).any(|f| newer(&f)).then_some(()) }).await;
    }

    pub(crate) fn spawn(&self, mut command: Command, name: &str) -> Process {
        let log =
            fs::File::options().create(true).append(true).open(self.path(&format!("{name}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        Process::spawn(&mut command)
    }

    pub(crate) fn sweeps(&self) -> SweepServiceClient<Channel> {
        SweepServiceClient::new(endpoint(&self.address).connect_lazy())
    }

    pub(crate) async fn plan(&self, file: &str) -> PlanResponse {
        self.sweeps().plan(PlanRequest { file: file.to_owned() }).await.unwrap().into_inner()
    }

    pub(crate) async fn submit(&self, file: &str) -> SubmitResponse {
        self.sweeps().submit(SubmitRequest { file: file.to_owned() }).await.unwrap().into_inner()
    }

    pub(crate) async fn extend(&self, sweep: &str, file: &str) -> SubmitResponse {
        let request = ExtendRequest { sweep: sweep.to_owned(), file: file.to_owned() };
        self.sweeps().extend(request).await.unwrap().into_inner()
    }

    /// Why a sweep or a job is where it is.
    pub(crate) async fn explain(&self, what: &str) -> String {
        let request = ExplainRequest { what: what.to_owned() };
        self.sweeps().explain(request).await.unwrap().into_inner().lines.join("\n")
    }

    /// An artifact as a file.
    pub(crate) async fn download(&self, digest: &str, name: &str) -> PathBuf {
        let mut client = ArtifactServiceClient::new(endpoint(&self.address).connect_lazy());
        let request = GetArtifactRequest { digest: digest.to_owned() };
        let mut chunks = client.get(request).await.unwrap().into_inner();
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.message().await.unwrap() {
            bytes.extend(chunk.data);
        }
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Waits until a sweep is finished, which it has to be without failures.
    pub(crate) async fn finished(&self, sweep: &str) -> Sweep {
        let sweep = self.over(sweep).await;
        assert_eq!(sweep.jobs.as_ref().unwrap().failed, 0, "{sweep:?}");
        sweep
    }

    /// Waits until no job of a sweep can run any more.
    pub(crate) async fn over(&self, sweep: &str) -> Sweep {
        let done = || async {
            let request = GetRequest { sweep: sweep.to_owned() };
            self.sweeps()
                .get(request)
                .await
                .ok()
                .map(tonic::Response::into_inner)
                .filter(|sweep| sweep.finished)
        };
        eventually(done).await
    }

    /// Waits until so many trainings of a sweep are past `iteration` at once.
    pub(crate) async fn all_past(&self, sweep: &str, iteration: u64, trainings: usize) {
        let past = |running: &Running| running.iteration > iteration && running.to > 1;
        let count = async || self.past(sweep, iteration).await.into_iter().filter(past).count();
        eventually(|| async { (count().await == trainings).then_some(()) }).await;
    }

    /// What runs of a sweep, once something of it is past `iteration`.
    pub(crate) async fn past(&self, sweep: &str, iteration: u64) -> Vec<Running> {
        let mut news =
            self.sweeps().watch(WatchRequest { sweep: sweep.to_owned() }).await.unwrap().into_inner();
        while let Some(news) = news.message().await.unwrap() {
            if news.running.iter().any(|running| running.iteration > iteration && running.to > 1) {
                return news.running;
            }
        }
        panic!("the sweep ended before it was past iteration {iteration}");
    }

    /// Waits until so many running jobs have a checkpoint at the coordinator: its upload may take longer than the
    /// training up to the next.
    pub(crate) async fn checkpointed(&self, jobs: usize) {
        let stored =
            "select c.job from checkpoints c join job_history h on h.job = c.job and h.attempt = c.attempt
                      where h.started is not null and h.ended is null";
        eventually(|| async { (self.sql(stored).await.len() == jobs).then_some(()) }).await;
    }

    /// The rows of a query, as text.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        let mut client = QueryServiceClient::new(endpoint(&self.address).connect_lazy());
        let request = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
        let answer = client.query(request).await.unwrap().into_inner();
        let text = |kind: Option<Kind>| match kind {
            None => String::new(),
            Some(Kind::Integer(n)) => n.to_string(),
            Some(Kind::Real(x)) => x.to_string(),
            Some(Kind::Text(text)) => text,
            Some(Kind::Boolean(flag)) => flag.to_string(),
        };
        let row = |row: tombola_wire::v1::Row| row.values.into_iter().map(|value| text(value.kind)).collect();
        answer.rows.into_iter().map(row).collect()
    }

    /// What rounds came to: masks by digest, test losses to the last bit.
    pub(crate) async fn results(&self, sweep: &str, rounds: u32) -> Vec<(String, String)> {
        let mut results = Vec::new();
        for round in 0..=rounds {
            let request =
                TicketRequest { sweep: sweep.to_owned(), trial: 1, round, ..TicketRequest::default() };
            let mask = self.sweeps().ticket(request).await.unwrap().into_inner().mask;
            let sql =
                format!("select loss_test from round_result where sweep = '{sweep}' and round = {round}");
            results.push((mask, self.sql(&sql).await.remove(0).remove(0)));
        }
        results
    }

    /// Job, attempt, worker, how and first iteration of every attempt that started, in order.
    pub(crate) async fn history(&self) -> Vec<Attempt> {
        let rows = self
            .sql("select job, attempt, worker, how, from_iteration, kind from job_history where started is not null order by job, attempt")
            .await;
        let attempt = |row: Vec<String>| Attempt {
            job: row[0].parse().unwrap(),
            worker: row[2].clone(),
            how: row[3].clone(),
            from: row[4].parse().unwrap_or(0),
            kind: row[5].clone(),
        };
        rows.into_iter().map(attempt).collect()
    }
}

/// One try of a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) job: u64,
    pub(crate) worker: String,
    pub(crate) how: String,
    pub(crate) from: u64,
    pub(crate) kind: String,
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub(crate) fn endpoint(address: &str) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true)
}

/// Waits until something is so; a scenario that waits for ever is ended by the test runner.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a sweep file says of the small set.
pub(crate) fn tiny_data() -> String {
    format!(
        "data = {{ set = \"tiny\", examples = {TRAIN}, test = {TEST}, classes = {CLASSES}, image = [1, {SIDE}, {SIDE}], \
         mean = 0.5, std = 0.15, validation = 100 }}\n"
    )
}

/// A sweep of a small network on the small set.
pub(crate) fn sweep(name: &str, seeds: &str, steps: u32, rounds: u32) -> String {
    let data = tiny_data();
    format!(
        "name = \"{name}\"\nseeds = {seeds}\n\
         model = {{ name = \"mnist_lenet_16_8\" }}\n\
         {data}\
         train = {{ steps = \"{steps}it\", batch = 20, optimizer = \"adam\", lr = 2e-3, eval_every = \"{steps}it\" }}\n\
         prune = {{ scope = \"per_layer\", rate = 0.5, rounds = {rounds} }}\n"
    )
}

/// Noise, of which nothing can be learned but by heart.
pub(crate) fn write_data(folder: &Path) {
    write_set(folder, |_, _, noise| noise);
}

/// Images whose class is that of their brighter rows.
fn write_learnable_data(folder: &Path) {
    let rows = SIDE / CLASSES;
    write_set(folder, |label, row, noise| noise / 2 + if row / rows == label { 100 } else { 0 });
}

/// Random labels, and pixels by label, row and noise.
fn write_set(folder: &Path, pixel: impl Fn(u32, u32, u8) -> u8) {
    fs::create_dir_all(folder).unwrap();
    for (part, count, seed) in [("train", TRAIN, 1), ("t10k", TEST, 2)] {
        let stream = Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 };
        let mut random = Random::new(Purpose::Order, &stream, "pixels", 0);
        let mut draw =
            |count: u32, below: u64| (0..count).map(|_| random.below(below) as u8).collect::<Vec<u8>>();
        let (noise, labels) = (draw(count * SIDE * SIDE, 256), draw(count, u64::from(CLASSES)));
        let place = |at: u32| (u32::from(labels[(at / SIDE / SIDE) as usize]), at / SIDE % SIDE);
        let pixels = (0..).zip(&noise).map(|(at, noise)| {
            let (label, row) = place(at);
            pixel(label, row, *noise)
        });
        let pixels: Vec<u8> = pixels.collect();
        write_idx(&folder.join(format!("{part}-images-idx3-ubyte")), &[count, SIDE, SIDE], &pixels);
        write_idx(&folder.join(format!("{part}-labels-idx1-ubyte")), &[count], &labels);
    }
}

fn write_idx(path: &Path, sizes: &[u32], bytes: &[u8]) {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(bytes);
    fs::write(path, file).unwrap();
}
