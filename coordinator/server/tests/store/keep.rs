//! What no sweep keeps: found, dropped, and made again by another job.

use crate::{
    rig::{NOW, Place, SWEEP, Submitted, World, admin, artifact, ask, scenarios, text},
    views::shows,
};
use std::collections::BTreeSet;
use tombola_core::{
    keep::Keep,
    record::{CheckpointRow, Ending, JobRow, JobState, SweepState, Write},
    sweep,
};
use tombola_server::store::Store;
use tombola_spec::{Fingerprint, JobId, job::Output};

scenarios!(
    a_sweep_keeps_what_it_asks_for,
    what_is_read_or_kept_by_another_sweep_is_not_dropped,
    what_was_dropped_is_needed_no_more_and_told,
    a_job_made_again_stands_in_for_those_before,
    a_job_that_was_given_up_can_read_others,
);

const LATER: i64 = NOW + 1;

fn keeping(keep: Keep) -> String {
    format!("keep = \"{}\"\n{SWEEP}", keep.name())
}

fn ids<'a>(jobs: impl IntoIterator<Item = &'a JobRow>) -> BTreeSet<JobId> {
    jobs.into_iter().map(|job| job.id).collect()
}

/// Those that leave more than a mask.
fn heavy(sweep: &Submitted) -> impl Iterator<Item = &JobRow> {
    sweep.jobs.iter().filter(|job| job.spec.outputs().iter().any(|output| *output != Output::Mask))
}

async fn droppable(world: &World) -> BTreeSet<JobId> {
    world.store.droppable(LATER, JobId(0)).await.unwrap().into_iter().collect()
}

/// The jobs of `SWEEP` and a smaller network of each seed.
fn keeping_with_slim(keep: Keep) -> String {
    keeping(keep) + "\n[analysis]\nslim = { rounds = [2] }\n"
}

/// Compared with the plan, which knows rounds and not tables.
async fn a_sweep_keeps_what_it_asks_for(place: &Place) {
    let mut world = World::new(place).await;
    let (_, keep) = Keep::WORDS[0];
    let sweep = world.submit(&keeping_with_slim(keep)).await;
    world.complete(&sweep.jobs).await;
    let mut sizes = Vec::new();
    for (_, keep) in Keep::WORDS {
        world.commit(&[Write::Keep { sweep: sweep.sweep.id, keep: *keep }]).await.unwrap();
        assert_eq!(world.store.sweep("small").await.unwrap().unwrap().keep, *keep);
        let kept = sweep::load(&keeping_with_slim(*keep)).unwrap().kept();
        let goes = |job: &&JobRow| kept.as_ref().is_some_and(|kept| !kept.contains(&job.fingerprint));
        let found = droppable(&world).await;
        assert_eq!(found, ids(heavy(&sweep).filter(goes)), "{keep:?}");
        sizes.push(found.len());
    }
    assert!(sizes[0] == 0 && sizes[1] < sizes[3] && sizes[2] < sizes[3], "{sizes:?}");
    assert!(world.store.droppable(NOW, JobId(0)).await.unwrap().is_empty(), "they were done a moment ago");
    let all = world.store.droppable(LATER, JobId(0)).await.unwrap();
    assert_eq!(world.store.droppable(LATER, all[2]).await.unwrap(), all[3..]);
}

async fn what_is_read_or_kept_by_another_sweep_is_not_dropped(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(&keeping(Keep::None)).await;
    let (first, rest) = sweep.jobs.split_first().unwrap();
    world.complete(std::slice::from_ref(first)).await;
    assert_eq!(droppable(&world).await, BTreeSet::new(), "masks and rewound trainings are still to come");
    let drop = [Write::Drop(vec![first.id])];
    world.commit(&drop).await.unwrap();
    assert_eq!(world.store.outputs(&[first.id]).await.unwrap()[&first.id].len(), first.spec.outputs().len());
    world.complete(rest).await;
    assert_eq!(droppable(&world).await, ids(heavy(&sweep)));

    let other = world
        .submit(
            &SWEEP
                .replace("\"small\"", "\"other\"")
                .replace("rounds = 2 }", "rounds = 1 }")
                .replace("[1, 2], copies", "[1], copies")
                .replace("rounds = [2]", "rounds = [1]"),
        )
        .await;
    let new: Vec<JobRow> = other.jobs.iter().filter(|job| !other.shared.contains(&job.id)).cloned().collect();
    world.complete(&new).await;
    let shared = ids(heavy(&other));
    assert_eq!(droppable(&world).await, ids(heavy(&sweep)).difference(&shared).copied().collect());
    // Whoever still has to be told how far it goes may want more of anything.
    world.commit(&[Write::Decides { sweep: sweep.sweep.id, decides: true }]).await.unwrap();
    assert_eq!(droppable(&world).await, BTreeSet::new());
    world.commit(&[Write::SweepState { sweep: sweep.sweep.id, state: SweepState::Cancelled }]).await.unwrap();
    assert_ne!(droppable(&world).await, BTreeSet::new(), "nobody decides on what was given up");
}

