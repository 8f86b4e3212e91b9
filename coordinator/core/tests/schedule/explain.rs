//! What people are told when they ask why.

use crate::rig::{Rig, tiny};
use tombola_core::{record::SweepState, schedule::Event};
use tombola_spec::{outcome::FailureClass, worker::DeviceKind};

fn first(rig: &Rig) -> tombola_spec::JobId {
    *rig.store.jobs.keys().next().unwrap()
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
}

#[test]
fn a_ready_job_says_what_it_waits_for() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "[1, 2, 3]", 1, ""));
    assert_says(
        &rig.explain(first(&rig)),
        &[
            "train mnist_lenet_4 (dense) on mnist from 0it to 100it",
            "no worker is connected",
            "wanted by a (s1)",
        ],
    );
    rig.worker_with("poor", DeviceKind::Cpu, &[1], &["kmnist"]);
    assert_says(
        &rig.explain(first(&rig)),
        &["none of 1 connected workers", "poor has no data set `mnist`; it looks in `/home/poor/data/mnist`"],
    );
    rig.worker("ada");
    let last = rig.jobs(sweep)[6];
    assert_says(&rig.explain(last), &["the only slot that can take it is busy, and it is next"]);
    rig.set_state(sweep, SweepState::Paused);
    assert_says(&rig.explain(last), &["every sweep that wants it is paused"]);
}

#[test]
fn a_waiting_job_names_its_parents() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let jobs = rig.jobs(sweep);
    assert_says(
        &rig.explain(jobs[1]),
        &["prune mnist_lenet_4", "waits for 1 of the jobs it reads", "j1 is ready"],
    );
}

#[test]
fn running_granted_paused_failed_jobs_say_so() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let job = first(&rig);
    assert_says(&rig.explain(job), &["granted to ada (slot 0, l1), not begun"]);
    rig.begin("ada");
    assert_says(&rig.explain(job), &["runs on ada (slot 0, l1), attempt 1: 0 of 100 iterations done"]);
    rig.cut("ada");
    assert_says(&rig.explain(job), &["whose connection is down"]);
    rig.connect("ada");
    rig.fail("ada", job, FailureClass::Infrastructure);
    assert_says(&rig.explain(job), &["failed 1 times in a row and is tried again in 2 s"]);
    rig.wait(2);
    rig.begin("ada");
    rig.fail("ada", job, FailureClass::User);
    assert_says(&rig.explain(job), &["failed; `tombola failures", "1 of 3 tries are used up"]);
    let sweep = rig.explain_sweep(sweep);
    assert_says(
        &sweep,
        &["s1 (a) has failed: 0 jobs done", "1 failed", "and 2 jobs stand behind them", "tombola retry a"],
    );
}

#[test]
fn the_most_urgent_ready_job_of_a_sweep_is_the_one_that_is_next() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "\"1..=9\"", 1, ""));
    let other = rig.submit(&tiny("b", "\"10..=12\"", 1, ""));
    let told = |rig: &Rig, sweep| rig.explain_sweep(sweep);
    let says = told(&rig, sweep);
    assert_says(&says, &["its most urgent ready job is", "busy, and it is next"]);
    assert_says(&told(&rig, other), &["jobs of other sweeps go first"]);
}

#[test]
fn what_keeps_a_sweep_from_ever_starting_is_said_before_anybody_asks() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let said = |rig: &Rig| {
        let (stalled, warned) = (rig.scheduler.stalled(sweep), rig.scheduler.sweep_warnings(sweep));
        assert_eq!(stalled, warned);
        assert_eq!(rig.scheduler.warnings(["mnist"]).is_empty(), warned.is_empty());
        warned.join("\n")
    };
    assert_says(&said(&rig), &["no worker is connected"]);
    rig.worker_with("poor", DeviceKind::Cpu, &[1], &["kmnist"]);
    assert_says(&said(&rig), &["has the data set `mnist`", "poor", "`/home/poor/data/mnist`"]);
    rig.worker("ada");
    assert_eq!(said(&rig), "");
    rig.begin("ada");
    rig.set_state(sweep, SweepState::Paused);
    assert!(rig.scheduler.stalled(sweep).is_empty(), "it runs");
    rig.finish("ada");
    assert_says(&rig.scheduler.stalled(sweep).join("\n"), &["paused for a while", "tombola resume a"]);
    rig.set_state(sweep, SweepState::Active);
    rig.run();
    assert!(rig.scheduler.stalled(sweep).is_empty() && rig.scheduler.sweep_warnings(sweep).is_empty());
}

