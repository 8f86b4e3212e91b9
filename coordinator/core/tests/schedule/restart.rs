//! The coordinator is killed; the next one folds what is stored.

use crate::rig::{Rig, tiny};
use tombola_core::record::JobState;

#[test]
fn workers_go_on_and_nothing_finished_is_redone() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.worker("bob");
    let sweep = rig.submit(&tiny("a", "[1, 2, 3]", 3, "branch.reinit = { rounds = [2] }"));
    for _ in 0..4 {
        rig.begin("ada");
        rig.begin("bob");
        rig.restart();
        // Meanwhile a worker finished what it had.
        let finished = rig.agents["ada"].running();
        for job in finished {
            drop(rig.agents.get_mut("ada").unwrap().finish(job));
        }
        rig.reconnect();
        rig.finish("bob");
    }
    rig.run();
    assert!(rig.jobs(sweep).iter().all(|job| rig.store.times_done(*job) == 1));
    assert!(rig.store.ends.iter().all(|(_, _, how)| matches!(*how, "done" | "recalled")));
}

#[test]
fn a_worker_that_died_with_the_coordinator_keeps_its_lease_for_one_term() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("a", "1", 1, ""));
    let job = rig.runs("ada")[0];
    rig.restart();
    rig.worker("bob");
    rig.wait(14);
    assert!(rig.runs("bob").is_empty());
    rig.wait(2);
    assert_eq!(rig.runs("bob"), [job]);
}

#[test]
fn a_lease_that_never_arrived_is_granted_again() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("a", "1", 1, ""));
    // Committed, but the coordinator died before it sent it.
    rig.agents.get_mut("ada").unwrap().die();
    rig.restart();
    rig.reconnect();
    assert_eq!(rig.run().len(), 3);
    assert!(rig.store.jobs.values().all(|job| (job.tries, job.losses) == (0, 0)));
}

#[test]
fn pauses_failures_and_progress_survive() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "[1, 2]", 2, ""));
    rig.begin("ada");
    rig.finish("ada");
    let running = rig.runs("ada")[0];
    rig.fail("ada", running, tombola_spec::outcome::FailureClass::User);
    rig.set_state(sweep, tombola_core::record::SweepState::Paused);
    let before = rig.progress(sweep);
    rig.restart();
    let after = rig.progress(sweep);
    assert_eq!((after.done, after.failed, after.iterations), (before.done, before.failed, before.iterations));
    rig.reconnect();
    assert!(rig.run().is_empty());
    rig.set_state(sweep, tombola_core::record::SweepState::Active);
    rig.run();
    assert_eq!(rig.count(JobState::Failed), 1);
}

#[test]
fn done_jobs_that_were_forgotten_still_count() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 3, ""));
    for _ in 0..5 {
        rig.begin("ada");
        rig.finish("ada");
    }
    rig.restart();
    let progress = rig.progress(sweep);
    assert_eq!((progress.done, progress.iterations_done, progress.iterations), (5, 300, 400));
}
