//! The engine child over a pair of pipes, as an agent sees it.

use crate::rig::{self, ADAM, Rig, SGD, edit, edit_recipe, fingerprint, job, recipe, stream};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe},
    thread::{self, JoinHandle},
    time::Duration,
};
use tombola_engine::{ChildOptions, EngineError, run_child};
use tombola_spec::{
    Attempt, JobId, Steps,
    job::{Input, JobSpec, Network, Output, Preserve, PruneJob, RandomMaskJob, Scored},
    outcome::{FailureClass, Summary},
    settings::{Amount, Criterion, Dtype, Prune, Scope},
    slot::{Event, OutputFile, Request, Stage, StageJob},
    worker::{DeviceKind, Plan},
};

/// A child in a thread of this process.
struct Child {
    requests: Option<PipeWriter>,
    events: BufReader<PipeReader>,
    thread: JoinHandle<Result<(), EngineError>>,
}

impl Child {
    fn start(options: ChildOptions) -> Self {
        let (input, requests) = pipe().unwrap();
        let (events, output) = pipe().unwrap();
        let thread = thread::spawn(move || run_child(options, BufReader::new(input), output));
        Self { requests: Some(requests), events: BufReader::new(events), thread }
    }

    fn of(rig: &Rig) -> Self {
        let mut child = Self::start(options(rig));
        assert!(matches!(child.next(), Some(Event::Ready { .. })));
        child
    }

    fn ask(&mut self, request: &Request) {
        let line = serde_json::to_string(request).unwrap();
        writeln!(self.requests.as_mut().unwrap(), "{line}").unwrap();
    }

    fn next(&mut self) -> Option<Event> {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// Events up to the first that is wanted, or the end.
    fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next() {
            events.push(event);
            if wanted(&events[events.len() - 1]) {
                break;
            }
        }
        events
    }

    fn run(&mut self, stage: Stage) -> rig::Outcomes {
        self.ask(&Request::Run(stage));
        rig::Outcomes(self.until(|event| matches!(event, Event::StageDone)))
    }

    fn end(mut self) -> Result<(), EngineError> {
        self.requests = None;
        self.until(|_| false);
        self.thread.join().unwrap()
    }
}

fn options(rig: &Rig) -> ChildOptions {
    ChildOptions::new(DeviceKind::Cpu, 0, rig.data(), rig.cache())
}

/// A job that does not end by itself while a test runs.
fn endless(number: u64) -> StageJob {
    let mut job = job(number, recipe(ADAM), 0);
    edit(&mut job, |spec| spec.to = Steps::its(u32::MAX));
    job
}

fn single(number: u64, spec: JobSpec, inputs: BTreeMap<String, std::path::PathBuf>) -> StageJob {
    StageJob { job: JobId(number), attempt: Attempt(1), spec, inputs, resume: None }
}

fn network() -> Network {
    Network { name: rig::NETWORK.to_owned(), image: [1, 8, 8], classes: 4 }
}

#[test]
fn a_child_introduces_itself_with_its_data() {
    let rig = Rig::new();
    let mut child = Child::start(options(&rig));
    match child.next() {
        Some(Event::Ready { device: DeviceKind::Cpu, name, libtorch, data, unusable, .. }) => {
            assert!(!name.is_empty());
            assert_eq!(libtorch, "2.11.0");
            assert_eq!(data.iter().map(|info| info.set.as_str()).collect::<Vec<_>>(), ["tiny"]);
            assert!(unusable.is_empty(), "{unusable:?}");
        }
        other => panic!("{other:?}"),
    }
    child.end().unwrap();
}

