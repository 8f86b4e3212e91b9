//! Workers that log metrics as fast as they can write them, and do not wait until anything is stored: points a second, and
//! how much memory the coordinator needs for what it was sent and has not stored.

use crate::common::{alone, connect, memory, most_memory, rig, start};
use prost::Message as _;
use rig::Home;
use std::time::Instant;
use tokio::task::JoinSet;
use tombola_wire::v1::{self, SubmitRequest, report, sweep_service_client::SweepServiceClient};

/// Batches of metrics that each worker logs, and points of each.
const BATCHES: u32 = 200;
const POINTS: u64 = 1000;

pub(crate) async fn run(name: &str, home: &Home, count: usize) {
    let coordinator = start(home).await;
    let mut sweeps = SweepServiceClient::new(rig::channel(coordinator.address));
    let file = alone("flood", 1..=2 * count, "0.2");
    sweeps.submit(SubmitRequest { file }).await.unwrap();
    let mut begun = JoinSet::new();
    for mut worker in connect(coordinator.address, "flood", count).await {
        begun.spawn(async move {
            let job = worker.begin().await;
            (worker, job)
        });
    }
    let (begun, before, start) = (begun.join_all().await, memory(&coordinator) >> 10, Instant::now());
    let mut logged = JoinSet::new();
    for (mut worker, job) in begun {
        logged.spawn(async move {
            let (mut last, mut bytes) = (0, 0);
            for batch in 1..=BATCHES {
                let metrics = metrics(batch);
                bytes += metrics.encoded_len();
                last = worker.send(&job, report::What::Metrics(metrics)).await;
            }
            worker.committed(last).await;
            bytes
        });
    }
    let bytes: usize = logged.join_all().await.into_iter().sum();
    let points = count as f64 * f64::from(BATCHES) * POINTS as f64;
    let (each_second, most) = (points / start.elapsed().as_secs_f64(), most_memory(&coordinator) >> 10);
    println!(
        "{name:<9} {each_second:>8.0} metric points/s (budget 100000), by {count} workers that wait for nothing"
    );
    println!("{name:<9} {most:>8} MiB at most while they sent {} MiB, {before} before", bytes >> 20);
    coordinator.kill().await;
}

fn metrics(batch: u32) -> v1::Metrics {
    let iterations: Vec<u64> = (0..POINTS).map(|at| u64::from(batch) * POINTS + at).collect();
    let values = iterations.iter().map(|at| 2.3 / (*at as f64).sqrt()).collect();
    let (name, split) = ("loss".to_owned(), "train".to_owned());
    v1::Metrics { batch, series: vec![v1::Series { name, split, iterations, values }] }
}
