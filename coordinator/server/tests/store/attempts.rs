//! Leases, starts, checkpoints, metrics, results: each conditional on the attempt that a job is at.

use crate::rig::{Place, SWEEP, World, artifact, ask, outcome, scenarios, value};
use tombola_core::record::{CheckpointRow, Ending, JobRow, JobState, Write};
use tombola_server::store::{Cell, Store};
use tombola_spec::{
    Attempt, JobId,
    outcome::{Failure, FailureClass, Measure, Series, Split, Summary},
};

scenarios!(
    a_job_is_leased_once,
    a_lease_raises_the_attempt,
    an_unleased_attempt_neither_starts_nor_checkpoints_nor_ends,
    a_late_attempt_is_refused,
    the_first_result_is_frozen,
    metrics_come_late_but_not_from_an_earlier_attempt,
    a_batch_of_metrics_is_stored_once,
    one_bad_write_refuses_the_whole_group,
    the_writes_of_one_job_keep_their_order,
    a_lease_that_is_recalled_before_its_start_is_no_attempt,
    a_retry_forgets_tries,
    odd_values_of_workers_do_not_stand_in_the_way,
    of_a_measure_that_a_worker_says_twice_the_first_counts,
);

async fn planted(place: &Place) -> (World, Vec<JobRow>) {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    (world, jobs)
}

fn end(job: JobId, attempt: Attempt, how: Ending, next: JobState) -> Write {
    let failure =
        (how == Ending::Failed).then(|| Failure { class: FailureClass::Crashed, message: "signal 9".into() });
    Write::End { job, attempt, failure, how, next, tries: 1, losses: 0 }
}

fn checkpoint(job: JobId, attempt: Attempt, iteration: u64) -> Write {
    let artifact = artifact(&format!("{job} at {iteration}"));
    Write::Checkpoint { job, attempt, checkpoint: CheckpointRow { iteration, artifact } }
}

fn metrics(job: JobId, attempt: Attempt, batch: u32, iterations: &[u64]) -> Write {
    let series = Series {
        name: "loss".into(),
        split: Split::Train,
        iterations: iterations.to_vec(),
        values: iterations.iter().map(|iteration| *iteration as f64 / 8.0).collect(),
    };
    Write::Metrics { job, attempt, batch, series: vec![series] }
}

async fn state(world: &World, job: JobId) -> (Cell, Cell) {
    let table = ask(&world.store, &format!("select state, attempt from jobs where id = {}", job.0)).await;
    (table.rows[0][0].clone(), table.rows[0][1].clone())
}

fn stands(state: &str, attempt: i64) -> (Cell, Cell) {
    (Cell::Text(state.into()), Cell::Integer(attempt))
}

async fn a_job_is_leased_once(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let (first, again) = (world.lease(&[jobs[0].id]), world.lease(&[jobs[0].id, jobs[1].id]));
    world.commit(&[first]).await.unwrap();
    let why = world.refused(&[again]).await;
    assert!(why.contains("a lease of an open job"), "{why}");
    assert_eq!(state(&world, jobs[1].id).await, stands("open", 0));
}

async fn a_lease_raises_the_attempt(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = jobs[0].id;
    let Write::Lease(stale) = world.lease(&[job]) else { panic!("not a lease") };
    world
        .commit(&[Write::Lease(stale.clone()), end(job, Attempt(1), Ending::Recalled, JobState::Open)])
        .await
        .unwrap();
    let mut stale = stale;
    stale.lease.0 += 1;
    world.refused(&[Write::Lease(stale)]).await;
    world.ids.lease += 1;
    let lease = world.lease(&[job]);
    world.commit(&[lease]).await.unwrap();
    assert_eq!(state(&world, job).await, stands("leased", 2));
}

async fn an_unleased_attempt_neither_starts_nor_checkpoints_nor_ends(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = jobs[0].id;
    world.begin(&jobs[1]).await;
    let start = Write::Start {
        job,
        attempt: Attempt(0),
        worker: tombola_spec::WorkerId(1),
        lease: tombola_spec::LeaseId(1),
        iteration: 0,
    };
    world.refused(&[start]).await;
    world.refused(&[checkpoint(job, Attempt(0), 10)]).await;
    world.refused(&[metrics(job, Attempt(0), 1, &[1])]).await;
    world.refused(&[end(job, Attempt(0), Ending::Failed, JobState::Open)]).await;
    world.refused(&[Write::Finish { job, attempt: Attempt(0), outcome: outcome(&jobs[0]) }]).await;
}

