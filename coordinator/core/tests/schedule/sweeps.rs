//! What people ask of sweeps, and what sweeps share.

use crate::rig::{Rig, tiny};
use tombola_core::{
    record::{JobState, SweepState},
    schedule::Event,
};

#[test]
fn the_same_work_under_another_name_trains_nothing() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("a", "[1, 2]", 2, ""));
    rig.run();
    let again = rig.submit(&tiny("b", "[1, 2]", 2, ""));
    assert_eq!(rig.accepted(), (0, 10));
    assert!(rig.run().is_empty());
    assert!(rig.progress(again).finished);
}

#[test]
fn another_prune_rate_shares_round_0_also_while_it_runs() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("a", "1", 2, ""));
    rig.begin("ada");
    let other = rig.submit(&tiny("b", "1", 2, "").replace("rate = 0.2", "rate = 0.5"));
    assert_eq!(rig.accepted(), (4, 1));
    assert_eq!(rig.run().len(), 5 + 4);
    assert!(rig.progress(other).finished);
}

#[test]
fn results_are_reused_long_after_they_are_forgotten() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let first = rig.submit(&tiny("a", "1", 2, ""));
    rig.run();
    rig.wait(200);
    assert!(rig.scheduler.progress(first).is_none());
    rig.submit(&tiny("b", "1", 3, ""));
    assert_eq!(rig.accepted(), (2, 5));
    assert_eq!(rig.run().len(), 2);
}

#[test]
fn extending_rounds_and_seeds_while_it_runs_adds_only_what_is_new() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 2, ""));
    rig.begin("ada");
    rig.finish("ada");
    rig.extend(sweep, &tiny("a", "[1, 2]", 3, ""));
    assert_eq!(rig.accepted(), (2 + 7, 5));
    assert_eq!(rig.store.trials.len(), 2);
    assert_eq!(rig.store.trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(rig.store.trials[0].settings.prune.as_ref().unwrap().rounds, 3);
    assert_eq!(rig.store.rounds.len(), 4 + 4);
    rig.run();
    assert_eq!(rig.progress(sweep).done, 14);
    assert!(rig.store.jobs.keys().all(|job| rig.store.times_done(*job) == 1));
}

#[test]
fn a_finished_sweep_can_be_extended_after_it_was_forgotten() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    rig.run();
    rig.wait(200);
    rig.extend(sweep, &tiny("a", "1", 1, "branch.reinit = { rounds = [1] }"));
    assert_eq!(rig.accepted(), (1, 3));
    assert_eq!(rig.run().len(), 1);
    let progress = rig.progress(sweep);
    assert_eq!((progress.done, progress.iterations, progress.iterations_done), (4, 300, 300));
}

#[test]
fn a_paused_sweep_starts_nothing_new_and_goes_on_when_resumed() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "[1, 2]", 2, ""));
    rig.begin("ada");
    rig.set_state(sweep, SweepState::Paused);
    assert_eq!(rig.run().len(), 1);
    assert!(!rig.progress(sweep).finished);
    rig.set_state(sweep, SweepState::Active);
    assert_eq!(rig.run().len(), 9);
    // Recalls are no tries.
    assert!(rig.store.jobs.values().all(|job| job.tries == 0));
}

#[test]
fn pausing_one_sweep_does_not_hold_up_what_another_wants() {
    let mut rig = Rig::new();
    let paused = rig.submit(&tiny("a", "1", 2, ""));
    rig.submit(&tiny("b", "1", 1, ""));
    rig.set_state(paused, SweepState::Paused);
    rig.worker("ada");
    assert_eq!(rig.run().len(), 3);
}

#[test]
fn cancelling_ends_running_jobs_now_and_spares_shared_ones() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let cancelled = rig.submit(&tiny("a", "1", 2, ""));
    let kept = rig.submit(&tiny("b", "1", 1, ""));
    let running = rig.runs("ada");
    rig.set_state(cancelled, SweepState::Cancelled);
    // The dense training is wanted by the other sweep too: it goes on.
    assert_eq!(rig.agents["ada"].running(), running);
    rig.run();
    assert_eq!((rig.count(JobState::Done), rig.count(JobState::Unwanted)), (3, 2));
    rig.set_state(kept, SweepState::Cancelled);
    assert!(rig.rejection().contains("is finished: there is nothing to cancel"));
    assert_eq!((rig.jobs(kept).len(), rig.jobs(cancelled).len()), (3, 0));
}

