//! Many workers that stay: what the coordinator holds for them minute by minute, and how soon it answers others meanwhile.

use crate::common::{Binary, alone, connect, memory, most_memory, rig, start};
use rig::{Home, Worker};
use std::{fs, net::SocketAddr, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tombola_wire::v1::{
    ListRequest, QueryRequest, SubmitRequest, query_service_client::QueryServiceClient,
    sweep_service_client::SweepServiceClient,
};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn run(name: &str, home: &Home, count: usize, minutes: usize) {
    let coordinator = start(home).await;
    let address = coordinator.address;
    let file = alone("stay", 1..=count, "0.3");
    SweepServiceClient::new(rig::channel(address)).submit(SubmitRequest { file }).await.unwrap();
    let before = memory(&coordinator) >> 10;
    let workers = connect(address, "stay", count).await;
    let begun = Instant::now();
    let end = begun + MINUTE * minutes as u32;
    let mut all = JoinSet::new();
    workers.into_iter().for_each(|worker| drop(all.spawn(stay(worker, end))));
    let (mut least, mut slowest) = (usize::MAX, Vec::new());
    for minute in 1..=minutes as u32 {
        slowest.extend(answers(address, begun + MINUTE * minute).await);
        least = least.min(connections(&coordinator));
        let now = memory(&coordinator) >> 10;
        println!("{name:<9} {now:>8} MiB after {minute} min with {count} workers; {before} before them");
    }
    all.join_all().await;
    slowest.sort_unstable();
    let at = |part: usize| slowest[(slowest.len() - 1) * part / 100];
    println!(
        "{name:<9} {:>8} MiB at most while {count} workers stayed for {minutes} min, each with a job in work; {least} connections at \
         least; a list of sweeps took {:.1?}, p95 {:.1?}, at most {:.1?}",
        most_memory(&coordinator) >> 10,
        at(50),
        at(95),
        at(100)
    );
    assert_eq!(done(address).await, count, "each ended what it had begun, over the connection it had");
    coordinator.kill().await;
}

/// Begins a job, says for minutes that it lives, and ends the job.
async fn stay(mut worker: Worker, end: Instant) {
    let lease = worker.lease().await;
    let job = lease.stages[0].jobs[0].clone();
    let heard = worker.start(&job).await;
    worker.keep(heard).await;
    while let Ok(message) = timeout_at(end, worker.next()).await {
        message.expect("the session lasts");
    }
    worker.finish(&job).await;
}

/// How long it takes to be answered, each second until `end`.
async fn answers(address: SocketAddr, end: Instant) -> Vec<Duration> {
    let mut sweeps = SweepServiceClient::new(rig::channel(address));
    let mut times = Vec::new();
    while Instant::now() + Duration::from_secs(1) < end {
        sleep(Duration::from_secs(1)).await;
        let asked = Instant::now();
        sweeps.list(ListRequest {}).await.unwrap();
        times.push(asked.elapsed());
    }
    sleep_until(end).await;
    times
}

/// Sockets a coordinator holds.
fn connections(coordinator: &Binary) -> usize {
    let held = fs::read_dir(format!("/proc/{}/fd", coordinator.id())).unwrap();
    let socket = |file: &std::path::Path| {
        fs::read_link(file).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    held.filter(|entry| entry.as_ref().is_ok_and(|entry| socket(&entry.path()))).count()
}

async fn done(address: SocketAddr) -> usize {
    let sql = "select 1 from job_history where how = 'done'".to_owned();
    let mut query = QueryServiceClient::new(rig::channel(address));
    query.query(QueryRequest { sql, max_rows: 100_000 }).await.unwrap().into_inner().rows.len()
}
