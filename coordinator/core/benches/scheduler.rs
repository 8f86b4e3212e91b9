//! The scheduler with 200,000 jobs: how long a submission takes, how much memory it holds, how many jobs a second go
//! through lease, start and finish, and whether that depends on how much is behind it.
//!
//! `cargo xtask bench scheduler`; `-- seeds` instead tells how planning, submitting and memory grow with the seeds of a sweep,
//! each number of seeds in a process of its own.

#![allow(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![allow(clippy::disallowed_methods, reason = "the crate is pure; what measures it is not")]

use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tombola_core::{
    plan::Plan,
    record::Snapshot,
    schedule::{Config, Effect, Event, Fact, Lease, Message, Scheduler},
    sweep,
};
use tombola_spec::{
    Attempt, Digest, JobId, WorkerId,
    data::known,
    outcome::{Artifact, MaskSummary, Outcome, Provenance, Summary},
    version,
    worker::{DataInfo, DeviceKind, SlotInfo, WorkerInfo},
};

/// 4,878 seeds of 41 jobs each: as many as one sweep may have.
const SWEEP: &str = r#"
name = "large"
seeds = "1..=4878"
model = { name = "mnist_lenet_300_100" }
data = { set = "mnist" }
train = { steps = "3000it", batch = 60, optimizer = "adam", lr = 1.2e-3, eval_every = "3000it" }
prune = { scope = "per_layer", rate = 0.2, rounds = 20 }
"#;
const WORKERS: usize = 64;

/// Numbers of seeds, and the sweep they are of: 19 jobs each, the most that 10,000 of them may have.
const SEEDS: [usize; 7] = [10, 30, 100, 300, 1_000, 3_000, 10_000];
const ROUNDS: usize = 9;

fn main() {
    // Cargo passes `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => one_large_sweep(),
        ["seeds"] => SEEDS.into_iter().for_each(in_a_process_of_its_own),
        ["seeds", number] => grown(number.parse().expect("a number of seeds")),
        _ => panic!("nothing, or `seeds`"),
    }
}

/// So that what one sweep leaves to the allocator is not another's memory.
fn in_a_process_of_its_own(seeds: usize) {
    let this = std::env::current_exe().expect("this program is a file");
    let status = std::process::Command::new(this).args(["seeds", &seeds.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "{seeds} seeds");
}

/// What a sweep of so many seeds costs in processor time, for builds beside it stretch the clock's: the median of five plans, the
/// submission of one; and what it holds.
fn grown(seeds: usize) {
    let sweep = SWEEP.replace("1..=4878", &format!("1..={seeds}"));
    let sweep = sweep.replace("rounds = 20", &format!("rounds = {ROUNDS}"));
    let mut planned: Vec<Duration> =
        (0..5).map(|_| worked(|| sweep::load(&sweep).expect("the sweep above")).1).collect();
    planned.sort();
    let plan = sweep::load(&sweep).expect("the sweep above");
    let (jobs, before) = (plan.jobs.len(), resident_mib());
    let mut bench = Bench::new();
    let ((), submitted) = worked(|| bench.submit(plan));
    let memory = resident_mib() - before;
    let [planned, submitted] = [planned[2], submitted].map(|time| 1e3 * time.as_secs_f64());
    println!(
        "{seeds:>6} seeds  {jobs:>7} jobs  planned {planned:>9.2} ms  submitted {submitted:>9.2} ms  {memory:>7.1} MiB more"
    );
}

fn one_large_sweep() {
    let (plan, planned) = timed(|| sweep::load(SWEEP).expect("the sweep above"));
    let jobs = plan.jobs.len();
    println!("plan          {jobs} jobs in {planned:.2?}");
    let before = resident_mib();
    let mut bench = Bench::new();
    let ((), submitted) = timed(|| bench.submit(plan));
    println!("submit        {submitted:.2?}");
    println!("memory        {:.0} MiB for the jobs (plan freed)", resident_mib() - before);
    for tenth in 1..=10 {
        let (done, took) = timed(|| bench.run(jobs / 10));
        let rate = done as f64 / took.as_secs_f64();
        println!("tenth {tenth:<2}      {rate:>9.0} jobs/s through lease, start and finish; {WORKERS} slots");
        if done == 0 {
            break;
        }
    }
}

/// What it makes, and the processor time of this thread for it.
fn worked<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = processor_time();
    let made = act();
    (made, processor_time() - begun)
}

/// Of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let made = act();
    (made, begun.elapsed())
}

struct Bench {
    scheduler: Scheduler,
    now: Duration,
    sequence: u64,
    /// Leased and not begun, in order: worker, job, attempt.
    work: VecDeque<(WorkerId, JobId, Attempt)>,
    outcome: Outcome,
}

impl Bench {
    fn new() -> Self {
        let scheduler = Scheduler::fold(Config::default(), Snapshot::default());
        let mut bench =
            Self { scheduler, now: Duration::ZERO, sequence: 0, work: VecDeque::new(), outcome: outcome() };
        (0..WORKERS).for_each(|number| {
            bench.event(Event::Hello { info: info(number), worker: None, held: Vec::new(), number: 0 });
        });
        bench
    }

    fn submit(&mut self, plan: Plan) {
        self.event(Event::Submit { plan, source: String::new(), known: Vec::new() });
    }

    fn event(&mut self, event: Event) {
        for effect in self.scheduler.handle(self.now, event) {
            if let Effect::Send { worker, message: Message::Lease(Lease { pack, .. }) } = effect {
                let lanes = pack.stages.into_iter().flatten();
                self.work.extend(lanes.map(|(job, attempt)| (worker, job, attempt)));
            }
        }
    }

    /// Finishes about so many jobs; returns how many.
    fn run(&mut self, jobs: usize) -> usize {
        let mut done = 0;
        while done < jobs {
            let Some((worker, job, attempt)) = self.work.pop_front() else { return done };
            let finished = Fact::Finished(Box::new(self.outcome.clone()));
            for fact in [Fact::Started { iteration: 0 }, finished] {
                self.sequence += 1;
                self.event(Event::Report { worker, sequence: self.sequence, job, attempt, fact });
            }
            done += 1;
            if done % 500 == 0 {
                self.now += Duration::from_millis(100);
                self.event(Event::Tick);
                (1..=WORKERS as u64).for_each(|id| {
                    self.event(Event::Heartbeat { worker: WorkerId(id), progress: Vec::new() });
                });
            }
        }
        done
    }
}

fn info(number: usize) -> WorkerInfo {
    let shape = known("mnist").expect("a known data set");
    WorkerInfo {
        name: format!("worker-{number}"),
        host: String::new(),
        version: String::new(),
        components: version::components()
            .into_iter()
            .map(|(name, version)| (name.to_owned(), version))
            .collect(),
        slots: vec![SlotInfo {
            device: DeviceKind::Cpu,
            index: 0,
            name: String::new(),
            memory: 0,
            lanes: 1,
            widths: Vec::new(),
        }],
        data: vec![DataInfo { set: "mnist".to_owned(), digest: Digest::of(b""), shape }],
        data_folder: String::new(),
        patience_s: 0,
    }
}

/// Has every output, so that it is a result of any job.
fn outcome() -> Outcome {
    let artifact = Artifact { digest: Digest::of(b"x"), bytes: 1 };
    Outcome {
        outputs: tombola_spec::job::Output::ALL.into_iter().map(|output| (output, artifact)).collect(),
        summary: Summary::Mask(MaskSummary::default()),
        provenance: Provenance::default(),
    }
}

/// Resident memory of this process, MiB.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
