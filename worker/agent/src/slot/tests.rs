//! Scenarios of one slot. The tests are the engine: they hold the other ends of its channels.

use super::{Keeper, Order, RunJob, Slot, StageRun, Told};
use crate::{
    Limits,
    artifacts::Artifacts,
    config::SlotSpec,
    executor::{Engine, Executor},
    progress::Progress,
    samples,
};
use futures::FutureExt;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tombola_spec::{
    Attempt, Digest, JobId,
    job::Output,
    outcome::{FailureClass, MaskSummary, Provenance, Series, Split, Summary},
    slot::{Event, OutputFile, Request},
    worker::{DeviceKind, Plan},
};

/// The engine's side of its channels.
struct Child {
    requests: mpsc::UnboundedReceiver<Request>,
    events: mpsc::Sender<Event>,
    end: oneshot::Sender<String>,
    kill: CancellationToken,
}

impl Child {
    async fn say(&self, event: Event) {
        self.events.send(event).await.unwrap();
    }

    async fn asked(&mut self) -> Request {
        soon(self.requests.recv()).await.unwrap()
    }

    /// The stage it is to run.
    async fn stage(&mut self) -> tombola_spec::slot::Stage {
        match self.asked().await {
            Request::Run(stage) => stage,
            other => panic!("not a stage: {other:?}"),
        }
    }

    /// It can work.
    async fn introduce_itself(&self) {
        self.say(introduction(DeviceKind::Cpu)).await;
    }

    fn die(self, how: &str) {
        self.end.send(how.to_owned()).unwrap();
    }
}

fn introduction(device: DeviceKind) -> Event {
    Event::Ready {
        device,
        name: "a test".to_owned(),
        memory: 0,
        libtorch: "none".to_owned(),
        data: Vec::new(),
        unusable: Vec::new(),
        widths: Vec::new(),
        calibration: String::new(),
    }
}

/// Starts engines whose other ends a test holds, as long as there are any.
struct Tests {
    children: Mutex<mpsc::Sender<Child>>,
    /// They do not introduce themselves.
    slow: Arc<AtomicBool>,
}

impl Executor for Tests {
    fn start(&self, _slot: usize, spec: &SlotSpec) -> std::io::Result<Engine> {
        let ((requests, inbox), (outbox, events)) = (mpsc::unbounded_channel(), mpsc::channel(64));
        let (dead, end) = oneshot::channel();
        let kill = CancellationToken::new();
        let child = Child { requests: inbox, events: outbox, end: dead, kill: kill.clone() };
        if !self.slow.load(Ordering::SeqCst) {
            child.events.try_send(introduction(spec.device)).map_err(std::io::Error::other)?;
        }
        let children = self.children.lock().unwrap();
        children.try_send(child).map_err(|_| std::io::Error::other("no more processes"))?;
        let end = end.map(|how| how.unwrap_or_else(|_| "it was dropped".to_owned())).boxed();
        Ok(Engine { requests, events, end, kill })
    }
}

struct Rig {
    orders: mpsc::UnboundedSender<Order>,
    told: mpsc::Receiver<(usize, Told)>,
    children: mpsc::Receiver<Child>,
    progress: Progress,
    /// Engines started from now on do not introduce themselves.
    slow: Arc<AtomicBool>,
    home: TempDir,
}

