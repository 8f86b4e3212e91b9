//! What a new leader finds: the snapshot, after each kind of state.

use crate::rig::{Place, SWEEP, World, artifact, outcome, scenarios};
use tombola_core::record::{CheckpointRow, Ending, JobRow, JobState, PackRow, Snapshot, SweepState, Write};
use tombola_server::store::Store;
use tombola_spec::{Attempt, JobId, WorkerId};

scenarios!(
    nothing_is_found_in_a_new_state,
    open_jobs_are_found_as_they_were_planned,
    leased_jobs_come_with_their_packs,
    finished_parents_come_along_and_the_rest_is_counted,
    failed_jobs_are_found_unwanted_ones_are_not,
    sweeps_that_are_over_are_not_found,
    another_coordinator_finds_the_same,
);

async fn nothing_is_found_in_a_new_state(place: &Place) {
    let world = World::new(place).await;
    let found = world.store.snapshot().await.unwrap();
    let workers = vec![(WorkerId(1), "node-1".to_owned())];
    assert_eq!(found, Snapshot { workers, last: world.ids, ..Snapshot::default() });
}

async fn open_jobs_are_found_as_they_were_planned(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let found = world.store.snapshot().await.unwrap();
    assert_eq!(found.jobs, small.jobs);
    assert_eq!(found.sweeps, std::slice::from_ref(&small.sweep));
    let claims: Vec<_> = small.jobs.iter().map(|job| (small.sweep.id, job.id)).collect();
    assert_eq!(found.claims, claims);
    assert_eq!(found.gone, []);
    assert_eq!(found.last, world.ids);
}

async fn leased_jobs_come_with_their_packs(place: &Place) {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    let Write::Lease(mut pack) = world.lease(&[jobs[0].id, jobs[11].id]) else { panic!("not a lease") };
    let Write::Lease(next) = world.lease(&[jobs[1].id]) else { panic!("not a lease") };
    world.ids.lease -= 1;
    pack.stages.extend(next.stages);
    let (job, attempt) = (jobs[0].id, Attempt(1));
    let checkpoint = CheckpointRow { iteration: 50, artifact: artifact("half-way") };
    let checkpointed = Write::Checkpoint { job, attempt, checkpoint };
    world.commit(&[Write::Lease(pack.clone()), world.start(job), checkpointed]).await.unwrap();
    let found = world.store.snapshot().await.unwrap();
    assert_eq!(found.packs, std::slice::from_ref(&pack));
    let expected =
        JobRow { state: JobState::Leased, attempt, checkpoint: Some(checkpoint), ..jobs[0].clone() };
    assert_eq!(found.jobs[0], expected);
    assert_eq!(found.last, world.ids);
    // A pack stays while one of its jobs is leased, and keeps the lanes it was granted with.
    world.commit(&[world.finish(&jobs[0], outcome(&jobs[0]))]).await.unwrap();
    assert_eq!(world.store.snapshot().await.unwrap().packs, [pack.clone()]);
    let end = |job: JobId| Write::End {
        job,
        attempt,
        failure: None,
        how: Ending::Drained,
        next: JobState::Open,
        tries: 0,
        losses: 0,
    };
    world.commit(&[end(jobs[1].id), end(jobs[11].id)]).await.unwrap();
    let found = world.store.snapshot().await.unwrap();
    assert_eq!(found.packs, Vec::<PackRow>::new());
    assert_eq!(found.last, world.ids);
}

/// A done job that an open one reads is found with its outputs; the others only count.
async fn finished_parents_come_along_and_the_rest_is_counted(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let (jobs, sweep) = (&small.jobs, small.sweep.id);
    // The dense round, a mask, the round on it: the next mask reads the last two.
    world.complete(&jobs[..3]).await;
    let found = world.store.snapshot().await.unwrap();
    let done: Vec<_> = found.jobs.iter().filter(|job| job.state == JobState::Done).collect();
    assert_eq!(done.iter().map(|job| job.id).collect::<Vec<_>>(), [jobs[1].id, jobs[2].id]);
    assert_eq!(done[0].outputs, outcome(&jobs[1]).outputs);
    assert_eq!(found.gone, [(sweep, 1, 100)]);
    assert!(found.claims.contains(&(sweep, jobs[1].id)) && !found.claims.contains(&(sweep, jobs[0].id)));
    let living = jobs.len() - 1;
    assert_eq!(found.jobs.len(), living);
}

async fn failed_jobs_are_found_unwanted_ones_are_not(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let jobs = &small.jobs;
    let state = |jobs: &[&JobRow], state| Write::JobState {
        jobs: jobs.iter().map(|job| job.id).collect(),
        state,
        reset: false,
    };
    world.begin(&jobs[0]).await;
    let end = Write::End {
        job: jobs[0].id,
        attempt: Attempt(1),
        failure: None,
        how: Ending::Lost,
        next: JobState::Quarantined,
        tries: 2,
        losses: 5,
    };
    world.commit(&[end, state(&[&jobs[11]], JobState::Failed)]).await.unwrap();
    let found = world.store.snapshot().await.unwrap();
    let expected =
        JobRow { state: JobState::Quarantined, attempt: Attempt(1), tries: 2, losses: 5, ..jobs[0].clone() };
    assert_eq!(found.jobs[0], expected);
    let failed = found.jobs.iter().find(|job| job.id == jobs[11].id).unwrap();
    assert_eq!(failed.state, JobState::Failed);
    // Cancelled: nobody claims them, so that nobody is told about them.
    let all: Vec<_> = jobs.iter().collect();
    world.commit(&[Write::Unclaim { sweep: small.sweep.id }, state(&all, JobState::Unwanted)]).await.unwrap();
    let found = world.store.snapshot().await.unwrap();
    assert_eq!((found.jobs, found.claims, found.sweeps), (Vec::new(), Vec::new(), Vec::new()));
}

async fn sweeps_that_are_over_are_not_found(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let sweep = small.sweep.id;
    for state in [SweepState::Paused, SweepState::Stopped, SweepState::Active] {
        world.commit(&[Write::SweepState { sweep, state }]).await.unwrap();
        assert_eq!(world.store.snapshot().await.unwrap().sweeps[0].state, state);
    }
    world.complete(&small.jobs).await;
    let found = world.store.snapshot().await.unwrap();
    assert_eq!((found.sweeps, found.jobs, found.gone), (Vec::new(), Vec::new(), Vec::new()));
    assert_eq!(found.last, world.ids);
    world.commit(&[Write::SweepState { sweep, state: SweepState::Cancelled }]).await.unwrap();
    let cancelled = world.store.sweep("small").await.unwrap().unwrap();
    assert_eq!(cancelled.state, SweepState::Cancelled);
}

async fn another_coordinator_finds_the_same(place: &Place) {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    world.complete(&jobs[..3]).await;
    world.begin(&jobs[3]).await;
    let found = world.store.snapshot().await.unwrap();
    let heir = world.succeed(place).await;
    assert_eq!(heir.store.snapshot().await.unwrap(), found);
}