#[test]
fn a_cancelled_sweep_keeps_what_was_done_by_then() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "[1, 2]", 2, ""));
    rig.begin("ada");
    let done = rig.finish("ada");
    rig.set_state(sweep, SweepState::Cancelled);
    assert_eq!(rig.jobs(sweep), done, "what was trained stays visible");
    rig.restart();
    rig.reconnect();
    assert!(rig.run().is_empty());
    rig.extend(sweep, &tiny("a", "[1, 2]", 2, ""));
    assert_eq!(rig.run().len(), 9, "nothing is trained twice");
    assert_eq!(rig.progress(sweep).done, 10);
}

#[test]
fn nothing_is_asked_of_a_sweep_that_is_over() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    rig.run();
    let done = rig.progress(sweep);
    for state in SweepState::ALL {
        rig.set_state(sweep, state);
        let command = state.command();
        assert!(rig.rejection().contains(&format!("`a` is finished: there is nothing to {command}")));
    }
    assert_eq!(rig.progress(sweep), done, "its counts stay");
    // One that failed is as little to be paused; its failed jobs may be given up.
    let failed = rig.submit(&tiny("b", "2", 1, ""));
    let job = rig.runs("ada")[0];
    rig.fail("ada", job, tombola_spec::outcome::FailureClass::User);
    assert_eq!(rig.progress(failed).standing(SweepState::Active), "failed");
    rig.set_state(failed, SweepState::Stopped);
    assert!(rig.rejection().contains("tombola retry b"), "{}", rig.rejection());
    rig.set_state(failed, SweepState::Cancelled);
    assert_eq!(rig.store.sweeps[&failed].state, SweepState::Cancelled);
}

#[test]
fn a_stopped_sweep_is_taken_up_again_by_an_extension() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    rig.begin("ada");
    rig.set_state(sweep, SweepState::Stopped);
    assert_eq!(rig.run().len(), 1, "running jobs finish");
    assert_eq!(rig.progress(sweep).standing(SweepState::Stopped), "stopped");
    rig.extend(sweep, &tiny("a", "1", 2, ""));
    assert_eq!(rig.store.sweeps[&sweep].state, SweepState::Active);
    assert_eq!(rig.run().len(), 4);
}

#[test]
fn cancelling_the_only_sweep_stops_its_worker() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "[1, 2]", 2, ""));
    let job = rig.runs("ada")[0];
    rig.set_state(sweep, SweepState::Cancelled);
    assert!(rig.agents["ada"].leases().is_empty());
    assert_eq!((rig.state(job), rig.store.ends_of(job)), (JobState::Unwanted, vec!["cancelled"]));
    assert!(rig.run().is_empty());
    // The same file again takes up what was given up, under the same name.
    rig.extend(sweep, &tiny("a", "[1, 2]", 2, ""));
    assert_eq!(rig.store.sweeps[&sweep].state, SweepState::Active);
    assert_eq!(rig.run().len(), 10);
    assert_eq!(rig.store.trials.len(), 2);
}

#[test]
fn retry_opens_failed_jobs_with_a_clean_record() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let job = rig.runs("ada")[0];
    rig.fail("ada", job, tombola_spec::outcome::FailureClass::User);
    rig.event(Event::Retry { sweep });
    assert!(matches!(rig.answers.last(), Some(tombola_core::schedule::Effect::Reopened(1))));
    assert_eq!(rig.run().len(), 3);
    assert_eq!(rig.store.jobs[&job].tries, 0);
}

#[test]
fn a_failure_is_never_reused() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("a", "1", 1, ""));
    let job = rig.runs("ada")[0];
    rig.fail("ada", job, tombola_spec::outcome::FailureClass::User);
    rig.submit(&tiny("b", "1", 1, ""));
    assert_eq!(rig.run().len(), 3);
}

#[test]
fn progress_counts_iterations_of_running_jobs_too() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let job = rig.runs("ada")[0];
    let worker = rig.agents["ada"].id;
    let attempt = rig.store.jobs[&job].attempt;
    rig.event(Event::Heartbeat { worker, progress: vec![(job, attempt, 60)] });
    let progress = rig.progress(sweep);
    assert_eq!((progress.iterations_done, progress.iterations, progress.running), (60, 200, 1));
    let running = rig.scheduler.running(sweep);
    assert_eq!((running.len(), running[0].iteration, running[0].to), (1, 60, 100));
}

#[test]
fn an_extension_that_was_read_before_a_cancellation_wins_in_memory_and_on_disk() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let stale = rig.store.sweeps[&sweep].clone();
    rig.set_state(sweep, SweepState::Cancelled);
    rig.extend_as(stale, &tiny("a", "1", 2, ""));
    assert_eq!(rig.store.sweeps[&sweep].state, SweepState::Active);
    rig.restart();
    rig.reconnect();
    assert_eq!(rig.run().len(), 5);
}
