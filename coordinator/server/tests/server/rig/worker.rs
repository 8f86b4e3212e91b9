//! A worker that follows a script: it takes leases, pretends to train, uploads bytes and reports.

use super::home::{channel, eventually};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tombola_spec::{
    Digest, data,
    job::{JobSpec, Network, Output},
    outcome::{
        Artifact, CollapsePoint, CollapseSummary, ConnectivitySummary, CurvePoint, ImportSummary, LayerCount,
        LayerPair, MaskDistanceSummary, MaskPair, MaskSummary, Measure, Outcome, Provenance, Size,
        SlimSummary, Split, Summary, TrainSummary,
    },
    version,
    worker::{DataInfo, DeviceKind, SlotInfo, WorkerInfo},
};
use tombola_wire::v1::{
    self, FromWorker, Hello, LeasedJob, PutHeader, PutRequest, Report, ToWorker,
    artifact_service_client::ArtifactServiceClient, from_worker, put_request, report, to_worker,
    worker_service_client::WorkerServiceClient,
};
use tonic::{Code, Streaming, transport::Channel};

/// What a worker of one slot says of itself.
pub(crate) fn info(name: &str) -> WorkerInfo {
    let slot = SlotInfo {
        device: DeviceKind::Cpu,
        index: 0,
        name: "cpu".into(),
        memory: 0,
        lanes: 1,
        widths: Vec::new(),
    };
    let shape = data::known("mnist").unwrap();
    WorkerInfo {
        name: name.to_owned(),
        host: "here".to_owned(),
        version: "0.1.0".to_owned(),
        components: version::components().map(|(name, version)| (name.to_owned(), version)).into(),
        slots: vec![slot],
        data: vec![DataInfo { set: "mnist".to_owned(), digest: Digest::of(b"mnist"), shape }],
        data_folder: "/srv/data".to_owned(),
        patience_s: 0,
    }
}

const HEARTBEAT: Duration = Duration::from_millis(200);

/// One session.
pub(crate) struct Worker {
    pub(crate) id: String,
    pub(crate) epoch: u64,
    /// How often it says that it lives while it waits.
    pub(crate) heartbeat: Duration,
    say: mpsc::Sender<FromWorker>,
    hear: Streaming<ToWorker>,
    artifacts: ArtifactServiceClient<Channel>,
    sequence: u64,
    /// Leases that came before their turn.
    waiting: VecDeque<v1::Lease>,
    /// Leases to give back the rest of.
    recalled: BTreeSet<String>,
    /// Jobs finished over this session.
    pub(crate) finished: Vec<u64>,
}

impl Worker {
    /// Connects and says Hello; the first message that comes back.
    pub(crate) async fn hello(
        address: SocketAddr,
        hello: Hello,
    ) -> Result<(to_worker::Message, Self), tonic::Status> {
        let (say, said) = mpsc::channel(64);
        say.send(FromWorker { message: Some(from_worker::Message::Hello(hello)) }).await.unwrap();
        let channel = channel(address);
        let session = WorkerServiceClient::new(channel.clone()).session(ReceiverStream::new(said)).await?;
        let mut hear = session.into_inner();
        let first = hear.message().await?.and_then(|message| message.message);
        let first = first.ok_or_else(|| tonic::Status::unavailable("the session ended"))?;
        let (id, epoch) = match &first {
            to_worker::Message::Welcome(welcome) => (welcome.worker.clone(), welcome.epoch),
            _ => (String::new(), 0),
        };
        let artifacts = ArtifactServiceClient::new(channel);
        Ok((
            first,
            Self {
                id,
                epoch,
                heartbeat: HEARTBEAT,
                say,
                hear,
                artifacts,
                sequence: 0,
                waiting: VecDeque::new(),
                recalled: BTreeSet::new(),
                finished: Vec::new(),
            },
        ))
    }

    /// A new worker that is welcome.
    pub(crate) async fn connect(address: SocketAddr, name: &str) -> Self {
        Self::welcome(address, &info(name), "", Vec::new()).await
    }