#[test]
fn a_pack_is_trained_then_pruned_then_shuffled() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    let trained =
        child.run(rig.stage(Plan::CpuLanes, vec![job(1, recipe(SGD), 50), job(2, recipe(ADAM), 50)]));
    assert!(trained.0.iter().any(|event| matches!(event, Event::Started { job: JobId(1), iteration: 0 })));
    assert_eq!(trained.summary(2).iterations, 50);
    // Told over a pipe, a stage computes what it computes told directly.
    let direct = rig.run(Plan::CpuLanes, vec![job(1, recipe(SGD), 50), job(2, recipe(ADAM), 50)]);
    for number in [1, 2] {
        assert_eq!(trained.digests(number), direct.digests(number));
        assert_eq!(trained.summary(number).last, direct.summary(number).last);
        assert_eq!(trained.provenance(number), direct.provenance(number));
    }

    let weights = Input { job: fingerprint(1), output: Output::Weights };
    let rule = Prune::new(Criterion::Magnitude, Scope::PerLayer, Amount::Rate(0.2));
    let prune = PruneJob {
        network: network(),
        rule,
        weights: Scored::Trained(weights.job),
        initial: None,
        data: None,
        mask: None,
        scores: None,
        ties: stream(0),
    };
    let files = [(weights.to_string(), trained.outputs(1)[&Output::Weights].file.clone())].into();
    let pruned = child.run(rig.stage(Plan::CpuLanes, vec![single(3, JobSpec::Prune(prune), files)]));
    let (mask, living) = mask_of(&pruned, 3);
    assert_eq!(living, [1024 - 205, 128 - 26, 32 - 6]);
    assert_eq!(pruned.provenance(3).plan, "rust");

    let input = Input { job: fingerprint(3), output: Output::Mask };
    let shuffle = RandomMaskJob {
        network: network(),
        mask: input,
        preserve: Preserve::PerLayer,
        whole: Vec::new(),
        stream: stream(8),
    };
    let files = [(input.to_string(), mask.file.clone())].into();
    let shuffled = child.run(rig.stage(Plan::CpuLanes, vec![single(4, JobSpec::RandomMask(shuffle), files)]));
    let (other, same) = mask_of(&shuffled, 4);
    assert_eq!(living, same);
    assert_ne!(mask.digest, other.digest);
    child.end().unwrap();
}

/// The data set stays in memory between stages; what a job reads of it must be its own.
#[test]
fn a_child_gives_each_job_its_own_split_and_numbers() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    for (split_seed, validation, dtype) in [
        (0, 100, Dtype::F32),
        (1, 100, Dtype::F32),
        (1, 50, Dtype::F32),
        (1, 50, Dtype::F64),
        (0, 100, Dtype::F32),
    ] {
        let mut job = job(1, recipe(SGD), 12);
        edit_recipe(&mut job, |recipe| {
            (recipe.data.split_seed, recipe.data.validation, recipe.dtype) = (split_seed, validation, dtype);
        });
        let told = child.run(rig.stage(Plan::CpuLanes, vec![job.clone()]));
        let fresh = rig.run(Plan::CpuLanes, vec![job]);
        assert_eq!(told.digests(1), fresh.digests(1), "{split_seed} {validation} {dtype:?}");
        assert_eq!(told.summary(1).last, fresh.summary(1).last);
    }
    child.end().unwrap();
}

fn mask_of(outcomes: &rig::Outcomes, number: u64) -> (OutputFile, Vec<u64>) {
    let finished = outcomes.0.iter().find_map(|event| match event {
        Event::Finished { job, outputs, summary: Summary::Mask(summary), .. } if job.0 == number => {
            Some((outputs[&Output::Mask].clone(), summary.layers.iter().map(|layer| layer.living).collect()))
        }
        _ => None,
    });
    finished.unwrap_or_else(|| panic!("no mask: {:?}", outcomes.failure(number)))
}

#[test]
fn progress_is_told_without_being_asked_and_a_cancelled_job_stops_alone() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    child.ask(&Request::Run(rig.stage(Plan::CpuLanes, vec![endless(1), endless(2)])));
    let moved = |number: u64| move |event: &Event| matches!(event, Event::Progress { job, iteration } if job.0 == number && *iteration > 0);
    child.until(moved(1));
    child.ask(&Request::Cancel { job: JobId(1) });
    let later = child
        .until(|event| matches!(event, Event::Progress { job: JobId(2), iteration } if *iteration > 200));
    assert!(!later.is_empty());
    child.ask(&Request::Cancel { job: JobId(2) });
    let rest = child.until(|event| matches!(event, Event::StageDone));
    assert!(matches!(rest.last(), Some(Event::StageDone)));
    assert!(!rest.iter().any(|event| matches!(event, Event::Failed { .. } | Event::Finished { .. })));
    child.end().unwrap();
}

