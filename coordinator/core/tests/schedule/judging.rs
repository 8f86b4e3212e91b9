//! Sweeps whose results decide how far their trials go.

use crate::rig::{Rig, tiny};
use tombola_core::{
    record::{JobState, SweepState},
    schedule::{Event, Judgement},
};
use tombola_spec::outcome::FailureClass;

/// Two seeds, at most 4 rounds, each until it is 0.1 worse than dense.
fn until(name: &str) -> String {
    tiny(name, "[1, 2]", 4, "").replace("rounds = 4", "rounds = 4, until = { worse = 0.1 }")
}

/// Two learning rates with two rounds, of which one goes on.
fn select(name: &str) -> String {
    let more = "select.axes = [\"train.lr\"]\nbranch.reinit = {}\naxes.\"train.lr\" = [0.1, 0.2]";
    tiny(name, "[1, 2]", 2, more)
}

/// Seed 1 is worse from round 3 on, seed 2 never.
fn accuracy(key: &str, round: u32) -> f64 {
    if key.ends_with("seed=1") && round >= 3 { 0.5 } else { 0.9 }
}

#[test]
fn a_line_is_pruned_until_it_is_worse_than_dense() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&until("a"));
    assert_eq!(rig.accepted(), (2 * 3, 0), "round 1 follows whatever comes of the dense round");
    while !rig.run().is_empty() {
        let more = rig.store.sweeps[&sweep].decides;
        assert_ne!(
            rig.progress(sweep).finished,
            more,
            "over only where nobody has to look at what was measured"
        );
        rig.judge(sweep, accuracy);
    }
    let rounds = |seed| {
        let trial = rig.store.trials.iter().find(|trial| trial.seed == seed).unwrap().id;
        rig.store.rounds.iter().filter(|round| round.trial == trial).count()
    };
    assert_eq!((rounds(1), rounds(2)), (1 + 3, 1 + 4));
    let progress = rig.progress(sweep);
    assert!(progress.finished && !rig.store.sweeps[&sweep].decides);
    assert_eq!(progress.done, 7 + 9);
    assert!(rig.store.jobs.keys().all(|job| rig.store.times_done(*job) == 1));
}

#[test]
fn only_the_better_learning_rate_is_pruned() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&select("a"));
    assert_eq!(rig.accepted(), (4, 0));
    let better = |key: &str, _| if key.contains("0.2") { 0.9 } else { 0.8 };
    rig.begin("ada");
    rig.finish("ada");
    rig.judge(sweep, better);
    assert!(rig.store.verdicts.is_empty(), "others have not run yet");
    rig.run();
    rig.judge(sweep, better);
    assert_eq!(rig.accepted(), (2 * (4 + 2), 0), "two rounds and their reinit for each seed of one rate");
    assert_eq!(rig.run().len(), 12);
    assert!(rig.progress(sweep).finished);
    let chosen = rig.store.verdicts.iter().filter(|(_, verdict)| verdict.goes_on);
    let chosen: Vec<_> = chosen.map(|(trial, _)| *trial).collect();
    let rows = rig.store.trials.iter().filter(|row| chosen.contains(&row.id));
    assert!(rows.into_iter().all(|row| row.key.contains("0.2")));
}

#[test]
fn a_coordinator_killed_before_it_judged_judges_when_it_is_back() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&until("a"));
    while !rig.run().is_empty() {
        // All jobs are done: only the verdicts to come keep the sweep alive.
        rig.restart();
        rig.reconnect();
        let waits = rig.scheduler.progress(sweep).is_some_and(|progress| !progress.finished);
        assert_eq!(waits, rig.store.sweeps[&sweep].decides);
        rig.judge(sweep, accuracy);
    }
    assert_eq!(rig.count(JobState::Done), 7 + 9);
    assert!(rig.store.jobs.keys().all(|job| rig.store.times_done(*job) == 1));
    rig.restart();
    assert!(rig.scheduler.progress(sweep).is_none(), "over and forgotten");
}

