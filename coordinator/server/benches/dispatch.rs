//! How soon work reaches a worker, and what it costs to keep many of them connected.
//!
//! `cargo bench -p tombola-server --bench dispatch [-- sqlite|postgres] [--workers N]`; Postgres is the server that
//! `TOMBOLA_TEST_POSTGRES` names. The coordinator is a process of its own, as it is installed; the workers are sessions of this process over loopback, each on its own connection. A sweep of one job is submitted
//! to idle workers; measured is the time from the request until its lease has arrived, with the commit of both in
//! between: of one idle worker, of one among many, and of one beside others that run job after job. SQLite's state lies in the folder for temporary files: set `TMPDIR` to measure another disk.

#![allow(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by a panic")]

mod common;

use common::{alone, connect, memory, most_memory, rig, start};
use rig::{Home, Worker, info};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};
use tombola_wire::v1::{SubmitRequest, sweep_service_client::SweepServiceClient, to_worker};
use tonic::transport::Channel;

/// Submissions that are measured, behind some that warm everything up.
const SUBMISSIONS: usize = 300;
const WARM_UP: usize = 50;
/// Connected workers of the second measurement, if no other number is asked for.
const MANY: usize = 2_000;
/// Workers that are busy in the third one, and more jobs than they can do in its time.
const BUSY: usize = 64;
const JOBS: usize = 30_000;
/// What idle workers hold; busy ones hold MNIST.
const SET: &str = "fashion_mnist";

#[tokio::main]
async fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let many = words.iter().skip_while(|word| *word != "--workers").nth(1);
    let many: usize = many.map_or(MANY, |word| word.parse().expect("a number after --workers"));
    let named = |name: &str| words.iter().any(|word| word == name);
    if named("sqlite") || !named("postgres") {
        println!("SQLite");
        one_among_busy(&Home::sqlite()).await;
        among_many(&Home::sqlite(), many).await;
    }
    if named("postgres") || !named("sqlite") {
        let homes = [Home::postgres("bench_dispatch").await, Home::postgres("bench_dispatch_many").await];
        let [Some(busy), Some(idle)] = homes else { return };
        println!("Postgres");
        one_among_busy(&busy).await;
        among_many(&idle, many).await;
        busy.place.remove().await;
        idle.place.remove().await;
    }
}

async fn one_among_busy(home: &Home) {
    let coordinator = start(home).await;
    let mut bench = Bench::new(coordinator.address);
    bench.connect(1).await;
    bench.measure("1 idle worker").await;
    bench.keep_busy().await;
    bench.measure(&format!("1 idle worker beside {BUSY} that run job after job")).await;
    assert!(bench.busy.try_join_next().is_none(), "they ran out of jobs");
    drop(bench);
    coordinator.kill().await;
}

async fn among_many(home: &Home, many: usize) {
    let coordinator = start(home).await;
    let mut bench = Bench::new(coordinator.address);
    let (before, begun) = (memory(&coordinator), Instant::now());
    bench.connect(many).await;
    let took = begun.elapsed();
    bench.measure(&format!("{many} idle workers")).await;
    let each = (memory(&coordinator) - before) / many as u64;
    println!("connected     {many} workers in {took:.2?}, {each} KiB of the coordinator's memory each");
    let (now, most) = (memory(&coordinator) >> 10, most_memory(&coordinator) >> 10);
    println!("memory        {now} MiB of the coordinator with all of them, {most} at most");
    coordinator.kill().await;
}

/// A client, and workers that run whatever they are leased.
struct Bench {
    address: SocketAddr,
    sweeps: SweepServiceClient<Channel>,
    submitted: usize,
    workers: usize,
    /// Workers that run job after job, until this is dropped.
    busy: JoinSet<()>,
    say: mpsc::UnboundedSender<Instant>,
    heard: mpsc::UnboundedReceiver<Instant>,
}

impl Bench {
    fn new(address: SocketAddr) -> Self {
        let (say, heard) = mpsc::unbounded_channel();
        let sweeps = SweepServiceClient::new(rig::channel(address));
        Self { address, sweeps, submitted: 0, workers: 0, busy: JoinSet::new(), say, heard }
    }

    /// Connects more workers.
    async fn connect(&mut self, more: usize) {
        for _ in 0..more {
            self.workers += 1;
            let mut info = info(&format!("idle-{}", self.workers));
            SET.clone_into(&mut info.data[0].set);
            let mut worker = Worker::welcome(self.address, &info, "", Vec::new()).await;
            worker.heartbeat = Duration::from_secs(2);
            tokio::spawn(work(worker, self.say.clone()));
        }
    }

    /// Connects workers that run job after job.
    async fn keep_busy(&mut self) {
        let file = alone("busy", 1..=JOBS, "0.5");
        self.sweeps.submit(SubmitRequest { file }).await.unwrap();
        for mut worker in connect(self.address, "busy", BUSY).await {
            self.busy.spawn(async move { worker.work(JOBS).await });
        }
    }

    async fn measure(&mut self, what: &str) {
        for _ in 0..WARM_UP {
            self.submit().await;
        }
        let mut times = Vec::with_capacity(SUBMISSIONS);
        for _ in 0..SUBMISSIONS {
            times.push(self.submit().await);
        }
        times.sort_unstable();
        let at = |share: f64| times[(share * (SUBMISSIONS - 1) as f64) as usize].as_secs_f64() * 1e3;
        let (p50, p95, most) = (at(0.5), at(0.95), at(1.0));
        println!("dispatch      p50 {p50:.2} ms, p95 {p95:.2} ms (budget 10), max {most:.2} ms; {what}");
    }

    /// From the request to the lease.
    async fn submit(&mut self) -> Duration {
        self.submitted += 1;
        let (name, seed) = (format!("one-{}", self.submitted), self.submitted);
        let file = alone(&name, seed..=seed, "0.1").replace("\"mnist\"", &format!("\"{SET}\""));
        let start = Instant::now();
        self.sweeps.submit(SubmitRequest { file }).await.unwrap();
        let leased = self.heard.recv().await.unwrap() - start;
        // The result is committed: the next submission finds everybody idle.
        self.heard.recv().await.unwrap();
        leased
    }
}

/// Runs leases as they come, and says when each came and when it was done.
async fn work(mut worker: Worker, say: mpsc::UnboundedSender<Instant>) {
    while let Ok(message) = worker.next().await {
        if let to_worker::Message::Lease(lease) = message {
            say.send(Instant::now()).unwrap();
            worker.run(&lease).await;
            say.send(Instant::now()).unwrap();
        }
    }
}
