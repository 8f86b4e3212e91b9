//! What people are told when they ask why.

use crate::rig::{Rig, tiny};
use tombola_core::record::SweepState;
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
    assert_says(&rig.explain(first(&rig)), &["none of 1 connected workers", "poor has no data set `mnist`"]);
    rig.worker("ada");
    let last = rig.jobs(sweep)[6];
    assert_says(&rig.explain(last), &["1 slots that can take it are busy", "0 jobs are more urgent"]);
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
    let sweep = rig.scheduler.explain_sweep(rig.now, sweep).unwrap().join("\n");
    assert_says(
        &sweep,
        &["s1 (a) is active: 0 jobs done", "1 failed", "and 2 jobs stand behind them", "tombola retry a"],
    );
}