impl Rig {
    /// A slot and its first engine.
    async fn new() -> (Self, Child) {
        let home = TempDir::new().unwrap();
        let (sender, mut children) = mpsc::channel(4);
        let slow = Arc::<AtomicBool>::default();
        let tests = Tests { children: Mutex::new(sender), slow: Arc::clone(&slow) };
        let executor: Arc<dyn Executor> = Arc::new(tests);
        let spec = SlotSpec { device: DeviceKind::Cpu, index: 0, lanes: 2, declared: true };
        let patience = Duration::from_secs(600);
        let (engine, _) = super::introduced(executor.as_ref(), 0, spec, patience).await.unwrap();
        let (_, way) = watch::channel(None);
        let artifacts = Artifacts::open(home.path().join("artifacts"), 1 << 20, way, patience).unwrap();
        let ((orders, receiver), (voice, told)) = (mpsc::unbounded_channel(), mpsc::channel(64));
        let progress = Progress::default();
        let slot = Slot {
            number: 0,
            keeper: Keeper::new(executor, 0, spec, patience, engine),
            artifacts,
            folder: home.path().join("slots/0"),
            limits: Limits { metrics_every: Duration::from_secs(10), ..Limits::default() },
            progress: progress.clone(),
            orders: receiver,
            told: voice,
            stages: 0,
            broken: false,
        };
        tokio::spawn(slot.run());
        let child = children.recv().await.unwrap();
        (Self { orders, told, children, progress, slow, home }, child)
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Orders a stage of these jobs.
    fn run(&self, jobs: &[u64]) {
        let job = |&number: &u64| RunJob {
            job: JobId(number),
            attempt: Attempt(1),
            spec: samples::train(number),
            inputs: BTreeMap::new(),
            resume: None,
        };
        let jobs = jobs.iter().map(job).collect();
        self.order(Order::Run(StageRun { jobs, width: 2, plan: Plan::CpuLanes }));
    }

    async fn told(&mut self) -> Told {
        soon(self.told.recv()).await.unwrap().1
    }

    async fn next_child(&mut self) -> Child {
        soon(self.children.recv()).await.unwrap()
    }

    /// A file with this text, as an engine's output that claims to hold `claimed`.
    fn output(&self, text: &str, claimed: &str) -> OutputFile {
        let file = self.home.path().join(format!("{text}.safetensors"));
        std::fs::write(&file, text).unwrap();
        OutputFile { file, digest: Digest::of(claimed.as_bytes()), bytes: text.len() as u64 }
    }
}

/// Time is paused in these tests: a day passes at once when nothing else happens.
async fn soon<T>(wait: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(86_400), wait).await.expect("it never happened")
}

fn started(job: u64) -> Event {
    Event::Started { job: JobId(job), iteration: 0 }
}

fn metrics(job: u64, iteration: u64) -> Event {
    let series = Series {
        name: "loss".to_owned(),
        split: Split::Test,
        iterations: vec![iteration],
        values: vec![0.25],
    };
    Event::Metrics { job: JobId(job), series: vec![series] }
}

fn finished(job: u64, outputs: BTreeMap<Output, OutputFile>) -> Event {
    let provenance = Provenance {
        plan: "cpu-lanes".to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        width: 2,
        libtorch: "none".to_owned(),
        capability: "none".to_owned(),
        worker: "0".to_owned(),
        data: None,
    };
    let summary = Summary::Mask(MaskSummary::default());
    Event::Finished { job: JobId(job), outputs, summary, provenance }
}

