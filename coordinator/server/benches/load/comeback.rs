//! How long it takes until everybody works again when a coordinator is killed, and that nothing is done twice.

use crate::common::{Binary, alone, connect, rig, start};
use rig::{Home, Worker, info};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tombola_wire::v1::{
    LeasedJob, QueryRequest, SubmitRequest, query_service_client::QueryServiceClient,
    sweep_service_client::SweepServiceClient, value::Kind,
};

/// A worker with a job in work.
struct AtWork {
    name: String,
    worker: Worker,
    lease: tombola_wire::v1::Lease,
}

pub(crate) async fn run(name: &str, home: &Home, count: usize) {
    let coordinator = start(home).await;
    let address = coordinator.address;
    let mut sweeps = SweepServiceClient::new(rig::channel(address));
    // What is running, what is prefetched meanwhile, and as much again for afterwards.
    let file = alone("comeback", 1..=4 * count, "0.4");
    sweeps.submit(SubmitRequest { file }).await.unwrap();
    let mut all = JoinSet::new();
    for (number, worker) in connect(address, "back", count).await.into_iter().enumerate() {
        all.spawn(begin(format!("back-{number}"), worker));
    }
    let all = all.join_all().await;
    let begun = Instant::now();
    coordinator.kill().await;
    let port = address.to_string();
    let coordinator =
        Binary::start(home, &["--listen", &port], &[("TOMBOLA_COORDINATOR_LOG__FILTER", "warn")]).await;
    let up = begun.elapsed();
    let mut back = JoinSet::new();
    for at_work in all {
        back.spawn(come_back(address, at_work, begun));
    }
    let mut times = back.join_all().await;
    times.sort_unstable();
    let (half, last) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{name:<9} {:>8.2} s from the kill until the last of {count} workers had new work (budget 5); half of them {half:.2?}, \
         up again {up:.2?}",
        last.as_secs_f64()
    );
    assert_eq!(most_attempts(address).await, 1, "nothing was done twice");
    coordinator.kill().await;
}

async fn begin(name: String, mut worker: Worker) -> AtWork {
    let lease = worker.lease().await;
    let job = lease.stages[0].jobs[0].clone();
    let heard = worker.start(&job).await;
    worker.keep(heard).await;
    AtWork { name, worker, lease }
}

/// Comes back with what it holds, ends it, and gets something new; when, after the kill.
async fn come_back(address: SocketAddr, at_work: AtWork, begun: Instant) -> Duration {
    let AtWork { name, mut worker, lease } = at_work;
    worker.closed().await;
    let job: &LeasedJob = &lease.stages[0].jobs[0];
    let held = Worker::held(&lease, true);
    let mut back = Worker::welcome(address, &info(&name), &worker.id, held).await;
    back.heartbeat = Duration::from_secs(2);
    let heard = back.finish(job).await;
    back.keep(heard).await;
    back.lease().await;
    begun.elapsed()
}

async fn most_attempts(address: SocketAddr) -> i64 {
    let sql = "select max(attempt) from job_history where how = 'done' and job in (select job from round_job where sweep = \
               'comeback')";
    let sql = sql.to_owned();
    let mut query = QueryServiceClient::new(rig::channel(address));
    let told = query.query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner();
    match told.rows[0].values[0].kind {
        Some(Kind::Integer(most)) => most,
        ref other => panic!("{other:?}"),
    }
}
