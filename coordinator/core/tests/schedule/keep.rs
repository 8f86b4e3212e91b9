//! What is dropped because no sweep keeps it, and made again for whoever asks. `late` of two rounds has six jobs: 1 trains to the
//! rewind point, 2 goes on to the end; mask 3 is made of that, 4 trains on from 1 under it; mask 5 is made of 4, and 6 trains.

use crate::rig::{Rig, lacks, tiny};
use tombola_core::{
    record::{CheckpointRow, JobState, SweepState},
    schedule::{Event, Fact, Message},
};
use tombola_spec::{Digest, JobId, job::Output, outcome::Artifact};

const fn jobs<const N: usize>(numbers: [u64; N]) -> [JobId; N] {
    let mut jobs = [JobId(0); N];
    let mut at = 0;
    while at < N {
        jobs[at] = JobId(numbers[at]);
        at += 1;
    }
    jobs
}

fn late(name: &str, rounds: u32, more: &str) -> String {
    tiny(name, "1", rounds, more).replace("rate = 0.2", "rate = 0.2, rewind = \"50it\"")
}

/// A finished sweep whose trainings were dropped.
fn dropped() -> (Rig, tombola_spec::SweepId) {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&late("a", 2, ""));
    rig.run();
    assert_eq!(rig.drop_all(), jobs([1, 2, 4, 6]));
    (rig, sweep)
}

#[test]
fn masks_stay_and_results_do() {
    let (mut rig, sweep) = dropped();
    assert!(rig.store.jobs[&JobId(3)].outputs.contains_key(&Output::Mask));
    assert_eq!(rig.count(JobState::Done), 6);
    // The same work under another name needs nothing that was dropped.
    let again = rig.submit(&late("b", 2, ""));
    assert_eq!(rig.accepted(), (0, 6));
    assert!(rig.run().is_empty());
    assert!(rig.progress(again).finished && rig.progress(sweep).finished);
}

#[test]
fn what_a_job_to_come_reads_is_not_dropped() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&late("a", 2, ""));
    for _ in 0..2 {
        rig.begin("ada");
        rig.finish("ada");
    }
    rig.event(Event::Drop(jobs([1, 2]).into()));
    assert!(!lacks(&rig.store.jobs[&JobId(1)]) && !lacks(&rig.store.jobs[&JobId(2)]));
    assert_eq!(rig.run().len(), 4);
}

#[test]
fn more_rounds_make_what_they_read_again_and_nothing_else() {
    let (mut rig, sweep) = dropped();
    rig.extend(sweep, &late("a", 3, ""));
    // The next mask is cut out of what round 2 ended in, which stood on the rewind point, under a mask that is there.
    let (new, known) = rig.accepted();
    assert_eq!((new, known), (2 + 2, 4), "mask and training of round 3; the trainings 1 and 6 once more");
    rig.run();
    assert_eq!(rig.store.replaced, [(JobId(1), JobId(7)), (JobId(6), JobId(8))].into());
    let progress = rig.progress(sweep);
    assert_eq!((progress.done, progress.failed, progress.finished), (10, 0, true));
    assert!(
        rig.store.jobs.keys().all(|job| rig.store.times_done(*job) == 1),
        "nothing is done under one number twice"
    );
}

#[test]
fn a_second_extension_uses_what_was_made_again() {
    let (mut rig, sweep) = dropped();
    rig.extend(sweep, &late("a", 3, ""));
    rig.run();
    rig.wait(200);
    assert!(rig.scheduler.progress(sweep).is_none(), "it was forgotten");
    rig.extend(sweep, &late("a", 3, "branch.random = { kind = \"random_mask\", rounds = [1] }"));
    assert_eq!(rig.accepted(), (2, 8), "a random mask, and its training from a start of its own");
    rig.run();
    let counted = rig.progress(sweep);
    assert_eq!((counted.done, counted.iterations), (12, 7 * 50 + 100), "what others replaced counts too");
    rig.restart();
    rig.reconnect();
    rig.extend(sweep, &late("a", 4, "branch.random = { kind = \"random_mask\", rounds = [1] }"));
    assert_eq!(rig.accepted(), (2, 10));
    assert_eq!(rig.progress(sweep).done, 12, "and is counted alike by the next leader");
}