fn class_of(told: &Told) -> FailureClass {
    match told {
        Told::Failed { failure, .. } => failure.class,
        other => panic!("not a failure: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn points_are_gathered_and_told_before_what_follows_them() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1]);
    let stage = child.stage().await;
    assert!(stage.folder.is_dir() && stage.width == 2);
    child.say(started(1)).await;
    for iteration in [10, 20, 30] {
        child.say(metrics(1, iteration)).await;
    }
    child.say(finished(1, [(Output::Weights, rig.output("weights", "weights"))].into())).await;
    child.say(Event::StageDone).await;
    assert_eq!(rig.told().await, Told::Started { job: JobId(1), iteration: 0 });
    let Told::Metrics { series, .. } = rig.told().await else { panic!("no points") };
    assert_eq!((series.len(), series[0].iterations.as_slice()), (1, [10, 20, 30].as_slice()));
    let Told::Finished { outcome, .. } = rig.told().await else { panic!("not finished") };
    assert_eq!(outcome.outputs[&Output::Weights].digest, Digest::of(b"weights"));
    assert_eq!(rig.told().await, Told::Ended);
    assert!(!stage.folder.exists() && rig.progress.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn points_do_not_wait_for_ever() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1]);
    child.stage().await;
    child.say(metrics(1, 10)).await;
    assert!(matches!(rig.told().await, Told::Metrics { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_not_what_was_promised_fails_the_job() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1]);
    child.stage().await;
    child.say(finished(1, [(Output::Weights, rig.output("weights", "others"))].into())).await;
    assert_eq!(class_of(&rig.told().await), FailureClass::Infrastructure);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_dies_takes_its_unfinished_jobs_and_keeps_their_points() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1, 2]);
    child.stage().await;
    child.say(finished(1, BTreeMap::new())).await;
    child.say(metrics(2, 10)).await;
    assert!(matches!(rig.told().await, Told::Finished { job: JobId(1), .. }));
    child.die("it was killed by signal 9");
    assert!(matches!(rig.told().await, Told::Metrics { job: JobId(2), .. }));
    let failed = rig.told().await;
    assert_eq!(class_of(&failed), FailureClass::Crashed);
    let Told::Failed { job: JobId(2), failure } = failed else { panic!("{failed:?}") };
    assert_eq!(failure.message, "the engine of slot 0 died: it was killed by signal 9");
    assert_eq!(rig.told().await, Told::Ended);
    // A new one is ready before anybody asks.
    let mut other = rig.next_child().await;
    rig.run(&[3]);
    assert_eq!(other.stage().await.jobs[0].job, JobId(3));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_was_dead_already_costs_no_job() {
    let (mut rig, child) = Rig::new().await;
    rig.run(&[1]);
    child.die("a kernel of the stage before had broken its device");
    let mut other = rig.next_child().await;
    assert_eq!(other.stage().await.jobs[0].job, JobId(1));
    other.say(finished(1, BTreeMap::new())).await;
    other.say(Event::StageDone).await;
    assert!(matches!(rig.told().await, Told::Finished { .. }));
    assert_eq!(rig.told().await, Told::Ended);
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_that_dies_is_replaced() {
    let (mut rig, child) = Rig::new().await;
    child.die("it exited with code 1");
    rig.next_child().await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_gets_no_engine_any_more_says_so_and_takes_no_stage() {
    let (mut rig, child) = Rig::new().await;
    rig.children.close();
    child.die("it exited with code 1");
    let Told::Broken(why) = rig.told().await else { panic!("not broken") };
    assert!(why.contains("slot 0") && why.contains("no more processes"), "{why}");
    rig.run(&[1]);
    assert_eq!(rig.told().await, Told::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_slot_without_an_engine_has_one_again_when_it_can() {
    let (mut rig, child) = Rig::new().await;
    rig.slow.store(true, Ordering::SeqCst);
    child.die("the device fell off the bus");
    // Engines that never introduce themselves.
    let mut children = Vec::new();
    let broken = loop {
        tokio::select! {
            told = rig.told.recv() => break told.unwrap().1,
            child = rig.children.recv() => children.push(child),
        }
    };
    assert!(matches!(broken, Told::Broken(_)), "{broken:?}");
    rig.slow.store(false, Ordering::SeqCst);
    assert_eq!(rig.told().await, Told::Mended);
    let mut child = rig.next_child().await;
    rig.run(&[1]);
    child.stage().await;
}

#[tokio::test(start_paused = true)]
async fn a_stage_for_which_no_engine_can_be_had_is_nobodys_fault() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1]);
    child.stage().await;
    rig.children.close();
    child.die("it exited with code 1");
    assert_eq!(class_of(&rig.told().await), FailureClass::Infrastructure);
    assert_eq!(rig.told().await, Told::Ended);
    assert!(matches!(rig.told().await, Told::Broken(_)));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_engine_is_killed_and_one_that_advances_is_not() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1]);
    child.stage().await;
    child.say(started(1)).await;
    for iteration in 1..=4 {
        child.say(Event::Progress { job: JobId(1), iteration }).await;
        tokio::time::sleep(Duration::from_secs(400)).await;
    }
    assert!(!child.kill.is_cancelled());
    while !child.kill.is_cancelled() {
        child.say(Event::Progress { job: JobId(1), iteration: 4 }).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    child.die("it was killed by signal 9");
    assert!(matches!(rig.told().await, Told::Started { .. }));
    let Told::Failed { failure, .. } = rig.told().await else { panic!("not failed") };
    assert!(failure.message.contains("did not advance for 600 s"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_on_with_a_job_that_is_over_is_stuck() {
    let (rig, mut child) = Rig::new().await;
    rig.run(&[1, 2]);
    child.stage().await;
    child.say(started(1)).await;
    child.say(started(2)).await;
    rig.order(Order::Cancel(JobId(1)));
    child.asked().await;
    let mut iteration = 0;
    while !child.kill.is_cancelled() {
        iteration += 1;
        assert!(iteration < 1000, "its last job stands still");
        child.say(Event::Progress { job: JobId(1), iteration }).await;
        child.say(metrics(1, iteration)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_read_misses_no_order() {
    let (rig, mut child) = Rig::new().await;
    let jobs: Vec<u64> = (1..=100).collect();
    rig.run(&jobs);
    child.stage().await;
    jobs.iter().for_each(|&job| rig.order(Order::Cancel(JobId(job))));
    rig.order(Order::Yield);
    // The slot has heard all of it by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for number in jobs {
        assert!(matches!(child.asked().await, Request::Cancel { job } if job == JobId(number)), "{number}");
    }
    assert!(matches!(child.asked().await, Request::Yield));
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_waits_for_its_engine_hears_orders() {
    let (mut rig, child) = Rig::new().await;
    rig.slow.store(true, Ordering::SeqCst);
    child.die("it exited with code 1");
    let mut slow = rig.next_child().await;
    rig.run(&[1]);
    rig.order(Order::Yield);
    assert_eq!(rig.told().await, Told::Ended, "it does not wait for an engine only to leave it");
    rig.run(&[2]);
    rig.order(Order::Cancel(JobId(2)));
    assert_eq!(rig.told().await, Told::Ended);
    rig.run(&[3, 4]);
    rig.order(Order::Cancel(JobId(3)));
    slow.introduce_itself().await;
    let stage = slow.stage().await;
    assert_eq!(stage.jobs.iter().map(|job| job.job).collect::<Vec<_>>(), [JobId(4)]);
    assert!(rig.children.try_recv().is_err(), "it is the engine that was waited for all along");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_dies_when_told_to_yield_is_not_given_the_stage_again() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1]);
    child.stage().await;
    rig.order(Order::Yield);
    assert!(matches!(child.asked().await, Request::Yield));
    child.die("it exited with code 1");
    assert_eq!(rig.told().await, Told::Ended);
}

#[tokio::test(start_paused = true)]
async fn orders_reach_the_engine_and_a_cancelled_job_is_not_told_of() {
    let (mut rig, mut child) = Rig::new().await;
    rig.run(&[1, 2]);
    child.stage().await;
    child.say(started(1)).await;
    child.say(started(2)).await;
    rig.told().await;
    rig.told().await;
    rig.order(Order::Cancel(JobId(1)));
    assert!(matches!(child.asked().await, Request::Cancel { job: JobId(1) }));
    assert_eq!(rig.progress.all(), [(JobId(2), Attempt(1), 0)]);
    child.say(finished(1, BTreeMap::new())).await;
    rig.order(Order::Yield);
    assert!(matches!(child.asked().await, Request::Yield));
    let file: PathBuf = rig.output("checkpoint", "checkpoint").file;
    child.say(Event::Checkpoint { job: JobId(2), iteration: 40, file }).await;
    child.say(Event::StageDone).await;
    let Told::Checkpoint { job: JobId(2), iteration: 40, artifact } = rig.told().await else { panic!() };
    assert_eq!(artifact.digest, Digest::of(b"checkpoint"));
    assert_eq!(rig.told().await, Told::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_waits_for_its_inputs_hears_orders() {
    let (mut rig, mut child) = Rig::new().await;
    let spec = samples::prune(&samples::train(1));
    let nowhere = tombola_spec::outcome::Artifact { digest: Digest::of(b"nowhere"), bytes: 7 };
    let waiting = |number| RunJob {
        job: JobId(number),
        attempt: Attempt(1),
        inputs: spec.inputs().iter().map(|input| (input.to_string(), nowhere)).collect(),
        spec: spec.clone(),
        resume: None,
    };
    rig.order(Order::Run(StageRun { jobs: vec![waiting(1)], width: 1, plan: Plan::CpuLanes }));
    rig.order(Order::Yield);
    assert_eq!(rig.told().await, Told::Ended);
    assert!(child.requests.try_recv().is_err());
    // A coordinator that is away keeps nobody waiting for what is not wanted any more.
    rig.order(Order::Run(StageRun { jobs: vec![waiting(2), waiting(3)], width: 1, plan: Plan::CpuLanes }));
    rig.order(Order::Cancel(JobId(2)));
    rig.order(Order::Cancel(JobId(3)));
    assert_eq!(rig.told().await, Told::Ended);
    assert!(child.requests.try_recv().is_err());
}