#[test]
fn a_yielding_child_leaves_checkpoints_that_another_goes_on_from() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    child.ask(&Request::Run(rig.stage(Plan::Fused, vec![endless(1), endless(2)])));
    child.until(|event| matches!(event, Event::Metrics { job: JobId(2), .. }));
    child.ask(&Request::Yield);
    let cut = rig::Outcomes(child.until(|event| matches!(event, Event::StageDone)));
    let (iteration, file) = cut.checkpoint(1);
    assert_eq!(cut.checkpoint(2).0, iteration);
    child.end().unwrap();

    let mut other = Child::of(&rig);
    let mut resumed = endless(1);
    resumed.resume = Some(file);
    other.ask(&Request::Run(Stage { width: 2, ..rig.stage(Plan::Fused, vec![resumed]) }));
    let further = |event: &Event| matches!(event, Event::Progress { iteration: now, .. } if *now > iteration);
    assert_eq!(rig::Outcomes(other.until(further)).started(1), iteration);
    other.end().unwrap();
}

#[test]
fn a_child_whose_agent_is_gone_leaves_in_the_middle_of_a_stage() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    child.ask(&Request::Run(rig.stage(Plan::CpuLanes, vec![endless(1)])));
    child.until(|event| matches!(event, Event::Started { .. }));
    child.end().unwrap();
}

#[test]
fn a_request_that_makes_no_sense_ends_the_child_with_an_error() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    writeln!(child.requests.as_mut().unwrap(), "{{\"request\":\"dance\"}}").unwrap();
    let error = child.end().unwrap_err();
    assert!(error.to_string().contains("dance"), "{error}");
}

#[test]
fn failures_name_their_class() {
    let rig = Rig::new();
    let mut child = Child::of(&rig);
    let lost = rig.data().join("tiny/train-labels-idx1-ubyte");
    std::fs::write(&lost, [0, 0, 8, 1, 0, 0, 2, 88, 1, 2, 3]).unwrap();
    let outcomes = child.run(rig.stage(Plan::CpuLanes, vec![job(1, recipe(SGD), 5)]));
    let failure = outcomes.failure(1).unwrap();
    assert_eq!(failure.class, FailureClass::DataMissing);
    assert!(
        failure.message.contains("train-labels-idx1-ubyte") && failure.message.contains("cut short"),
        "{failure:?}"
    );
    child.end().unwrap();
}

#[test]
fn a_gpu_slot_says_what_is_missing_in_one_line() {
    let rig = Rig::new();
    let mut child = Child::start(ChildOptions { device: DeviceKind::Cuda, index: 99, ..options(&rig) });
    // No host has a hundred GPUs; most lack the libraries or the driver already.
    match child.next() {
        Some(Event::Unable { message }) => {
            assert!(message.contains("hint: ") && !message.contains('\n'), "{message}");
        }
        other => panic!("{other:?}"),
    }
    drop(child.requests.take());
    assert!(child.thread.join().unwrap().is_err());
}

#[test]
fn checkpoints_come_as_often_as_the_options_say() {
    let rig = Rig::new();
    let checkpoint_every = Duration::ZERO;
    let mut child = Child::start(ChildOptions { checkpoint_every, ..options(&rig) });
    child.ask(&Request::Run(rig.stage(Plan::CpuLanes, vec![endless(1)])));
    let seen = child.until(|event| matches!(event, Event::Checkpoint { iteration, .. } if *iteration > 100));
    assert!(matches!(seen.last(), Some(Event::Checkpoint { .. })));
    child.end().unwrap();
}
