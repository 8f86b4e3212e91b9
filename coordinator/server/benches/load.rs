//! What a coordinator bears: workers over real gRPC that run job after job, as fast as it lets them.
//!
//! `cargo bench -p tombola-server --bench load [-- sqlite|postgres] [--workers N] [--jobs N] [--held N]`; Postgres is the server
//! that `TOMBOLA_TEST_POSTGRES` names. The coordinator is a process of its own, as it is installed; the workers are sessions
//! of this process over loopback, each on its own connection, that compute nothing. A job goes its whole way: leased, started,
//! its metrics logged, its outputs uploaded, finished, each of it committed before the worker hears so. The state lies in the
//! folder for temporary files: set `TMPDIR` to measure another disk.

#![allow(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by a panic")]

mod common;

use common::{Binary, memory, rig, start};
use rig::{Home, Worker, with};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tombola_wire::v1::{self, SubmitRequest, report, sweep_service_client::SweepServiceClient};

/// Batches of metrics that each worker logs, and points of each.
const BATCHES: u32 = 40;
const POINTS: u64 = 1000;

/// The allocator gives back within ten seconds what was freed.
const REST: Duration = Duration::from_secs(15);

/// Open jobs of one sweep.
const A_SWEEP: usize = 50_000;

struct Options {
    databases: Vec<String>,
    /// Workers that work.
    workers: usize,
    /// Jobs they do.
    jobs: usize,
    /// Jobs held in memory, of which none is run.
    held: usize,
}

#[tokio::main]
async fn main() {
    let options = options();
    let wanted =
        |name: &str| options.databases.is_empty() || options.databases.iter().any(|word| word == name);
    if wanted("sqlite") {
        measure("SQLite", &Home::sqlite(), &options).await;
    }
    if let (true, Some(home)) = (wanted("postgres"), Home::postgres("bench_load").await) {
        measure("Postgres", &home, &options).await;
        home.place.remove().await;
    }
}

fn options() -> Options {
    let mut options = Options { databases: Vec::new(), workers: 64, jobs: 4000, held: 200_000 };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|word| word.parse().ok()).expect("a number after the option");
        match word.as_str() {
            "--workers" => options.workers = number(),
            "--jobs" => options.jobs = number(),
            "--held" => options.held = number(),
            "sqlite" | "postgres" => options.databases.push(word),
            _ => panic!("`{word}` is unknown: sqlite, postgres, --workers N, --jobs N, --held N"),
        }
    }
    options
}

async fn measure(name: &str, home: &Home, options: &Options) {
    let coordinator = start(home).await;
    let mut sweeps = SweepServiceClient::new(rig::channel(coordinator.address));
    let mut workers = Vec::new();
    for number in 0..options.workers {
        let mut worker = Worker::connect(coordinator.address, &format!("busy-{number}")).await;
        worker.heartbeat = Duration::from_secs(2);
        workers.push(worker);
    }

    let Options { jobs, workers: count, held, .. } = *options;
    let begun = Instant::now();
    sweeps.submit(SubmitRequest { file: alone("load", jobs) }).await.unwrap();
    let workers = work(workers, jobs).await;
    let each_second = jobs as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{name:<9} {each_second:>8.0} jobs/s, whole way, by {count} workers: {jobs} jobs, their submission included"
    );

    let each_second = log(&mut sweeps, workers).await;
    println!("{name:<9} {each_second:>8.0} metric points/s (budget 100000), by {count} workers");

    hold(name, home, coordinator, held).await;
}

