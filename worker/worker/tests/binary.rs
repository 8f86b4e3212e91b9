//! The real binary, on its own: what it checks, refuses and starts. What it does for a coordinator is tested elsewhere.
#![expect(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio_stream::wrappers::TcpListenerStream;
use tombola_spec::version::PROTOCOL;
use tombola_wire::v1::{
    self, from_worker, to_worker,
    worker_service_server::{WorkerService, WorkerServiceServer},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// A folder with an empty data folder, and commands that see nothing else of this machine.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir_all(home.path().join("data")).unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tombola-worker"));
        // Started from anywhere, it has to find libtorch.
        command.current_dir("/").env("HOME", self.path()).env_remove("LD_LIBRARY_PATH").args(arguments);
        command.arg("--data").arg(self.path().join("data")).arg("--dir").arg(self.path().join("worker"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A working worker whose coordinator is not there, once its engines are ready; its log is JSON.
    fn started(&self) -> (Child, BufReader<impl Read>) {
        let mut command = self.command(&["--coordinator", "127.0.0.1:1", "--slots", "2xcpu=1"]);
        let mut worker = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(worker.stderr.take().unwrap());
        until(&mut log, "link.down");
        (worker, log)
    }
}

/// Reads a log of JSON objects up to an event of this name; its message.
fn until(log: &mut impl BufRead, name: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended before {name}");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
        let message = event["fields"]["message"].as_str().unwrap();
        if message.starts_with(&format!("{name}: ")) {
            return event["fields"].to_string();
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn send(signal: rustix::process::Signal, process: &Child) {
    let pid = rustix::process::Pid::from_raw(process.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Processes that the threads of this one started.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Whether a process runs; a dead one that nobody waited for does not.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().is_empty() && !rest.starts_with(" Z"))
}

#[test]
fn check_shows_slots_and_data_sets_and_what_is_wrong_with_them() {
    let home = Home::new();
    let set = home.path().join("data/mnist");
    fs::create_dir_all(&set).unwrap();
    for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        fs::write(set.join(format!("{name}-ubyte")), "no images").unwrap();
    }
    let checked = home.run(&["check", "--slots", "cpu=3", "--output", "json"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let shown: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&shown["slots"][0]["device"], &shown["slots"][0]["lanes"]), (&"cpu".into(), &3.into()));
    assert_eq!(shown["unusable"][0]["set"], "mnist");
    let table = text(&home.run(&["check"]).stdout);
    assert!(
        table.contains("libtorch 2.11.0") && table.contains("mnist") && table.contains("unusable: "),
        "{table}"
    );
}

/// The plan of GPUs is measured here, on the CPU: nothing is said about the figures.
#[test]
fn calibrate_measures_tells_how_it_goes_and_keeps_what_it_found() {
    let home = Home::new();
    let command = [
        "calibrate",
        "--slots",
        "2xcpu",
        "--network",
        "mnist_lenet_4@mnist",
        "--dtype",
        "f32,bf16",
        "--batch",
        "4",
        "--seconds",
        "0.001",
    ];
    let measured = home.run(&[&command[..], &["--fused", "--output", "json"]].concat());
    let told = text(&measured.stderr);
    assert!(measured.status.success(), "{told}");
    assert!(told.contains("mnist_lenet_4, batches of 4, bf16: 2 lanes: "), "{told}");
    let shown: serde_json::Value = serde_json::from_slice(&measured.stdout).unwrap();
    let file = fs::read_to_string(home.path().join("worker/calibration.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&file).unwrap();
    // Both slots are on one device, which is measured once.
    assert_eq!((shown.as_array().unwrap().len(), &kept["entries"]), (2, &shown));
    assert!(shown[0]["rates"].as_array().unwrap().len() >= 3 && shown[0]["libtorch"] == "2.11.0", "{shown}");
    // Lanes of their own take the place of nothing: it is another plan.
    let table = text(&home.run(&command).stdout);
    assert!(table.contains("mnist_lenet_4, 4") && table.contains("threads = "), "{table}");
    let file = fs::read_to_string(home.path().join("worker/calibration.json")).unwrap();
    assert_eq!(file.matches("\"cpu-lanes\"").count(), 2);
}

#[test]
fn what_calibrate_cannot_do_it_says() {
    let home = Home::new();
    for (arguments, code, why) in [
        (&["calibrate", "--network", "conv_2@own"][..], 2, "`own` is not a known data set"),
        (&["calibrate", "--dtype", "f8"], 2, "number formats: f32"),
        (&["calibrate", "--slots", "cuda:99"], 1, "hint: "),
    ] {
        let refused = home.run(arguments);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{said}");
        assert!(said.contains(why), "{said}");
    }
    fs::create_dir_all(home.path().join("worker")).unwrap();
    fs::write(home.path().join("worker/calibration.json"), "{").unwrap();
    let said = text(&home.run(&["calibrate"]).stderr);
    assert!(said.contains("calibration.json") && said.contains("hint: "), "{said}");
    // A worker works without, and says so.
    let checked = text(&home.run(&["check"]).stdout);
    assert!(checked.contains("calibration.json` is not what it should be"), "{checked}");
}

#[test]
fn a_gpu_slot_that_cannot_work_is_named_with_what_to_do() {
    // No host has a hundred GPUs; most lack the libraries or the driver already.
    for command in [&["check", "--slots", "cpu,cuda:99"][..], &["--slots", "cpu,cuda:99"][..]] {
        let refused = Home::new().run(command);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("slot 1 (cuda:99=32) cannot work: ") && said.contains("hint: "), "{said}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_whole() {
    let home = Home::new();
    let mut command = home.command(&["--slots", "gpu"]);
    let refused = command.env("TOMBOLA_WORKER_LIMITS__SPOOL", "much").output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("`gpu` is not a slot") && said.contains("`much`") && said.contains("hint: "),
        "{said}"
    );
    let refused = home.run(&["--coordinator", "ftp://lab"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("`ftp://lab` is not an address"), "{}", text(&refused.stderr));
}

#[test]
fn an_engine_child_says_nothing_but_events_and_leaves_when_its_input_ends() {
    let home = Home::new();
    let settings = serde_json::json!({
        "device": "cpu", "index": 0, "data": home.path().join("data"), "cache": home.path(), "threads": 1,
        "checkpoint_every": { "secs": 60, "nanos": 0 }, "checkpoint_every_iterations": null,
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombola-worker"));
    command.current_dir("/").env_remove("LD_LIBRARY_PATH").args(["engine", &settings.to_string()]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Waiting closes its input.
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let lines = text(&said.stdout);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let ready: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&ready["event"], &ready["libtorch"]), (&"ready".into(), &"2.11.0".into()));
}

#[test]
fn engines_do_not_outlive_their_worker() {
    let home = Home::new();
    let (mut worker, _log) = home.started();
    let engines = children(worker.id());
    assert_eq!(engines.len(), 2);
    assert!(engines.iter().all(|&engine| runs(engine)));
    worker.kill().unwrap();
    worker.wait().unwrap();
    while engines.iter().any(|&engine| runs(engine)) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_engine_that_is_killed_is_replaced_and_its_neighbour_stays() {
    let home = Home::new();
    let (mut worker, mut log) = home.started();
    let before = children(worker.id());
    let pid = rustix::process::Pid::from_raw(before[0].cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(until(&mut log, "engine.ended").contains("signal 9"));
    until(&mut log, "engine.started");
    let after = children(worker.id());
    assert!(after.len() == 2 && after.contains(&before[1]) && !after.contains(&before[0]));
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[test]
fn a_worker_with_nothing_in_hand_leaves_when_asked_to() {
    let home = Home::new();
    for asked in [rustix::process::Signal::TERM, rustix::process::Signal::USR1] {
        let (mut worker, mut log) = home.started();
        send(asked, &worker);
        until(&mut log, "worker.drain");
        assert_eq!(worker.wait().unwrap().code(), Some(0));
    }
    // Its folder is free again.
    let (mut worker, _log) = home.started();
    let mut second = home.command(&["--slots", "cpu=1"]);
    let refused = second.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("another worker runs in"), "{}", text(&refused.stderr));
    worker.kill().unwrap();
    worker.wait().unwrap();
}

/// A coordinator that refuses whoever comes, as ours would: for good, as one of another release, or for now.
struct Refusing {
    for_good: bool,
}

impl Refusing {
    /// Serves; returns its address.
    async fn serve(self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = Server::builder().add_service(WorkerServiceServer::new(self));
        tokio::spawn(service.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

#[tonic::async_trait]
impl WorkerService for Refusing {
    type SessionStream = tokio_stream::Once<Result<v1::ToWorker, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::FromWorker>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let first = request.into_inner().message().await?.and_then(|first| first.message);
        let Some(from_worker::Message::Hello(hello)) = first else { panic!("not a Hello: {first:?}") };
        let message = format!("this worker speaks protocol {}\nhint: upgrade the worker", hello.protocol);
        let refused = to_worker::Message::Refused(v1::Refused { message, retry: !self.for_good });
        Ok(Response::new(tokio_stream::once(Ok(v1::ToWorker { message: Some(refused) }))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_refused_for_good_says_why_and_exits_with_3() {
    let address = Refusing { for_good: true }.serve().await;
    let run = move || Home::new().run(&["--coordinator", &address, "--slots", "cpu=1"]);
    let refused = tokio::task::spawn_blocking(run).await.unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    let why = format!("the coordinator refuses this worker: this worker speaks protocol {PROTOCOL}\nhint: ");
    assert!(said.contains(&why), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_may_be_taken_later_says_why_it_waits_and_stays() {
    let address = Refusing { for_good: false }.serve().await;
    let home = Home::new();
    let mut command = home.command(&["--coordinator", &address, "--slots", "cpu=1"]);
    let mut worker = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap());
    let said = tokio::task::spawn_blocking(move || until(&mut log, "link.refused")).await.unwrap();
    assert!(said.contains("does not take this worker yet") && said.contains("upgrade the worker"), "{said}");
    assert!(worker.try_wait().unwrap().is_none());
    worker.kill().unwrap();
    worker.wait().unwrap();
}