#[test]
fn what_another_sweep_has_trained_is_taken_over_when_a_verdict_asks_for_it() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("all", "[1, 2]", 4, ""));
    rig.run();
    rig.wait(200);
    let sweep = rig.submit(&until("a"));
    while !rig.progress(sweep).finished {
        rig.judge(sweep, accuracy);
        assert!(rig.run().is_empty(), "everything is there");
    }
    let progress = rig.progress(sweep);
    assert!(progress.finished);
    assert_eq!(progress.done, 7 + 9);
}

#[test]
fn a_sweep_cancelled_while_it_is_judged_gets_no_more_work() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&until("a"));
    rig.run();
    let judgement = rig.judgement(sweep, accuracy).expect("there is news");
    rig.set_state(sweep, SweepState::Cancelled);
    rig.event(Event::Judge(Box::new(judgement)));
    assert!(rig.run().is_empty() && rig.store.verdicts.is_empty());
    // Extended, it is judged anew.
    rig.extend(sweep, &until("a").replace("[1, 2]", "[1, 2, 3]"));
    while !rig.progress(sweep).finished {
        rig.run();
        rig.judge(sweep, accuracy);
    }
    assert_eq!(rig.count(JobState::Done), 7 + 9 + 9);
    assert!(rig.store.jobs.keys().all(|job| rig.store.times_done(*job) == 1));
}

#[test]
fn what_ends_while_a_sweep_is_judged_is_judged_next() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&until("a"));
    rig.begin("ada");
    rig.finish("ada");
    let judgement = rig.judgement(sweep, accuracy).expect("there is news");
    rig.run();
    rig.event(Event::Judge(Box::new(judgement)));
    assert!(!rig.progress(sweep).finished, "more was done than was looked at");
    rig.judge(sweep, accuracy);
    assert_eq!(rig.run().len(), 4);
}

#[test]
fn an_extension_is_judged_by_news_of_its_own() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&until("a"));
    rig.run();
    rig.judge(sweep, accuracy);
    // The count of news begins anew; nothing of what comes is taken for seen.
    rig.extend(sweep, &until("a").replace("[1, 2]", "[1, 2, 3]"));
    rig.judge(sweep, accuracy);
    while !rig.run().is_empty() {
        assert_eq!(rig.scheduler.news(sweep).is_some(), rig.store.sweeps[&sweep].decides);
        rig.judge(sweep, accuracy);
    }
    assert!(rig.progress(sweep).finished && !rig.store.sweeps[&sweep].decides);
    assert_eq!(rig.count(JobState::Done), 7 + 9 + 9);
}

#[test]
fn a_candidate_that_failed_and_is_tried_again_is_chosen_after_all() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&select("a"));
    let failed = rig.runs("ada")[0];
    for _ in 0..5 {
        if rig.agents["ada"].running().contains(&failed) {
            rig.fail("ada", failed, FailureClass::User);
        }
        rig.begin("ada");
    }
    rig.run();
    assert_eq!(rig.state(failed), JobState::Failed);
    // It is no divergence: the store would not say so.
    let undecided = |mut judgement: Judgement| {
        judgement.decision = None;
        judgement
    };
    let judgement = undecided(rig.judgement(sweep, |_, _| 0.5).expect("there is news"));
    rig.event(Event::Judge(Box::new(judgement)));
    assert!(rig.progress(sweep).finished, "nothing runs, and nothing can");
    let told = rig.explain_sweep(sweep);
    assert!(told.contains("failed jobs hold up what would be decided by them"), "{told}");
    rig.event(Event::Retry { sweep });
    assert_eq!(rig.run(), [failed]);
    rig.judge(sweep, |key, _| if key.contains("0.1") { 0.9 } else { 0.8 });
    assert_eq!(rig.run().len(), 12);
    assert!(rig.progress(sweep).finished);
}

#[test]
fn a_stopped_sweep_does_not_start_what_a_verdict_adds() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&until("a"));
    rig.run();
    rig.set_state(sweep, SweepState::Paused);
    rig.judge(sweep, accuracy);
    assert!(rig.run().is_empty());
    assert!(!rig.progress(sweep).finished);
    rig.set_state(sweep, SweepState::Active);
    assert_eq!(rig.run().len(), 4);
}

#[test]
fn people_are_told_that_more_may_come() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&until("a"));
    let told = rig.explain_sweep(sweep);
    assert!(told.contains("`prune.until` decides by validation results"), "{told}");
}