/// What a coordinator needs for open jobs: once it has taken them in, and after a restart.
async fn hold(name: &str, home: &Home, coordinator: Binary, held: usize) {
    let mut sweeps = SweepServiceClient::new(rig::channel(coordinator.address));
    let (before, begun) = (memory(&coordinator) >> 10, Instant::now());
    for (part, first) in (0..held).step_by(A_SWEEP).enumerate() {
        let file = alone(&format!("held-{part}"), A_SWEEP.min(held - first));
        sweeps
            .submit(SubmitRequest { file: file.replace("lr = 0.1", &format!("lr = 0.0{part}1")) })
            .await
            .unwrap();
    }
    let took = begun.elapsed();
    let [now, rested] = rests(&coordinator).await;
    println!(
        "{name:<9} {rested:>8} MiB with {held} open jobs submitted in {took:.1?}; {now} at once, {before} before"
    );
    coordinator.kill().await;
    let begun = Instant::now();
    let coordinator = start(home).await;
    let took = begun.elapsed();
    let [now, rested] = rests(&coordinator).await;
    println!(
        "{name:<9} {rested:>8} MiB with {held} open jobs after a restart in {took:.1?} (budget 150); {now} at once"
    );
    coordinator.kill().await;
}

/// MiB that a coordinator uses now, and once what it freed is the system's again.
async fn rests(coordinator: &Binary) -> [u64; 2] {
    let now = memory(coordinator) >> 10;
    tokio::time::sleep(REST).await;
    [now, memory(coordinator) >> 10]
}

/// A sweep of so many jobs, none of which waits for another.
fn alone(name: &str, jobs: usize) -> String {
    with(&[
        ("tiny", name),
        ("1..=2", &format!("1..={jobs}")),
        ("prune = { scope = \"per_layer\", rate = 0.5, rounds = 2 }", ""),
        ("[branch]\nreinit = { rounds = [2] }", ""),
    ])
}

/// A wait for a lease that says that one was lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets the workers run leases until so many jobs are done by all of them.
async fn work(workers: Vec<Worker>, jobs: usize) -> Vec<Worker> {
    let done = Arc::new(AtomicUsize::new(0));
    let mut all = JoinSet::new();
    for mut worker in workers {
        let done = Arc::clone(&done);
        all.spawn(async move {
            let mut last = Instant::now();
            while done.load(Ordering::Relaxed) < jobs {
                assert!(last.elapsed() < PATIENCE, "no lease came for {PATIENCE:?}");
                // Another worker may do the last one.
                let next = tokio::time::timeout(Duration::from_millis(200), worker.lease()).await;
                let Ok(lease) = next else { continue };
                last = Instant::now();
                worker.run(&lease).await;
                done.fetch_add(lease.stages.iter().map(|stage| stage.jobs.len()).sum(), Ordering::Relaxed);
            }
            worker
        });
    }
    all.join_all().await
}

/// Points a second when all workers log metrics of a job each.
async fn log(sweeps: &mut SweepServiceClient<tonic::transport::Channel>, workers: Vec<Worker>) -> f64 {
    let count = workers.len();
    sweeps
        .submit(SubmitRequest { file: alone("log", 2 * count).replace("lr = 0.1", "lr = 0.2") })
        .await
        .unwrap();
    let mut begun = JoinSet::new();
    for mut worker in workers {
        begun.spawn(async move {
            let job = worker.begin().await;
            (worker, job)
        });
    }
    let (begun, start) = (begun.join_all().await, Instant::now());
    let mut logged = JoinSet::new();
    for (mut worker, job) in begun {
        logged.spawn(async move {
            for batch in 1..=BATCHES {
                let iterations: Vec<u64> = (0..POINTS).map(|at| u64::from(batch) * POINTS + at).collect();
                let values = iterations.iter().map(|at| 2.3 / (*at as f64).sqrt()).collect();
                let (name, split) = ("loss".to_owned(), "train".to_owned());
                let series = vec![v1::Series { name, split, iterations, values }];
                worker.report(&job, report::What::Metrics(v1::Metrics { batch, series })).await;
            }
        });
    }
    logged.join_all().await;
    count as f64 * f64::from(BATCHES) * POINTS as f64 / start.elapsed().as_secs_f64()
}
