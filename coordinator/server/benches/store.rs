//! What durability costs: jobs a second through lease, start and result, metric points a second, whether a thousand, a
//! hundred thousand or a million finished jobs make either slower, and how long a curve takes.
//!
//! `cargo bench -p tombola-server --bench store [-- sqlite|postgres]`; Postgres is the server that
//! `TOMBOLA_TEST_POSTGRES` names. SQLite's state lies in the folder for temporary files: set `TMPDIR` to measure another
//! disk.
//!
//! 64 jobs are in flight. As in the leader, half of them report while the other half's commit goes to disk; a commit
//! then holds 32 starts, 16 metric tails, 32 results and the 32 leases that follow. Every other job makes a mask.
//! Nothing is counted before its commit returned. Medians of interleaved turns are compared.

#![allow(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by a panic")]

#[expect(dead_code, unused_imports, unused_macros, reason = "the rig is the tests'; this uses a part of it")]
#[path = "../tests/store/rig/mod.rs"]
mod rig;

use rig::{Place, SWEEP, World, admin, ask, outcome};
use std::{
    collections::VecDeque,
    fs::File,
    io::Write as _,
    time::{Duration, Instant},
};
use tombola_core::record::{JobRow, Write};
use tombola_spec::{
    Digest, Fingerprint, JobId, LeaseId, WorkerId,
    job::JobSpec,
    outcome::{EarlyStop, Measure, Outcome, Series, Split, Summary},
};

const IN_FLIGHT: usize = 64;
const GROUP: usize = IN_FLIGHT / 2;
/// Jobs of one turn, and turns of each measurement.
const JOBS: usize = 4096;
const TURNS: usize = 7;
/// Finished jobs behind coordinators that have been used for a while; the first is the rig's.
const HISTORIES: [u64; 4] = [0, 1_000, 100_000, 1_000_000];
const FIRST: u64 = 1001;
const LAST: u64 = FIRST + HISTORIES[3];
/// Commits of one turn of logging, and points of one series of one batch.
const COMMITS: u32 = 20;
const POINTS: u64 = 100;

const CURVE: &str = r#"
name = "curve"
seeds = "1..=5"
model = { name = "mnist_lenet_300_100" }
data  = { set = "mnist", validation = 5000 }
train = { steps = "1000it", batch = 60, optimizer = "adam", lr = 1.2e-3, eval_every = "100it" }
prune = { scope = "per_layer", rate = 0.2, rounds = 20 }
[branch]
reinit = { rounds = "1..=20", copies = 3 }
random = { kind = "random_mask", rounds = "1..=20" }
"#;

#[tokio::main]
async fn main() {
    println!(
        "disk          fdatasync of 4 KiB takes {:.2?} in {}",
        fdatasync(),
        std::env::temp_dir().display()
    );
    if wanted("sqlite") {
        measure("SQLite", 5_000, HISTORIES.map(|_| Some(Place::sqlite()))).await;
    }
    if wanted("postgres") {
        let mut places = [const { None }; HISTORIES.len()];
        for (place, jobs) in places.iter_mut().zip(HISTORIES) {
            *place = Place::postgres(&format!("bench_{jobs}")).await;
        }
        measure("Postgres", 10_000, places).await;
    }
}

/// Whether a database is named on the command line, or none is.
fn wanted(name: &str) -> bool {
    let named: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    named.is_empty() || named.iter().any(|word| word == name)
}

async fn measure(name: &str, budget: u32, places: [Option<Place>; HISTORIES.len()]) {
    let places: Vec<Place> = places.into_iter().flatten().collect();
    let mut mills = Vec::new();
    for (place, jobs) in places.iter().zip(HISTORIES) {
        mills.push(Mill::new(place).await);
        if jobs > 0 {
            remember(place, jobs).await;
        }
    }
    let (mut figures, mut points) = (vec![Vec::new(); mills.len()], Vec::new());
    for _ in 0..TURNS {
        for (mill, figures) in mills.iter_mut().zip(&mut figures) {
            figures.push(mill.turn().await);
        }
    }
    let Some(fresh) = mills.first_mut() else { return };
    for _ in 0..TURNS {
        points.push(fresh.log().await);
    }
    let figures: Vec<f64> = figures.into_iter().map(median).collect();
    println!(
        "{name:<13} {:>9.0} jobs/s leased and finished, {IN_FLIGHT} in flight (budget {budget})",
        figures[0]
    );
    for (figure, jobs) in figures.iter().zip(HISTORIES).skip(1) {
        let more = (figures[0] / figure - 1.0) * 100.0;
        println!(
            "{name:<13} {figure:>9.0} jobs/s behind {jobs} finished ones: {more:+.1} % a job (budget +10 %)"
        );
    }
    println!("{name:<13} {:>9.0} metric points/s (budget 100000)", median(points));
    fresh.curve(name).await;
    drop(mills);
    for place in places {
        place.remove().await;
    }
}

