//! Jobs that go their whole way: leased, started, metrics logged, outputs uploaded, finished, each of it committed before the
//! worker hears so.

use crate::common::{alone, connect, memory, rig, start};
use rig::{Home, Worker};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tombola_wire::v1::{
    QueryRequest, SubmitRequest, query_service_client::QueryServiceClient,
    sweep_service_client::SweepServiceClient,
};

/// A wait for a lease that says that one was lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Turns with a reader, and as many without.
const TURNS: usize = 3;
/// Reads all metrics there are, against each other.
const LONG: &str = "select sum(a.value * b.value) from metric a, metric b where a.iteration <> b.iteration";

/// Jobs a second by so many workers.
pub(crate) async fn run(name: &str, home: &Home, count: usize, jobs: usize) {
    let coordinator = start(home).await;
    let workers = connect(coordinator.address, &format!("of-{count}"), count).await;
    let (each_second, _) =
        turn(coordinator.address, workers, (&format!("by-{count}"), jobs, "0.1", count)).await;
    let memory = memory(&coordinator) >> 10;
    println!("{name:<9} {each_second:>8.0} jobs/s, whole way, by {count} workers; {memory} MiB");
    coordinator.kill().await;
}

/// What goes on beside the workers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// Somebody's SQL query that takes long, and a core.
    Reader,
    /// A thread of this process that takes a core and does nothing.
    Spinner,
}

/// The same with and without somebody whose SQL takes long, by turns; and beside something that takes a core just so.
pub(crate) async fn beside_a_reader(name: &str, home: &Home, count: usize, jobs: usize) {
    let coordinator = start(home).await;
    let address = coordinator.address;
    let mut workers = connect(address, "read", count).await;
    let kinds = [Beside::Nothing, Beside::Reader, Beside::Spinner];
    let mut figures = [const { Vec::new() }; 3];
    for number in 0..TURNS {
        for (kind, figures) in kinds.into_iter().zip(&mut figures) {
            let going = begin(kind, address);
            let (sweep, seeds) =
                (format!("{kind:?}-{number}").to_lowercase(), number * kinds.len() + kind as usize);
            let (each_second, back) = turn(address, workers, (&sweep, jobs, "0.3", seeds)).await;
            workers = back;
            drop(going);
            figures.push(each_second);
        }
    }
    let [alone, reader, spinner] = figures.map(median);
    println!(
        "{name:<9} {reader:>8.0} jobs/s beside a long SQL query that takes a core, {spinner:.0} beside a loop that does, {alone:.0} \
         beside nothing"
    );
    coordinator.kill().await;
}

/// Goes on until what is returned is dropped.
fn begin(kind: Beside, address: SocketAddr) -> (Option<JoinSet<()>>, Option<Arc<()>>) {
    match kind {
        Beside::Nothing => (None, None),
        Beside::Reader => {
            let mut reader = JoinSet::new();
            reader.spawn(read(address));
            (Some(reader), None)
        }
        Beside::Spinner => {
            let wanted = Arc::new(());
            let going = Arc::downgrade(&wanted);
            std::thread::spawn(move || while going.strong_count() > 0 {});
            (None, Some(wanted))
        }
    }
}

/// Asks long questions, one after the other.
async fn read(address: SocketAddr) {
    let mut query = QueryServiceClient::new(rig::channel(address));
    loop {
        // It is stopped after a while; that is what it is for.
        let _ = query.query(QueryRequest { sql: LONG.to_owned(), max_rows: 0 }).await;
    }
}

/// A sweep from its submission to its end; jobs a second. The last word tells its seeds from others'.
async fn turn(
    address: SocketAddr,
    workers: Vec<Worker>,
    (name, jobs, lr, number): (&str, usize, &str, usize),
) -> (f64, Vec<Worker>) {
    let mut sweeps = SweepServiceClient::new(rig::channel(address));
    let begun = Instant::now();
    let file = alone(name, number * jobs + 1..=(number + 1) * jobs, lr);
    sweeps.submit(SubmitRequest { file }).await.unwrap();
    let workers = work(workers, jobs).await;
    (jobs as f64 / begun.elapsed().as_secs_f64(), workers)
}

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
                worker.run(&lease).await;
                last = Instant::now();
                done.fetch_add(lease.stages.iter().map(|stage| stage.jobs.len()).sum(), Ordering::Relaxed);
            }
            worker
        });
    }
    all.join_all().await
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
