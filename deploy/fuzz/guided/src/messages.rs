//! Every message of the API as bytes, both ways: the first byte says which. What is read is written as something that is read
//! as the same; what has a meaning to a coordinator or a worker is asked for it.

use super::{Target, examples, samples};
use prost::Message;
use std::sync::LazyLock;
use tombola_agent::fuzz::Worker;
use tombola_spec::{WorkerId, version};
use tombola_wire::v1::{self, from_worker, report, to_worker};

pub(crate) const TARGET: Target = Target {
    name: "messages",
    run,
    seeds,
    words: &["train", "user", "cpu-lanes", "w1@state"],
    longest: 4096,
};

/// The state that identities of workers belong to.
const STATE: &str = "state";

type Reader = fn(&[u8]);

/// Reads a message of one type; those whose reading means more come first.
macro_rules! readers {
    ($($message:ident),* $(,)?) => { &[from_worker, to_worker, $(read::<v1::$message>),*] };
}

const READERS: &[Reader] = readers![
    Report,
    Hello,
    Lease,
    LeasedJob,
    PutRequest,
    PutResponse,
    GetArtifactRequest,
    Chunk,
    HaveRequest,
    HaveResponse,
    QueryRequest,
    QueryResponse,
    PlanRequest,
    PlanResponse,
    DiffRequest,
    DiffResponse,
    SubmitRequest,
    ExtendRequest,
    SubmitResponse,
    GetRequest,
    ListRequest,
    ListResponse,
    Sweep,
    SweepRef,
    WatchRequest,
    WatchEvent,
    RetryRequest,
    RetryResponse,
    ExplainRequest,
    ExplainResponse,
    FailuresResponse,
    ResultsResponse,
    TicketRequest,
    TicketResponse,
    MakeAgainResponse,
    WorkersRequest,
    WorkersResponse,
    DrainRequest,
    DrainResponse,
    CreateTokenRequest,
    CreateTokenResponse,
    ListTokensRequest,
    ListTokensResponse,
    RevokeTokenRequest,
    Token,
];

fn run(bytes: &[u8]) {
    if let Some((kind, rest)) = bytes.split_first() {
        READERS[usize::from(*kind) % READERS.len()](rest);
    }
}

fn decoded<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<M> {
    let read = M::decode(bytes).ok()?;
    let again = M::decode(read.encode_to_vec().as_slice()).expect("it was written a moment ago");
    // What is not a number is not equal to itself.
    assert!(again == read || format!("{read:?}").contains("NaN"), "{read:?} is written as {again:?}");
    Some(read)
}

fn read<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    decoded::<M>(bytes);
}

/// A coordinator takes it for an event, or says why not.
fn from_worker(bytes: &[u8]) {
    let Some(message) = decoded::<v1::FromWorker>(bytes) else { return };
    let heard = match &message.message {
        Some(from_worker::Message::Hello(hello)) => tombola_server::fuzz::hello(hello, STATE),
        _ => tombola_server::fuzz::said(WorkerId(1), message),
    };
    if let Err(error) = heard {
        assert!(!error.to_string().is_empty());
    }
}