/// A world with jobs to do.
struct Mill {
    world: World,
    /// A training and a mask, to copy.
    kinds: [JobRow; 2],
    ready: VecDeque<JobRow>,
    flight: VecDeque<(JobRow, LeaseId)>,
    /// Batches of metrics logged.
    batch: u32,
}

impl Mill {
    async fn new(place: &Place) -> Self {
        let mut world = World::new(place).await;
        let jobs = world.submit(SWEEP).await.jobs;
        let of = |kind: &str| jobs.iter().find(|job| job.spec.kind() == kind).unwrap().clone();
        let kinds = [of("train"), of("prune")];
        (world.ids.job, world.ids.lease) = (LAST, LAST);
        Self { world, kinds, ready: VecDeque::new(), flight: VecDeque::new(), batch: 0 }
    }

    /// Stores open jobs.
    async fn stock(&mut self, count: usize) {
        let mut jobs = Vec::with_capacity(count);
        for index in 0..count {
            self.world.ids.job += 1;
            let id = JobId(self.world.ids.job);
            let fingerprint = Fingerprint(Digest::of(&id.0.to_le_bytes()));
            jobs.push(JobRow { id, fingerprint, parents: Vec::new(), ..self.kinds[index % 2].clone() });
        }
        self.world.commit(&[Write::AddJobs(jobs.clone())]).await.unwrap();
        self.ready.extend(jobs);
    }

    /// Runs jobs from lease to result; how many a second.
    async fn turn(&mut self) -> f64 {
        self.stock(JOBS + IN_FLIGHT).await;
        let first = self.exchange(0, IN_FLIGHT);
        let groups: Vec<_> = (0..JOBS / GROUP).map(|_| self.exchange(GROUP, GROUP)).collect();
        let last = self.exchange(IN_FLIGHT, 0);
        self.world.commit(&first).await.unwrap();
        let ((), took) = timed(async {
            for group in &groups {
                self.world.commit(group).await.unwrap();
            }
        })
        .await;
        self.world.commit(&last).await.unwrap();
        JOBS as f64 / took.as_secs_f64()
    }

    /// What one commit holds when so many jobs report, and so many are leased.
    fn exchange(&mut self, report: usize, lease: usize) -> Vec<Write> {
        let mut writes = Vec::new();
        for (row, lease) in self.flight.drain(..report) {
            let (job, attempt, worker) = (row.id, self.world.attempt(row.id), WorkerId(1));
            writes.push(Write::Start { job, attempt, worker, lease, iteration: 0 });
            if matches!(*row.spec, JobSpec::Train(_)) {
                writes.push(Write::Metrics { job, attempt, batch: 1, series: vec![series("loss", 10)] });
            }
            writes.push(self.world.finish(&row, result(&row)));
        }
        for job in self.ready.drain(..lease) {
            writes.push(self.world.lease(&[job.id]));
            self.flight.push_back((job, LeaseId(self.world.ids.lease)));
        }
        writes
    }

    /// Logs metrics of all jobs in flight; how many points a second.
    async fn log(&mut self) -> f64 {
        self.stock(IN_FLIGHT).await;
        let leases = self.exchange(0, IN_FLIGHT);
        self.world.commit(&leases).await.unwrap();
        let ((), took) = timed(async {
            for _ in 0..COMMITS {
                self.batch += 1;
                let log = |(row, _): &(JobRow, LeaseId)| Write::Metrics {
                    job: row.id,
                    attempt: self.world.attempt(row.id),
                    batch: self.batch,
                    series: vec![series("loss", POINTS), series("accuracy", POINTS)],
                };
                let writes: Vec<_> = self.flight.iter().map(log).collect();
                self.world.commit(&writes).await.unwrap();
            }
        })
        .await;
        self.flight.clear();
        f64::from(COMMITS) * IN_FLIGHT as f64 * (2 * POINTS) as f64 / took.as_secs_f64()
    }