    /// A worker that is welcome, perhaps back with what it holds. Between two leaders it tries again, as any worker does.
    pub(crate) async fn welcome(
        address: SocketAddr,
        info: &WorkerInfo,
        worker: &str,
        held: Vec<v1::Held>,
    ) -> Self {
        let info_json = serde_json::to_string(info).unwrap();
        let hello = Hello {
            protocol: version::PROTOCOL,
            info_json,
            worker: worker.to_owned(),
            held,
            oldest_protocol: 0,
            number: 0,
        };
        eventually(|| async {
            match Self::hello(address, hello.clone()).await {
                Ok((to_worker::Message::Welcome(_), worker)) => Some(worker),
                Ok((other, _)) => panic!("not welcome: {other:?}"),
                // The latter two are a connection that broke in between.
                Err(status)
                    if matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled) =>
                {
                    None
                }
                Err(status) => panic!("not welcome: {status}"),
            }
        })
        .await
    }

    /// Says something; whether anybody hears it shows in what comes back.
    pub(crate) async fn say(&self, message: from_worker::Message) {
        let _ = self.say.send(FromWorker { message: Some(message) }).await;
    }

    /// The next message, with heartbeats until it comes; how the session ended if there is none.
    pub(crate) async fn next(&mut self) -> Result<to_worker::Message, tonic::Status> {
        loop {
            match tokio::time::timeout(self.heartbeat, self.hear.message()).await {
                Ok(message) => {
                    let message = message?.and_then(|message| message.message);
                    return message.ok_or_else(|| tonic::Status::ok("the session ended"));
                }
                Err(_) => self.say(from_worker::Message::Heartbeat(v1::Heartbeat::default())).await,
            }
        }
    }

    /// A message that has come, if one has.
    pub(crate) async fn heard(&mut self) -> Option<Result<to_worker::Message, tonic::Status>> {
        let heard = tokio::time::timeout(Duration::from_millis(2), self.hear.message()).await.ok()?;
        let over = || tonic::Status::ok("the session ended");
        Some(heard.and_then(|message| message.and_then(|message| message.message).ok_or_else(over)))
    }

    /// How the session ends, whatever comes before.
    pub(crate) async fn closed(&mut self) -> tonic::Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }

    /// The next lease; acknowledgements that come before it are dropped.
    pub(crate) async fn lease(&mut self) -> v1::Lease {
        if let Some(lease) = self.waiting.pop_front() {
            return lease;
        }
        loop {
            match self.next().await.unwrap() {
                to_worker::Message::Lease(lease) => return lease,
                to_worker::Message::Ack(_) => {}
                other => self.keep(vec![other]).await,
            }
        }
    }

    /// Reports a fact, without waiting until it is committed; the number it is acknowledged by.
    pub(crate) async fn send(&mut self, job: &LeasedJob, what: report::What) -> u64 {
        self.sequence += 1;
        let (sequence, what) = (self.sequence, Some(what));
        let report = Report { sequence, job: job.job, attempt: job.attempt, what };
        self.say(from_worker::Message::Report(report)).await;
        sequence
    }

    /// Reports a fact and waits until it is committed; what comes before that is returned.
    pub(crate) async fn report(&mut self, job: &LeasedJob, what: report::What) -> Vec<to_worker::Message> {
        let sequence = self.send(job, what).await;
        self.committed(sequence).await
    }

    /// Waits until a report is committed; what comes before that is returned.
    pub(crate) async fn committed(&mut self, sequence: u64) -> Vec<to_worker::Message> {
        let mut before = Vec::new();
        loop {
            match self.next().await.unwrap() {
                to_worker::Message::Ack(ack) if ack.sequence == sequence => return before,
                other => before.push(other),
            }
        }
    }

    pub(crate) async fn start(&mut self, job: &LeasedJob) -> Vec<to_worker::Message> {
        self.report(job, report::What::Started(v1::Started { iteration: 0 })).await
    }

    /// Takes a lease and starts its first job.
    pub(crate) async fn begin(&mut self) -> LeasedJob {
        let lease = self.lease().await;
        let job = lease.stages[0].jobs[0].clone();
        self.start(&job).await;
        job
    }

    /// Uploads what a job leaves behind and reports it done.
    pub(crate) async fn finish(&mut self, job: &LeasedJob) -> Vec<to_worker::Message> {
        let outcome = self.upload(job).await;
        self.finished.push(job.job);
        self.report(job, report::What::Finished(finished(&outcome))).await
    }

    pub(crate) async fn upload(&mut self, job: &LeasedJob) -> Outcome {
        let spec: JobSpec = serde_json::from_str(&job.spec_json).unwrap();
        let mut outputs = BTreeMap::new();
        for output in spec.outputs() {
            let bytes = format!("{output} of {}", job.fingerprint).into_bytes();
            outputs.insert(output, self.put(bytes).await);
        }
        outcome(&spec, outputs)
    }

    /// Uploads bytes.
    pub(crate) async fn put(&mut self, bytes: Vec<u8>) -> Artifact {
        let artifact = Artifact { digest: Digest::of(&bytes), bytes: bytes.len() as u64 };
        let header = PutHeader { digest: artifact.digest.to_string(), bytes: artifact.bytes };
        let parts = [put_request::Part::Header(header), put_request::Part::Chunk(bytes)];
        let parts = parts.map(|part| PutRequest { part: Some(part) });
        self.artifacts.put(tokio_stream::iter(parts)).await.unwrap();
        artifact
    }

    /// Runs a lease, as far as it is not asked back; leases that come meanwhile wait.
    pub(crate) async fn run(&mut self, lease: &v1::Lease) {
        for (at, stage) in lease.stages.iter().enumerate() {
            if self.recalled.remove(&lease.lease) {
                return self.give_back(lease, at).await;
            }
            for job in &stage.jobs {
                self.run_job(job).await;
            }
        }
    }

    async fn run_job(&mut self, job: &LeasedJob) {
        let mut heard = self.start(job).await;
        let series = v1::Series {
            name: "loss".to_owned(),
            split: "train".to_owned(),
            iterations: vec![50, 100],
            values: vec![1.0, 0.5],
        };
        let metrics = v1::Metrics { batch: 1, series: vec![series] };
        heard.extend(self.report(job, report::What::Metrics(metrics)).await);
        heard.extend(self.finish(job).await);
        self.keep(heard).await;
    }

    /// Gives back the stages of a lease from this one on.
    async fn give_back(&self, lease: &v1::Lease, from: usize) {
        let jobs = lease.stages[from..].iter().flat_map(|stage| &stage.jobs).map(|job| job.job).collect();
        let returned = v1::Returned { lease: lease.lease.clone(), jobs };
        self.say(from_worker::Message::Returned(returned)).await;
    }

    /// Keeps leases for later and gives back those that are recalled; nothing else is expected.
    pub(crate) async fn keep(&mut self, heard: Vec<to_worker::Message>) {
        for message in heard {
            match message {
                to_worker::Message::Lease(lease) => self.waiting.push_back(lease),
                to_worker::Message::Recall(recall) => {
                    match self.waiting.iter().position(|lease| lease.lease == recall.lease) {
                        Some(at) => {
                            let lease = self.waiting.remove(at).unwrap();
                            self.give_back(&lease, 0).await;
                        }
                        None => drop(self.recalled.insert(recall.lease)),
                    }
                }
                other => panic!("only leases and recalls were expected, not {other:?}"),
            }
        }
    }

    /// Runs leases until so many jobs are finished.
    pub(crate) async fn work(&mut self, jobs: usize) {
        while self.finished.len() < jobs {
            let lease = self.lease().await;
            self.run(&lease).await;
        }
    }

    /// What the worker would say it holds of a lease.
    pub(crate) fn held(lease: &v1::Lease, started: bool) -> Vec<v1::Held> {
        let jobs = lease.stages.iter().flat_map(|stage| &stage.jobs);
        let held = |job: &LeasedJob| v1::Held {
            lease: lease.lease.clone(),
            job: job.job,
            attempt: job.attempt,
            started,
            slot: lease.slot,
        };
        jobs.map(held).collect()
    }
}