/// A worker does something, or says why not.
fn to_worker(bytes: &[u8]) {
    let Some(message) = decoded::<v1::ToWorker>(bytes) else { return };
    let mut worker = Worker::default();
    drop(worker.link(true));
    if let Err(error) = worker.hear(message) {
        assert!(!error.to_string().is_empty());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let from = SAID.iter().cloned().map(|message| v1::FromWorker { message: Some(message) });
    let to = TOLD.iter().cloned().map(|message| v1::ToWorker { message: Some(message) });
    let from = from.map(|message| [&[0], message.encode_to_vec().as_slice()].concat());
    let to = to.map(|message| [&[1], message.encode_to_vec().as_slice()].concat());
    let others = (2..READERS.len() as u8).map(|kind| vec![kind]);
    from.chain(to).chain(others).collect()
}

/// What workers say.
pub(crate) static SAID: LazyLock<Vec<from_worker::Message>> = LazyLock::new(said);
/// What coordinators say.
pub(crate) static TOLD: LazyLock<Vec<to_worker::Message>> = LazyLock::new(told);

fn said() -> Vec<from_worker::Message> {
    use from_worker::Message;
    let series =
        v1::Series { name: "loss".into(), split: "train".into(), iterations: vec![1], values: vec![0.5] };
    let outcome_json = serde_json::to_string(&samples::outcome()).expect("an outcome has a JSON form");
    let facts = [
        report::What::Started(v1::Started { iteration: 0 }),
        report::What::Metrics(v1::Metrics { batch: 0, series: vec![series] }),
        report::What::Checkpoint(v1::CheckpointTaken {
            iteration: 5,
            artifact: Some(samples::artifact("c").into()),
        }),
        report::What::Finished(v1::Finished { outcome_json }),
        report::What::Failed(v1::Failed { class: "user".into(), message: "no".into() }),
        report::What::GivenBack(v1::GivenBack {}),
    ];
    let report = |what| Message::Report(v1::Report { sequence: 1, job: 1, attempt: 1, what: Some(what) });
    let info_json = serde_json::to_string(&samples::info("noisy")).expect("a worker has a JSON form");
    let held = v1::Held { lease: "l1".into(), job: 1, attempt: 1, started: true, slot: 0 };
    let hello = v1::Hello {
        protocol: version::PROTOCOL,
        oldest_protocol: version::OLDEST_PROTOCOL,
        info_json,
        worker: format!("w1@{STATE}"),
        held: vec![held],
        number: 1,
    };
    let progress = v1::Progress { job: 1, attempt: 1, iteration: 5 };
    let others = [
        Message::Hello(hello),
        Message::Heartbeat(v1::Heartbeat { progress: vec![progress] }),
        Message::Returned(v1::Returned { lease: "l1".into(), jobs: vec![1, 2] }),
        Message::Draining(v1::Draining {}),
        Message::Slot(v1::SlotService { slot: 0, out_of_service: "hot".into() }),
        Message::Leaving(v1::Leaving {}),
    ];
    facts.map(report).into_iter().chain(others).collect()
}

fn told() -> Vec<to_worker::Message> {
    use to_worker::Message;
    let lease = |(number, (_, spec)): (u64, (_, _))| leased(number, &spec);
    let leases = (1..).zip(examples::jobs()).map(lease).map(Message::Lease);
    let attempt = v1::FencedAttempt { job: 1, attempt: 1 };
    let welcome = v1::Welcome { worker: format!("w1@{STATE}"), ..v1::Welcome::default() };
    let others = [
        Message::Welcome(welcome),
        Message::Refused(v1::Refused { message: "no".into(), retry: true }),
        Message::Recall(v1::Recall { lease: "l1".into() }),
        Message::Ack(v1::Ack { sequence: 1 }),
        Message::Fenced(v1::Fenced { attempts: vec![attempt] }),
        Message::Cancel(v1::CancelJob { job: 1, attempt: 1 }),
        Message::Drain(v1::DrainNow {}),
    ];
    leases.chain(others).collect()
}

/// A lease of one job, which is given all its inputs.
fn leased(number: u64, spec: &tombola_spec::job::JobSpec) -> v1::Lease {
    let inputs = spec.inputs().into_iter().map(|input| (input.to_string(), samples::artifact("in").into()));
    let job = v1::LeasedJob {
        job: number,
        attempt: 1,
        spec_json: serde_json::to_string(spec).expect("a job has a JSON form"),
        fingerprint: tombola_spec::Fingerprint::of(spec).to_string(),
        inputs: inputs.collect(),
        resume: None,
    };
    let stages = vec![v1::Stage { jobs: vec![job] }];
    v1::Lease { lease: format!("l{number}"), slot: 0, width: 1, plan: "cpu-lanes".into(), stages }
}
