//! The rig of the session's scenarios: a coordinator over real gRPC that does what a test says, and the real agent with
//! engines that pretend.
#![allow(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]
mod fake;
#[path = "../../src/samples.rs"]
pub(crate) mod samples;
mod shelf;

pub(crate) use fake::{Act, FakeExecutor};
pub(crate) use shelf::Shelf;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tombola_agent::{Exit, Limits, Options, SlotSpec, Stop};
use tombola_spec::{Fingerprint, job::JobSpec, outcome::Artifact, version, worker::DeviceKind};
use tombola_wire::v1::{
    self,
    artifact_service_server::ArtifactServiceServer,
    from_worker,
    report::What,
    to_worker,
    worker_service_server::{WorkerService, WorkerServiceServer},
};
use tonic::{Request, Response, Status, Streaming};

/// Only keeps a broken test from hanging.
const HANG: Duration = Duration::from_secs(30);

pub(crate) async fn soon<T>(wait: impl Future<Output = T>) -> T {
    timeout(HANG, wait).await.expect("it never happened")
}

/// A coordinator that does what a test says.
pub(crate) struct Coordinator {
    pub(crate) shelf: Shelf,
    address: SocketAddr,
    runtime: Option<Runtime>,
    links: mpsc::Receiver<Link>,
}

impl Coordinator {
    pub(crate) fn start() -> Self {
        Self::serve("127.0.0.1:0".parse().unwrap(), Shelf::default())
    }

    fn serve(address: SocketAddr, shelf: Shelf) -> Self {
        // The port of one that has just vanished may be taken for a moment.
        let listener = std::iter::repeat_with(|| TcpListener::bind(address)).find_map(Result::ok).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, links) = mpsc::channel(16);
        let workers = WorkerServiceServer::new(Sessions(sender));
        let artifacts = ArtifactServiceServer::new(shelf.clone());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
            let server = tonic::transport::Server::builder().add_service(workers).add_service(artifacts);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self { shelf, address, runtime: Some(runtime), links }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next link of a worker.
    pub(crate) async fn link(&mut self) -> Link {
        soon(self.links.recv()).await.unwrap()
    }

