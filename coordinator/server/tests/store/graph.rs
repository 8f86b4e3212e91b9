//! Sweeps, trials, jobs and claims, workers, data sets: what is written is what is read.

use crate::rig::{Place, SWEEP, World, ask, scenarios, value};
use tombola_core::record::{JobRow, JobState, PackRow, SweepRow, SweepState, WorkerState, Write};
use tombola_server::store::{Cell, Store};
use tombola_spec::{Digest, Fingerprint, JobId, SweepId, TrialId, WorkerId, data, worker::WorkerInfo};

scenarios!(
    what_was_submitted_is_read_back,
    a_name_is_taken_once,
    a_fingerprint_is_one_job,
    things_that_do_not_exist_cannot_be_named,
    a_shared_job_belongs_to_all_its_sweeps,
    a_cancelled_sweep_claims_what_is_done_and_nothing_else,
    claims_may_be_repeated,
    a_sweep_can_be_extended,
    a_data_set_is_bound_to_its_first_content,
    a_worker_comes_back_under_its_number,
    workers_who_greet_in_one_commit_get_their_leases_in_it,
);

async fn what_was_submitted_is_read_back(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let store = &world.store;
    assert_eq!(store.sweep("small").await.unwrap().as_ref(), Some(&small.sweep));
    assert_eq!(store.sweep("other").await.unwrap(), None);
    assert_eq!(store.trials(small.sweep.id).await.unwrap(), small.trials);
    let trials: Vec<_> = small.trials.iter().map(|trial| trial.id).collect();
    let mut rounds = small.rounds.clone();
    rounds.sort_by(|a, b| (a.trial, &a.branch, a.copy, a.round).cmp(&(b.trial, &b.branch, b.copy, b.round)));
    assert_eq!(store.rounds(&trials).await.unwrap(), rounds);
    let unknown = Fingerprint(Digest([7; 32]));
    let fingerprints: Vec<_> = small.jobs.iter().map(|job| job.fingerprint).chain([unknown]).collect();
    assert_eq!(store.find_jobs(&fingerprints).await.unwrap(), small.jobs);
    let ids: Vec<_> = small.jobs.iter().map(|job| job.id).chain([JobId(4711)]).collect();
    let specs = small.jobs.iter().map(|job| (job.id, job.spec.clone())).collect();
    assert_eq!(store.job_specs(&ids).await.unwrap(), specs);
    assert!(store.outputs(&ids).await.unwrap().is_empty());
}

async fn a_name_is_taken_once(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let again = SweepRow { id: SweepId(2), ..small.sweep };
    let why = world.refused(&[Write::AddSweep(again)]).await;
    assert!(why.contains("its name is taken") && why.contains("small"), "{why}");
}

async fn a_fingerprint_is_one_job(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let again = JobRow { id: JobId(1000), parents: Vec::new(), ..small.jobs[0].clone() };
    let why = world.refused(&[Write::AddJobs(vec![again])]).await;
    assert!(why.contains("its fingerprint exists"), "{why}");
}

async fn things_that_do_not_exist_cannot_be_named(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let (sweep, job) = (SweepId(9), JobId(9000));
    world.refused(&[Write::SweepState { sweep, state: SweepState::Paused }]).await;
    world.refused(&[Write::SweepSource { sweep, source: String::new() }]).await;
    let settings = small.trials[0].settings.clone();
    world.refused(&[Write::TrialSettings { trial: TrialId(9), settings }]).await;
    world.refused(&[Write::Claim { sweep, jobs: vec![JobId(1)], shared: Vec::new() }]).await;
    world.refused(&[Write::Claim { sweep: SweepId(1), jobs: vec![job], shared: Vec::new() }]).await;
    world
        .refused(&[Write::JobState { jobs: vec![JobId(1), job], state: JobState::Open, reset: false }])
        .await;
    world.refused(&[Write::WorkerState { worker: WorkerId(9), state: WorkerState::Gone }]).await;
}

/// Cancelling one sweep removes its claims, and no claim of another.
async fn a_shared_job_belongs_to_all_its_sweeps(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let other =
        world.submit(&SWEEP.replace("\"small\"", "\"other\"").replace("rate = 0.5", "rate = 0.4")).await;
    assert!(!other.shared.is_empty() && other.shared.len() < other.jobs.len());
    let progress = "select jobs, shared from sweep_progress where sweep = 'other'";
    let jobs = value(&world.store, progress).await;
    assert_eq!(jobs, Cell::Integer(other.jobs.len() as i64));
    world.commit(&[Write::Unclaim { sweep: small.sweep.id }]).await.unwrap();
    assert_eq!(
        value(&world.store, "select jobs from sweep_progress where sweep = 'small'").await,
        Cell::Integer(0)
    );
    assert_eq!(value(&world.store, progress).await, jobs);
    let snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.sweeps, [other.sweep]);
    let mut jobs: Vec<_> = other.jobs.iter().map(|job| job.id).collect();
    jobs.sort_unstable();
    assert_eq!(snapshot.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), jobs);
}