async fn a_late_attempt_is_refused(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let (job, late) = (jobs[0].id, Attempt(1));
    world.begin(&jobs[0]).await;
    let start = world.start(job);
    world.commit(&[end(job, late, Ending::Lost, JobState::Open)]).await.unwrap();
    world.begin(&jobs[0]).await;
    world.refused(&[start]).await;
    world.refused(&[checkpoint(job, late, 10)]).await;
    world.refused(&[metrics(job, late, 1, &[1])]).await;
    world.refused(&[end(job, late, Ending::Failed, JobState::Failed)]).await;
    let why = world.refused(&[Write::Finish { job, attempt: late, outcome: outcome(&jobs[0]) }]).await;
    assert!(why.contains("job `1` attempt `1`"), "{why}");
    let finish = world.finish(&jobs[0], outcome(&jobs[0]));
    world
        .commit(&[checkpoint(job, Attempt(2), 10), metrics(job, Attempt(2), 1, &[1]), finish])
        .await
        .unwrap();
    assert_eq!(state(&world, job).await, stands("done", 2));
}

async fn the_first_result_is_frozen(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = &jobs[0];
    world.complete(std::slice::from_ref(job)).await;
    world.refused(&[world.finish(job, outcome(job))]).await;
    world.refused(&[end(job.id, Attempt(1), Ending::Failed, JobState::Failed)]).await;
    let lease = world.lease(&[job.id]);
    world.refused(&[lease]).await;
    world.refused(&[Write::JobState { jobs: vec![job.id], state: JobState::Open, reset: true }]).await;
    let outputs = world.store.outputs(&[job.id, jobs[1].id]).await.unwrap();
    assert_eq!(outputs.into_iter().collect::<Vec<_>>(), [(job.id, outcome(job).outputs)]);
}

async fn metrics_come_late_but_not_from_an_earlier_attempt(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = jobs[0].id;
    world.begin(&jobs[0]).await;
    world.commit(&[end(job, Attempt(1), Ending::Lost, JobState::Open)]).await.unwrap();
    world.refused(&[metrics(job, Attempt(1), 1, &[1])]).await;
    world.complete(&jobs[..1]).await;
    world.commit(&[metrics(job, Attempt(2), 1, &[1])]).await.unwrap();
    world.refused(&[metrics(job, Attempt(1), 2, &[1])]).await;
}

async fn a_batch_of_metrics_is_stored_once(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = jobs[0].id;
    world.begin(&jobs[0]).await;
    let batch = |number| metrics(job, Attempt(1), number, &[u64::from(number), u64::from(number) + 100]);
    world.commit(&[batch(1), batch(2), batch(1)]).await.unwrap();
    let before = world.everything().await;
    world.commit(&[batch(2), batch(1)]).await.unwrap();
    assert_eq!(world.everything().await, before);
    world
        .commit(&[batch(3), Write::Metrics { job, attempt: Attempt(1), batch: 4, series: Vec::new() }])
        .await
        .unwrap();
    assert_eq!(value(&world.store, "select count(*) from metric_batches").await, Cell::Integer(3));
}

async fn one_bad_write_refuses_the_whole_group(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let mut group = Vec::new();
    for job in &jobs[..3] {
        group.push(world.lease(&[job.id]));
        group.push(world.start(job.id));
    }
    group.push(world.finish(&jobs[0], outcome(&jobs[0])));
    group.push(checkpoint(jobs[1].id, Attempt(9), 10));
    world.refused(&group).await;
    group.pop();
    world.commit(&group).await.unwrap();
    assert_eq!(state(&world, jobs[0].id).await, stands("done", 1));
    assert_eq!(state(&world, jobs[1].id).await, stands("leased", 1));
}

/// A group holds what happened between two commits, and that may be a whole life of a job.
async fn the_writes_of_one_job_keep_their_order(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = &jobs[0];
    let mut group = vec![world.lease(&[job.id]), world.start(job.id), checkpoint(job.id, Attempt(1), 10)];
    group.push(end(job.id, Attempt(1), Ending::Failed, JobState::Open));
    group.extend([world.lease(&[job.id]), world.start(job.id), checkpoint(job.id, Attempt(2), 20)]);
    group.push(checkpoint(job.id, Attempt(2), 30));
    group.push(metrics(job.id, Attempt(2), 1, &[20, 30]));
    world.commit(&group).await.unwrap();
    let iteration = value(&world.store, "select iteration from checkpoints").await;
    assert_eq!(iteration, Cell::Integer(30));
    world.commit(&[world.finish(job, outcome(job)), metrics(job.id, Attempt(2), 2, &[40])]).await.unwrap();
    let history = ask(
        &world.store,
        "select attempt, how, from_iteration, failure_class from job_history order by attempt",
    )
    .await;
    let row = |attempt, how: &str, class: Cell| {
        vec![Cell::Integer(attempt), Cell::Text(how.into()), Cell::Integer(0), class]
    };
    assert_eq!(history.rows, [row(1, "failed", Cell::Text("crashed".into())), row(2, "done", Cell::Null)]);
    assert_eq!(value(&world.store, "select count(*) from checkpoints").await, Cell::Integer(0));
}