    /// As if killed: every connection breaks.
    pub(crate) fn vanish(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Comes back at the same address with the same artifacts.
    pub(crate) fn come_back(&mut self) {
        *self = Self::serve(self.address, self.shelf.clone());
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Sessions(mpsc::Sender<Link>);

#[tonic::async_trait]
impl WorkerService for Sessions {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::ToWorker, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::FromWorker>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (to_worker, stream) = mpsc::channel(64);
        let mut from_worker = request.into_inner();
        let sessions = self.0.clone();
        tokio::spawn(async move {
            let first = from_worker.message().await.unwrap().unwrap();
            let Some(from_worker::Message::Hello(hello)) = first.message else {
                panic!("not a Hello: {first:?}")
            };
            let _ = sessions.send(Link { hello, from_worker, to_worker, beats: Vec::new() }).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

/// One link, seen from the coordinator. Dropping it closes it.
pub(crate) struct Link {
    pub(crate) hello: v1::Hello,
    from_worker: Streaming<v1::FromWorker>,
    to_worker: mpsc::Sender<Result<v1::ToWorker, Status>>,
    /// Heartbeats heard on the way to something else.
    pub(crate) beats: Vec<v1::Heartbeat>,
}

impl Link {
    pub(crate) async fn say(&self, message: to_worker::Message) {
        self.to_worker.send(Ok(v1::ToWorker { message: Some(message) })).await.unwrap();
    }

    pub(crate) async fn welcome(&self, worker: &str) {
        let welcome = v1::Welcome {
            protocol: version::PROTOCOL,
            worker: worker.to_owned(),
            epoch: 1,
            heartbeat_ms: 20,
            term_ms: 1000,
            version: "test".to_owned(),
        };
        self.say(to_worker::Message::Welcome(welcome)).await;
    }

    pub(crate) async fn refuse(&self, message: &str) {
        let refused = v1::Refused { message: message.to_owned(), retry: false };
        self.say(to_worker::Message::Refused(refused)).await;
    }

    pub(crate) async fn lease(&self, lease: v1::Lease) {
        self.say(to_worker::Message::Lease(lease)).await;
    }

    pub(crate) async fn acknowledge(&self, sequence: u64) {
        self.say(to_worker::Message::Ack(v1::Ack { sequence })).await;
    }

    /// The next word of the worker that is not a heartbeat; `None` once it has closed the link.
    pub(crate) async fn word(&mut self) -> Option<from_worker::Message> {
        loop {
            let message = soon(self.from_worker.message()).await.unwrap()?.message.unwrap();
            match message {
                from_worker::Message::Heartbeat(beat) => self.beats.push(beat),
                other => return Some(other),
            }
        }
    }

    pub(crate) async fn report(&mut self) -> v1::Report {
        match self.word().await {
            Some(from_worker::Message::Report(report)) => report,
            other => panic!("not a report: {other:?}"),
        }
    }

    /// Reports up to the last word about a job, metrics left out: what happened to it, and the sequence number.
    pub(crate) async fn until_over(&mut self, job: u64) -> (Vec<What>, u64) {
        let mut said = Vec::new();
        loop {
            let report = self.report().await;
            let what = report.what.unwrap();
            let over = matches!(what, What::Finished(_) | What::Failed(_) | What::GivenBack(_));
            if report.job == job && !matches!(what, What::Metrics(_)) {
                said.push(what);
            }
            if report.job == job && over {
                return (said, report.sequence);
            }
        }
    }

    pub(crate) async fn heartbeat(&mut self) -> v1::Heartbeat {
        loop {
            let message = soon(self.from_worker.message()).await.unwrap().unwrap().message.unwrap();
            if let from_worker::Message::Heartbeat(beat) = message {
                return beat;
            }
        }
    }
}

/// A real agent with pretended engines.
pub(crate) struct Worker {
    pub(crate) options: Options,
    pub(crate) executor: FakeExecutor,
    stop: Stop,
    task: Option<JoinHandle<tombola_agent::Result<Exit>>>,
    _home: TempDir,
}

impl Worker {
    /// A worker of `slots` CPU slots with a folder of its own; not started.
    pub(crate) fn new(coordinators: Vec<String>, slots: usize, executor: FakeExecutor) -> Self {
        let home = TempDir::new().unwrap();
        let slot = SlotSpec { device: DeviceKind::Cpu, index: 0, lanes: 2, declared: true };
        let mut options = Options::new(coordinators, "tester", home.path().join("worker"), vec![slot; slots]);
        options.limits = Limits {
            metrics_every: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            ..Limits::default()
        };
        Self { options, executor, stop: Stop::default(), task: None, _home: home }
    }

    pub(crate) fn start(&mut self) {
        self.stop = Stop::default();
        let agent =
            tombola_agent::run(self.options.clone(), Arc::new(self.executor.clone()), self.stop.clone());
        self.task = Some(tokio::spawn(agent));
    }

    pub(crate) fn started(mut self) -> Self {
        self.start();
        self
    }

    pub(crate) fn drain(&self) {
        self.stop.drain();
    }

    /// Why it left.
    pub(crate) async fn left(&mut self) -> tombola_agent::Result<Exit> {
        soon(self.task.take().unwrap()).await.unwrap()
    }

    /// As if killed: nothing of what it had in memory is kept.
    pub(crate) async fn kill(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

/// A lease of single jobs, one a stage, for slot 0.
pub(crate) fn lease(id: u64, jobs: &[v1::LeasedJob]) -> v1::Lease {
    let stages = jobs.iter().map(|job| v1::Stage { jobs: vec![job.clone()] }).collect();
    v1::Lease { lease: format!("l{id}"), slot: 0, width: 1, plan: "cpu-lanes".to_owned(), stages }
}

/// A job, first attempt.
pub(crate) fn job(number: u64, spec: &JobSpec) -> v1::LeasedJob {
    v1::LeasedJob {
        job: number,
        attempt: 1,
        spec_json: serde_json::to_string(spec).unwrap(),
        fingerprint: Fingerprint::of(spec).to_string(),
        inputs: std::collections::HashMap::new(),
        resume: None,
    }
}

/// The job with artifacts for its inputs.
pub(crate) fn with_inputs(mut job: v1::LeasedJob, spec: &JobSpec, artifact: Artifact) -> v1::LeasedJob {
    let inputs: BTreeMap<_, _> =
        spec.inputs().into_iter().map(|input| (input.to_string(), artifact.into())).collect();
    job.inputs = inputs.into_iter().collect();
    job
}

pub(crate) fn other_protocol() -> u32 {
    version::PROTOCOL + 1
}