#[test]
fn paused_and_stopped_are_told_apart() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    let told = |rig: &Rig| rig.explain_sweep(sweep);
    rig.set_state(sweep, SweepState::Paused);
    assert_says(&told(&rig), &["s1 (a) is paused", "for a while", "until `tombola resume a`"]);
    rig.set_state(sweep, SweepState::Stopped);
    assert_says(&told(&rig), &["s1 (a) is stopped", "then it is over until", "`tombola extend a FILE`"]);
}

#[test]
fn a_sweep_tells_what_failed_and_how_much_stands_behind_it() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "[1, 2]", 2, ""));
    rig.worker("ada");
    rig.begin("ada");
    let job = first(&rig);
    rig.fail("ada", job, FailureClass::User);
    let told = rig.explain_sweep(sweep);
    // The other seed gets on.
    assert_says(
        &told,
        &[
            "s1 (a) is active",
            "1 jobs failed, and 4 jobs stand behind them",
            "j1 failed, and 4 jobs wait for what it would have made: train mnist_lenet_4",
        ],
    );
    for _ in 0..5 {
        let job = rig.runs("ada")[0];
        rig.fail("ada", job, FailureClass::Crashed);
    }
    let told = rig.explain_sweep(sweep);
    assert_says(
        &told,
        &["s1 (a) has failed", "2 jobs failed, and 8 jobs stand behind them", "is quarantined: it may take"],
    );
    assert!(!told.contains("most urgent"), "nothing is ready:\n{told}");
    assert!(!told.contains("longest chain"), "and nothing is going to be trained:\n{told}");
}

#[test]
fn a_sweep_tells_what_runs_where_and_what_is_put_off() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 2, ""));
    assert_says(&rig.explain_sweep(sweep), &["jobs are granted to workers and not begun"]);
    rig.begin("ada");
    assert_says(
        &rig.explain_sweep(sweep),
        &[
            "of what runs, j1 has most before it, 100 of 100 iterations: train mnist_lenet_4",
            "the longest chain of what is left trains 300 iterations",
        ],
    );
    rig.cut("ada");
    let told = rig.explain_sweep(sweep);
    assert_says(
        &told,
        &["jobs are with workers whose connection is down (ada): they go on there, or to others within"],
    );
    rig.connect("ada");
    let job = first(&rig);
    rig.fail("ada", job, FailureClass::Infrastructure);
    assert_says(
        &rig.explain_sweep(sweep),
        &["1 jobs failed by their surroundings and are tried again, the first in 2 s"],
    );
    rig.wait(2);
    let job = rig.runs("ada")[0];
    rig.fail("ada", job, FailureClass::Crashed);
    rig.kill("ada");
    assert_says(&rig.explain_sweep(sweep), &["1 jobs ran at abrupt ends of workers or engines"]);
}

#[test]
fn a_sweep_names_workers_that_take_nothing_new() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.worker("bob");
    let sweep = rig.submit(&tiny("a", "\"1..=9\"", 1, ""));
    rig.begin("ada");
    rig.begin("bob");
    let bob = rig.scheduler.workers(rig.now).into_iter().find(|view| view.name == "bob").unwrap();
    // It said so, and has not given anything back yet.
    rig.event(Event::Draining { worker: bob.worker });
    assert_says(&rig.explain_sweep(sweep), &["1 connected workers take nothing new: bob (draining)"]);
}