#[test]
fn what_was_dropped_again_is_made_again_again() {
    let (mut rig, sweep) = dropped();
    rig.extend(sweep, &late("a", 3, ""));
    rig.run();
    rig.drop_all();
    rig.extend(sweep, &late("a", 4, ""));
    let done = rig.run();
    assert_eq!(done.len(), 2 + 2, "the rewind point, the training of round 3, and the new round");
    assert!(rig.progress(sweep).finished && rig.progress(sweep).failed == 0);
}

#[test]
fn a_ticket_asked_for_is_made_again_for_a_sweep_that_is_over() {
    let (mut rig, sweep) = dropped();
    rig.wait(200);
    rig.again(sweep, &jobs([6]));
    assert_eq!(rig.accepted(), (2, 0));
    assert!(!rig.progress(sweep).finished);
    assert_eq!(rig.run(), jobs([7, 8]));
    assert!(!lacks(&rig.store.jobs[&rig.store.replaced[&JobId(6)]]));
    let progress = rig.progress(sweep);
    assert_eq!((progress.done, progress.finished), (8, true));
    rig.again(sweep, &jobs([8]));
    assert!(rig.run().is_empty(), "it is there");
}

#[test]
fn a_sweep_given_up_reads_what_was_made_again_when_it_is_taken_up() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&late("a", 1, ""));
    rig.run();
    let second = rig.submit(&late("b", 2, ""));
    rig.set_state(second, SweepState::Cancelled);
    rig.drop_all();
    rig.submit(&late("c", 1, "").replace("rate = 0.2", "rate = 0.5"));
    rig.run();
    assert_eq!(rig.store.replaced, [(JobId(1), JobId(7)), (JobId(2), JobId(8))].into());
    // Its own jobs of round 2 were to read the rewind point that was replaced, and a training that is gone.
    rig.extend(second, &late("b", 2, ""));
    assert_eq!(rig.accepted(), (1, 5), "the training of round 1 once more");
    rig.run();
    let progress = rig.progress(second);
    assert_eq!((progress.waiting, progress.failed, progress.finished), (0, 0, true), "{progress:?}");
    let unwanted = rig.jobs(second).into_iter().filter(|job| rig.state(*job) == JobState::Unwanted);
    assert_eq!(unwanted.count(), 0);
}

/// It was made from inputs that are gone; those made again may differ in their bits.
#[test]
fn a_checkpoint_does_not_outlive_the_parents_it_was_made_from() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&late("a", 1, ""));
    rig.run();
    let second = rig.submit(&late("b", 2, ""));
    rig.begin("ada");
    rig.finish("ada");
    rig.begin("ada");
    let job = rig.runs("ada")[0];
    assert_eq!(rig.spec(job).kind(), "train");
    let artifact = Artifact { digest: Digest::of(b"c"), bytes: 9 };
    let checkpoint = Fact::Checkpoint(CheckpointRow { iteration: 70, artifact });
    let told = rig.agents.get_mut("ada").unwrap().tell(job, checkpoint);
    rig.event(told);
    rig.set_state(second, SweepState::Cancelled);
    rig.cut("ada");
    rig.connect("ada");
    assert!(rig.explain(job).contains("checkpoint is at iteration 70"), "{}", rig.explain(job));
    rig.drop_all();
    rig.submit(&late("c", 1, "").replace("rate = 0.2", "rate = 0.5"));
    rig.run();
    assert!(rig.store.replaced.contains_key(&JobId(1)), "the rewind point was made again");
    rig.extend(second, &late("b", 2, ""));
    assert!(!rig.explain(job).contains("checkpoint"), "{}", rig.explain(job));
    let resumed = |rig: &Rig| {
        let leases = rig.sent.iter().filter_map(|(_, message)| match message {
            Message::Lease(lease) => lease.jobs.get(&job).map(|leased| leased.resume),
            _ => None,
        });
        leases.collect::<Vec<_>>()
    };
    rig.run();
    assert_eq!(resumed(&rig), [None, None], "it began twice, each time at the beginning");
    assert_eq!(rig.state(job), JobState::Done);
}

#[test]
fn a_leader_that_takes_over_makes_again_what_was_begun() {
    let (mut rig, sweep) = dropped();
    rig.again(sweep, &jobs([6]));
    rig.begin("ada");
    rig.restart();
    rig.reconnect();
    rig.run();
    rig.wait(60);
    rig.run();
    assert!(!lacks(&rig.store.jobs[&rig.store.replaced[&JobId(6)]]));
    assert_eq!(rig.count(JobState::Done), 8);
}
