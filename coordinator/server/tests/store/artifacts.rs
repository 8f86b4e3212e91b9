//! Which artifacts are kept.

use crate::rig::{NOW, Place, SWEEP, World, artifact, outcome, scenarios};
use std::collections::BTreeSet;
use tombola_core::record::{CheckpointRow, Write};
use tombola_server::store::Store;
use tombola_spec::{Attempt, Digest};

scenarios!(
    an_upload_is_kept_until_its_pin_expires,
    a_commit_takes_over_from_pins,
    a_finished_job_keeps_its_outputs_and_no_checkpoint,
);

const HOUR: i64 = 3_600_000;

async fn kept(world: &World, now: i64) -> BTreeSet<Digest> {
    world.store.kept(now).await.unwrap().into_iter().collect()
}

async fn an_upload_is_kept_until_its_pin_expires(place: &Place) {
    let world = World::new(place).await;
    let (a, b) = (artifact("a").digest, artifact("b").digest);
    // Equal content may be uploaded twice at once.
    world.store.pin(world.epoch, &[a, b, a], NOW, NOW + HOUR).await.unwrap();
    assert_eq!(kept(&world, NOW).await, [a, b].into());
    assert_eq!(kept(&world, NOW + HOUR).await, [].into());
    world.store.pin(world.epoch, &[b], NOW, NOW + 2 * HOUR).await.unwrap();
    assert_eq!(kept(&world, NOW + HOUR).await, [b].into());
    // What has expired is forgotten with the next pin.
    world.store.pin(world.epoch, &[], NOW + HOUR, NOW + 2 * HOUR).await.unwrap();
    assert_eq!(kept(&world, NOW).await, [b].into());
}

async fn a_commit_takes_over_from_pins(place: &Place) {
    let mut world = World::new(place).await;
    let job = world.submit(SWEEP).await.jobs.remove(0);
    world.begin(&job).await;
    let half = artifact("half-way");
    world.store.pin(world.epoch, &[half.digest], NOW, NOW + HOUR).await.unwrap();
    let checkpoint = CheckpointRow { iteration: 50, artifact: half };
    world.commit(&[Write::Checkpoint { job: job.id, attempt: Attempt(1), checkpoint }]).await.unwrap();
    assert_eq!(kept(&world, NOW + 2 * HOUR).await, [half.digest].into());
}

async fn a_finished_job_keeps_its_outputs_and_no_checkpoint(place: &Place) {
    let mut world = World::new(place).await;
    let job = world.submit(SWEEP).await.jobs.remove(0);
    world.begin(&job).await;
    let checkpoint = CheckpointRow { iteration: 50, artifact: artifact("half-way") };
    world.commit(&[Write::Checkpoint { job: job.id, attempt: Attempt(1), checkpoint }]).await.unwrap();
    let outputs: BTreeSet<_> = outcome(&job).outputs.values().map(|artifact| artifact.digest).collect();
    let pins: Vec<_> = outputs.iter().copied().collect();
    world.store.pin(world.epoch, &pins, NOW, NOW + HOUR).await.unwrap();
    world.commit(&[world.finish(&job, outcome(&job))]).await.unwrap();
    assert_eq!(kept(&world, NOW + 2 * HOUR).await, outputs);
}