    /// A sweep of five hundred rounds, and its curve.
    async fn curve(&mut self, name: &str) {
        let sweep = self.world.submit(CURVE).await;
        let mut writes = Vec::new();
        for job in &sweep.jobs {
            writes.extend([self.world.lease(&[job.id]), self.world.start(job.id)]);
            writes.push(self.world.finish(job, result(job)));
        }
        self.world.commit(&writes).await.unwrap();
        let all = "select * from ticket_curve where sweep = 'curve'";
        let one = &format!("{all} and metric = 'accuracy' and split = 'test' and at = 'last'");
        for (what, sql) in [("one measure", one.as_str()), ("all measures", all)] {
            let mut times = Vec::new();
            for _ in 0..TURNS {
                times.push(timed(ask(&self.world.store, sql)).await.1.as_secs_f64() * 1e3);
            }
            let (time, rounds) = (median(times), sweep.rounds.len());
            println!("{name:<13} {time:>9.0} ms for the ticket_curve of {rounds} rounds, {what}");
        }
    }
}

fn series(name: &str, points: u64) -> Series {
    let iterations: Vec<_> = (1..=points).map(|point| point * 10).collect();
    let values = iterations.iter().map(|iteration| 2.3 / (*iteration as f64).sqrt()).collect();
    Series { name: name.into(), split: Split::Train, iterations, values }
}

/// What a real job reports: six measures at the end, six at the early-stopping iteration.
fn result(job: &JobRow) -> Outcome {
    let mut outcome = outcome(job);
    if let Summary::Train(train) = &mut outcome.summary {
        let measure = |name: &str, split| Measure { name: name.into(), split, value: 0.123_456_789 };
        let splits = [Split::Train, Split::Validation, Split::Test];
        let measures: Vec<_> = splits
            .into_iter()
            .flat_map(|split| [measure("loss", split), measure("accuracy", split)])
            .collect();
        train.last.clone_from(&measures);
        train.early_stop = Some(EarlyStop { iteration: 500, measures });
    }
    outcome
}

/// What finished jobs leave behind, but for their specs; `n` is a list of numbers.
const TRACES: &str = "
insert into jobs (id, fingerprint, state, attempt, tries, losses, height) select i, {digest}, 'done', 1, 0, 0, 100 from {n};
insert into job_specs (job, kind, spec, iterations, last_iteration) select i, 'train', '{}', 100, 100 from {n};
insert into claims (sweep, job, shared) select 1, i, false from {n};
insert into packs (lease, worker, slot, device, plan, width, granted)
  select i, 1, 0, 'cpu', 'cpu-lanes', 1, {now} from {n};
insert into pack_lanes (lease, stage, lane, job, attempt) select i, 0, 0, i, 1 from {n};
insert into attempts (job, attempt, lease, started, from_iteration, ended, how)
  select i, 1, i, {now}, 0, {now}, 'done' from {n};
insert into outputs (job, output, digest, bytes) select i, 'weights', {digest}, 1000 from {n};
insert into results (job, iterations, flops, device_seconds, plan, device, threads, width, libtorch, capability, worker)
  select i, 100, 1e6, 2.0, 'cpu-lanes', 'cpu', 1, 1, '2.11.0', 'AVX512', '0.1.0' from {n};
insert into measures (job, at, name, split, value)
  select i, 'last', m.name, 'test', 0.5 from {n}, (select 'loss' as name union all select 'accuracy') as m;
insert into metric_batches (job, attempt, batch, ordinal, name, split, first_iteration, last_iteration, iterations, points)
  select i, 1, 1, 0, 'loss', 'train', 10, 20, {list}, {list} from {n};
";

/// Writes so many finished jobs, past all conditions.
async fn remember(place: &Place, jobs: u64) {
    let (before, numbers, digest, now, list, after) = if place.is_sqlite() {
        (
            "pragma foreign_keys = off; pragma synchronous = off; begin;",
            "(with recursive n (i) as (select {first} union all select i + 1 from n where i < {last}) select i from n) as n",
            "lower(hex(randomblob(32)))",
            "'2026-11-24T02:54:28.123Z'",
            "'[10,20]'",
            "commit; pragma wal_checkpoint(truncate);",
        )
    } else {
        (
            "set session_replication_role = replica;",
            "generate_series({first}, {last}) as n (i)",
            "md5(i::text) || md5((i * 7)::text)",
            "timestamptz '2026-11-24T02:54:28.123Z'",
            "'{10,20}'",
            "analyze;",
        )
    };
    let traces = TRACES
        .replace("{n}", numbers)
        .replace("{first}", &FIRST.to_string())
        .replace("{last}", &(FIRST + jobs - 1).to_string());
    let traces = traces.replace("{digest}", digest).replace("{now}", now).replace("{list}", list);
    admin(place, &format!("{before}{traces}{after}")).await;
}

/// The median time it takes until 4 KiB more are on disk.
fn fdatasync() -> Duration {
    let mut file: File = tempfile::tempfile().unwrap();
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            file.write_all(&[1; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

async fn timed<T>(act: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let made = act.await;
    (made, begun.elapsed())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