async fn a_cancelled_sweep_claims_what_is_done_and_nothing_else(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    world.complete(&small.jobs[..1]).await;
    let state = SweepState::Cancelled;
    let sweep = small.sweep.id;
    world.commit(&[Write::SweepState { sweep, state }, Write::Unclaim { sweep }]).await.unwrap();
    let progress = "select jobs from sweep_progress where done = 1 and iterations = iterations_done";
    assert_eq!(value(&world.store, progress).await, Cell::Integer(1));
    let snapshot = world.store.snapshot().await.unwrap();
    assert!(snapshot.sweeps.is_empty() && snapshot.jobs.is_empty(), "nothing of it lives");
}

async fn claims_may_be_repeated(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let before = world.everything().await;
    let jobs = small.jobs.iter().map(|job| job.id).collect();
    world
        .commit(&[Write::Claim { sweep: small.sweep.id, jobs, shared: vec![small.jobs[0].id] }])
        .await
        .unwrap();
    assert_eq!(world.everything().await, before);
}

async fn a_sweep_can_be_extended(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let (sweep, source) = (small.sweep.id, SWEEP.replace("1..=2", "1..=3"));
    world.complete(&small.jobs).await;
    assert!(world.store.snapshot().await.unwrap().sweeps.is_empty());
    let (larger, writes) = world.plan(&source);
    let fresh: Vec<_> = larger.trials.iter().filter(|trial| trial.seed == 3).cloned().collect();
    let rounds: Vec<_> = larger.rounds.iter().filter(|round| round.trial == fresh[0].id).cloned().collect();
    let trial = fresh.iter().map(|trial| tombola_core::record::TrialRow { sweep, ..trial.clone() }).collect();
    let jobs = larger.jobs.iter().map(|job| job.id).collect();
    let mut extension = vec![Write::SweepSource { sweep, source: source.clone() }];
    extension.extend(writes.into_iter().filter(|write| matches!(write, Write::AddJobs(_))));
    extension.extend([Write::AddTrials(trial), Write::AddRounds(rounds)]);
    extension.push(Write::Claim { sweep, jobs, shared: Vec::new() });
    world.commit(&extension).await.unwrap();
    assert_eq!(world.store.sweep("small").await.unwrap().unwrap().source, source);
    assert_eq!(world.store.trials(sweep).await.unwrap().len(), 3);
    let mut settings = small.trials[0].settings.clone();
    settings.prune.as_mut().unwrap().rounds = 7;
    world
        .commit(&[Write::TrialSettings { trial: small.trials[0].id, settings: settings.clone() }])
        .await
        .unwrap();
    assert_eq!(world.store.trials(sweep).await.unwrap()[0].settings, settings);
    let snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.gone, [(sweep, small.jobs.len() as u64, total(&small.jobs))]);
}

fn total(jobs: &[JobRow]) -> u64 {
    jobs.iter().map(|job| job.spec.iterations()).sum()
}

async fn a_data_set_is_bound_to_its_first_content(place: &Place) {
    let world = World::new(place).await;
    let shape = data::known("mnist").unwrap();
    let bind = |content: &str| Write::BindData {
        set: "mnist".into(),
        digest: Digest::of(content.as_bytes()),
        shape,
    };
    world.commit(&[bind("a"), bind("a")]).await.unwrap();
    world.commit(&[bind("a")]).await.unwrap();
    let why = world.refused(&[bind("b")]).await;
    assert!(why.contains("its name is bound to another content") && why.contains("mnist"), "{why}");
    assert_eq!(world.store.snapshot().await.unwrap().data, [("mnist".into(), Digest::of(b"a"), shape)]);
}

async fn a_worker_comes_back_under_its_number(place: &Place) {
    let mut world = World::new(place).await;
    let second = world.worker();
    world
        .commit(&[second.clone(), Write::WorkerState { worker: WorkerId(2), state: WorkerState::Lost }])
        .await
        .unwrap();
    let states = "select state from worker_status where name = 'node-2'";
    assert_eq!(value(&world.store, states).await, Cell::Text("lost".into()));
    world.commit(&[second]).await.unwrap();
    assert_eq!(value(&world.store, states).await, Cell::Text("connected".into()));
    assert_eq!(
        value(&world.store, "select slots from worker_status where name = 'node-2'").await,
        Cell::Integer(2)
    );
}

/// One of them greets twice, and is lost in between.
async fn workers_who_greet_in_one_commit_get_their_leases_in_it(place: &Place) {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    let (second, third) = (world.worker(), world.worker());
    let lost = Write::WorkerState { worker: WorkerId(2), state: WorkerState::Lost };
    let mut lease = |job: usize, to| match world.lease(&[jobs[job].id]) {
        Write::Lease(pack) => Write::Lease(PackRow { worker: WorkerId(to), ..pack }),
        other => other,
    };
    let (first_lease, second_lease, third_lease) = (lease(0, 2), lease(1, 2), lease(2, 3));
    let again = match second.clone() {
        Write::Worker { worker, info } => {
            Write::Worker { worker, info: WorkerInfo { name: "anew".into(), ..info } }
        }
        other => other,
    };
    world.commit(&[second, first_lease, third, lost, again, second_lease, third_lease]).await.unwrap();
    let stand =
        ask(&world.store, "select name, state, leased from worker_status where worker > 1 order by worker")
            .await;
    let row = |name: &str, leased| {
        vec![Cell::Text(name.into()), Cell::Text("connected".into()), Cell::Integer(leased)]
    };
    assert_eq!(stand.rows, [row("anew", 2), row("node-3", 1)]);
}