/// A result on the wire.
pub(crate) fn finished(outcome: &Outcome) -> v1::Finished {
    v1::Finished { outcome_json: serde_json::to_string(outcome).unwrap() }
}

/// A made-up result: accuracy falls with the round, half of every layer goes at each.
fn outcome(spec: &JobSpec, outputs: BTreeMap<Output, Artifact>) -> Outcome {
    let summary = match spec {
        JobSpec::Train(job) => {
            let (seed, round) = (job.order.seed as f64, f64::from(job.order.round));
            let measure = |name: &str, split, value| Measure { name: name.to_owned(), split, value };
            Summary::Train(TrainSummary {
                last: vec![
                    measure("accuracy", Split::Test, 0.9 - 0.01 * round + 0.001 * seed),
                    measure("accuracy", Split::Validation, 0.9 - 0.01 * round),
                    measure("loss", Split::Validation, 0.3),
                ],
                early_stop: None,
                iterations: spec.iterations(),
                flops: 1000,
                theoretical_flops: 1000,
                device_seconds: 0.5,
            })
        }
        JobSpec::Prune(job) => masked(&job.network, job.ties.round),
        JobSpec::RandomMask(job) => masked(&job.network, job.stream.round),
        JobSpec::Join(job) => masked(&job.network, 1),
        JobSpec::Slim(job) => {
            let size =
                |n| Size { parameters: n, weights: n, flops: n, bytes: 4 * n, latency: n as f64 / 1e3 };
            let (name, masked, slim) = (job.network.name.clone(), size(100), size(25));
            let (difference, batch, device_seconds) = (0.0, job.batch, 1.0);
            Summary::Slim(Box::new(SlimSummary { name, masked, slim, difference, batch, device_seconds }))
        }
        JobSpec::Connectivity(job) => {
            let point = |(bn, alpha, split)| CurvePoint { bn, split, alpha, loss: 0.5, error: 0.1 };
            let curve = job.points().into_iter().map(point).collect();
            Summary::Connectivity(ConnectivitySummary { curve, flops: 0, device_seconds: 1.0 })
        }
        JobSpec::Collapse(job) => {
            let point = |exponent| CollapsePoint { exponent, living: 1, emptied: Vec::new() };
            let points = job.grid().into_iter().map(point).collect();
            let (criterion, greatest) = (job.criterion.name().to_owned(), 2.0);
            Summary::Collapse(CollapseSummary { criterion, points, greatest, flops: 0, device_seconds: 1.0 })
        }
        JobSpec::Import(_) => Summary::Import(ImportSummary { tensors: 1, device_seconds: 1.0 }),
        JobSpec::MaskDistance(job) => {
            let layer = LayerPair { name: "fc.weight".to_owned(), living: [6, 4], both: 2, total: 10 };
            let pair = |masks| MaskPair { masks, layers: vec![layer.clone()] };
            Summary::MaskDistance(MaskDistanceSummary {
                pairs: job.pairs().map(pair).collect(),
                device_seconds: 1.0,
            })
        }
    };
    let provenance = Provenance {
        plan: "cpu-lanes".to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        width: 1,
        libtorch: "2.11.0".to_owned(),
        capability: "AVX2".to_owned(),
        worker: "0.1.0".to_owned(),
        data: spec.data_set().map(|set| Digest::of(set.as_bytes())),
    };
    Outcome { outputs, summary, provenance }
}

fn masked(network: &Network, round: u32) -> Summary {
    let architecture = network.architecture().unwrap();
    let layer = |name: String, total: u64| LayerCount { name, living: total >> round, total, prunable: true };
    let weights = architecture.weights();
    let layers = weights.iter().map(|weight| layer(weight.name.clone(), weight.len() as u64)).collect();
    Summary::Mask(MaskSummary { layers, ..MaskSummary::default() })
}