async fn what_was_dropped_is_needed_no_more_and_told(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(&keeping(Keep::None)).await;
    world.complete(&sweep.jobs).await;
    world.commit(&[Write::SweepState { sweep: sweep.sweep.id, state: SweepState::Cancelled }]).await.unwrap();
    let jobs: Vec<JobId> = ids(heavy(&sweep)).into_iter().collect();
    let before: BTreeSet<_> = world.store.kept(NOW).await.unwrap().into_iter().collect();
    world.commit(&[Write::Drop(jobs.clone())]).await.unwrap();
    assert_eq!(droppable(&world).await, BTreeSet::new());
    let masks: BTreeSet<_> = world.store.kept(NOW).await.unwrap().into_iter().collect();
    assert!(!masks.is_empty() && masks.is_subset(&before) && masks.len() < before.len());
    assert!(world.store.outputs(&jobs).await.unwrap().is_empty(), "no training has a mask");
    let found = world.store.find_jobs(&[sweep.jobs[0].fingerprint]).await.unwrap();
    assert!(found[0].outputs.is_empty());
    let counts = (masks.len(), before.len() - masks.len());
    shows(
        &world,
        "select sweep, keep, outputs, dropped_outputs, case when bytes > 0 and dropped_bytes > 0 then 'both' end as there from sweep_storage",
        &format!("\nsmall | none | {} | {} | both\n", counts.0, counts.1),
    )
    .await;
}

async fn a_job_made_again_stands_in_for_those_before(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(&keeping(Keep::None)).await;
    world.complete(&sweep.jobs).await;
    let first = sweep.jobs[0].clone();
    let mut last = first.id;
    for time in 1..=2 {
        world.commit(&[Write::Drop(vec![last])]).await.unwrap();
        world.ids.job += 1;
        let maker = JobRow { id: JobId(world.ids.job), ..first.clone() };
        let free: Fingerprint = first.fingerprint.replaced(last);
        let writes = [
            Write::Replace { job: last, fingerprint: free, by: maker.id },
            Write::AddJobs(vec![maker.clone()]),
            Write::Claim { sweep: sweep.sweep.id, jobs: vec![maker.id], shared: Vec::new() },
        ];
        world.commit(&writes).await.unwrap();
        world.refused(&writes[1..2]).await;
        assert!(world.store.outputs(&[first.id]).await.unwrap().is_empty());
        world.complete(std::slice::from_ref(&maker)).await;
        let [there, own] = [first.id, maker.id].map(|job| [job]);
        let (there, own) =
            (world.store.outputs(&there).await.unwrap(), world.store.outputs(&own).await.unwrap());
        assert_eq!(there[&first.id], own[&maker.id], "time {time}");
        let found = world.store.find_jobs(&[first.fingerprint, free]).await.unwrap();
        assert_eq!(ids(&found), [last, maker.id].into());
        last = maker.id;
    }
    // What stands in for something kept is kept like it.
    let keep = |keep| Write::Keep { sweep: sweep.sweep.id, keep };
    assert!(droppable(&world).await.contains(&last));
    world.commit(&[keep(Keep::Rewinds)]).await.unwrap();
    assert!(sweep.rounds.iter().any(|round| round.origin == first.id));
    assert!(!droppable(&world).await.contains(&last));
    world.commit(&[keep(Keep::None)]).await.unwrap();
    // A round that stands on both was trained once for all that.
    let cost = "select standalone_iterations from cost where trial = 1 and branch = '' and round = 2";
    let before = text(&ask(&world.store, cost).await);
    let mask = sweep.rounds.iter().find_map(|round| round.mask).unwrap();
    let reads = format!("insert into job_parents (job, ordinal, parent) values ({}, 9, {})", mask.0, last.0);
    admin(place, &reads).await;
    assert_eq!(text(&ask(&world.store, cost).await), before);
    assert_eq!(world.store.done(sweep.sweep.id).await.unwrap().len(), sweep.jobs.len() + 2);
    shows(
        &world,
        &format!("select job - {} as after, made_again_by, case when same_bytes then 1 else 0 end as same from dropped_output where output = 'weights' order by job", first.id.0),
        &format!("\n0 | {} | 0\n{} | {} | 0\n", last.0, last.0 - 1 - first.id.0, last.0),
    )
    .await;
}

async fn a_job_that_was_given_up_can_read_others(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(SWEEP).await;
    let done = sweep.jobs.iter().filter(|job| job.parents.is_empty());
    let [first, second] = [0, 1].map(|at| done.clone().nth(at).unwrap().clone());
    world.complete(&[first.clone(), second.clone()]).await;
    let job = sweep.jobs.iter().find(|job| job.parents == [first.id]).unwrap();
    world.begin(job).await;
    let attempt = world.attempt(job.id);
    let checkpoint = CheckpointRow { iteration: 1, artifact: artifact("half-way") };
    let (how, next) = (Ending::Cancelled, JobState::Unwanted);
    let end = Write::End { job: job.id, attempt, failure: None, how, next, tries: 0, losses: 0 };
    world.commit(&[Write::Checkpoint { job: job.id, attempt, checkpoint }, end]).await.unwrap();
    let row = async || world.store.find_jobs(&[job.fingerprint]).await.unwrap().remove(0);
    assert_eq!((row().await.parents, row().await.checkpoint), (vec![first.id], Some(checkpoint)));

    world.commit(&[Write::Parents { job: job.id, parents: vec![second.id, first.id] }]).await.unwrap();
    assert_eq!((row().await.parents, row().await.checkpoint), (vec![second.id, first.id], None));
    world.refused(&[Write::Parents { job: first.id, parents: vec![second.id] }]).await;
}