async fn a_lease_that_is_recalled_before_its_start_is_no_attempt(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let lease = world.lease(&[jobs[0].id]);
    world.commit(&[lease, end(jobs[0].id, Attempt(1), Ending::Recalled, JobState::Open)]).await.unwrap();
    assert_eq!(
        value(&world.store, "select count(*) from attempts where how = 'recalled'").await,
        Cell::Integer(1)
    );
    assert_eq!(value(&world.store, "select count(*) from job_history").await, Cell::Integer(0));
    // One that began, or that failed before it could, is one.
    world.begin(&jobs[0]).await;
    world.commit(&[end(jobs[0].id, Attempt(2), Ending::Drained, JobState::Open)]).await.unwrap();
    let lease = world.lease(&[jobs[0].id]);
    world.commit(&[lease, end(jobs[0].id, Attempt(3), Ending::Failed, JobState::Open)]).await.unwrap();
    let history = ask(&world.store, "select attempt, how from job_history order by attempt").await;
    let row = |attempt, how: &str| [Cell::Integer(attempt), Cell::Text(how.into())];
    assert_eq!(history.rows, [row(2, "drained"), row(3, "failed")]);
}

async fn a_retry_forgets_tries(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = jobs[0].id;
    world.begin(&jobs[0]).await;
    world.commit(&[end(job, Attempt(1), Ending::Failed, JobState::Failed)]).await.unwrap();
    let tries = format!("select tries from jobs where id = {}", job.0);
    assert_eq!(value(&world.store, &tries).await, Cell::Integer(1));
    let jobs = vec![job];
    world
        .commit(&[Write::JobState { jobs: jobs.clone(), state: JobState::Unwanted, reset: false }])
        .await
        .unwrap();
    assert_eq!(value(&world.store, &tries).await, Cell::Integer(1));
    world.commit(&[Write::JobState { jobs, state: JobState::Open, reset: true }]).await.unwrap();
    assert_eq!(value(&world.store, &tries).await, Cell::Integer(0));
    assert_eq!(state(&world, job).await, stands("open", 1));
}

/// What a worker says is not trusted: no value of it may make a commit fail that others wait for.
async fn odd_values_of_workers_do_not_stand_in_the_way(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    let job = jobs[0].id;
    world.begin(&jobs[0]).await;
    let series = Series {
        name: "lo\0ss".into(),
        split: Split::Train,
        iterations: vec![1, 2, u64::MAX],
        values: vec![f64::NAN, f64::INFINITY, 1e300],
    };
    world
        .commit(&[Write::Metrics { job, attempt: Attempt(1), batch: 1, series: vec![series] }])
        .await
        .unwrap();
    let failure =
        Some(Failure { class: FailureClass::Internal, message: "'; drop table jobs; --\0\u{1F3B2}".into() });
    let (attempt, next) = (Attempt(1), JobState::Open);
    world
        .commit(&[Write::End { job, attempt, failure, how: Ending::Failed, next, tries: 1, losses: 0 }])
        .await
        .unwrap();
    let message = value(&world.store, "select distinct message from failure").await;
    assert_eq!(message, Cell::Text("'; drop table jobs; --\u{fffd}\u{1F3B2}".into()));
    let points = ask(&world.store, "select distinct iteration, value from metric order by iteration").await;
    let point = |iteration, value| vec![Cell::Integer(iteration), value];
    assert_eq!(points.rows, [point(-1, Cell::Float(1e300)), point(1, Cell::Null), point(2, Cell::Null)]);
    let Write::Worker { worker, mut info } = world.worker() else { panic!("not a worker") };
    info.name = "a\0b".into();
    world.commit(&[Write::Worker { worker, info }]).await.unwrap();
}

/// Those that become one by what a database does not store, too.
async fn of_a_measure_that_a_worker_says_twice_the_first_counts(place: &Place) {
    let (mut world, jobs) = planted(place).await;
    world.begin(&jobs[0]).await;
    let measure = |name: &str, split, value| Measure { name: name.into(), split, value };
    let mut outcome = outcome(&jobs[0]);
    let Summary::Train(train) = &mut outcome.summary else { panic!("not a training") };
    train.last = vec![
        measure("lo\0ss", Split::Test, 0.5),
        measure("lo\u{fffd}ss", Split::Test, 0.25),
        measure("lo\0ss", Split::Train, 0.125),
        measure("lo\0ss", Split::Test, 0.0),
    ];
    let finish = world.finish(&jobs[0], outcome);
    world.commit(&[finish]).await.unwrap();
    let measures = ask(&world.store, "select split, value from measures order by split").await;
    let measure = |split: &str, value| vec![Cell::Text(split.into()), Cell::Float(value)];
    assert_eq!(measures.rows, [measure("test", 0.5), measure("train", 0.125)]);
}
