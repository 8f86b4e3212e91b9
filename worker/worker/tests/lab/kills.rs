//! `kill -9` of a worker, of an engine, of the coordinator: nothing finished is redone, nothing changes its result.

use crate::rig::{Lab, eventually, kill, lives, sweep};

/// Long enough to be in the middle of, whatever the machine.
const STEPS: u32 = 30_000;

#[tokio::test]
async fn a_killed_workers_round_goes_on_from_its_checkpoint_on_another_worker() {
    let undisturbed = Lab::open().await;
    let eve = undisturbed.worker("eve", "cpu=1");
    undisturbed.submit(&sweep("s", "1", STEPS, 1)).await;

    let lab = Lab::open().await;
    let ada = lab.worker("ada", "cpu=1");
    lab.submit(&sweep("s", "1", STEPS, 1)).await;
    lab.past("s", 1).await;
    let _bob = lab.worker("bob", "cpu=1");
    eventually(|| async { (lab.sql("select name from worker_status").await.len() == 2).then_some(()) }).await;
    lab.checkpointed(1).await;
    ada.kill();
    lab.finished("s").await;
    undisturbed.finished("s").await;
    drop(eve);

    let history = lab.history().await;
    let killed: Vec<_> = history.iter().filter(|attempt| attempt.how == "lost").collect();
    assert_eq!(killed.len(), 1, "{history:?}");
    let next = history.iter().find(|attempt| attempt.job == killed[0].job && attempt.how == "done").unwrap();
    assert_eq!(next.worker, "bob");
    assert!(next.from >= 500 && next.from % 500 == 0, "resumed from {}", next.from);
    assert_eq!(lab.results("s", 1).await, undisturbed.results("s", 1).await);
}

#[tokio::test]
async fn a_killed_engine_costs_its_job_a_retry_and_its_neighbour_nothing() {
    let lab = Lab::open().await;
    let ada = lab.worker("ada", "2xcpu=1");
    lab.submit(&sweep("s", "[1, 2]", STEPS, 1)).await;
    eventually(|| async { (lab.past("s", 1000).await.len() == 2).then_some(()) }).await;
    let engines = ada.children();
    assert_eq!(engines.len(), 2);
    lab.checkpointed(2).await;
    kill(engines[0]);
    lab.finished("s").await;

    assert!(lives(engines[1]), "the neighbour's engine was ended too");
    assert_eq!(ada.children().len(), 2);
    let history = lab.history().await;
    let crashed: Vec<_> = history.iter().filter(|attempt| attempt.how != "done").collect();
    assert_eq!((crashed.len(), crashed[0].how.as_str()), (1, "failed"), "{history:?}");
    let classes = lab.sql("select failure_class from job_history where how = 'failed'").await;
    assert_eq!(classes, [["crashed"]]);
    // Its next try went on from a checkpoint; every other job took one.
    let retry =
        history.iter().find(|attempt| attempt.job == crashed[0].job && attempt.how == "done").unwrap();
    assert!(retry.from >= 500, "resumed from {}", retry.from);
    assert_eq!(history.iter().filter(|attempt| attempt.how == "done").count(), 6);
}

#[tokio::test]
async fn workers_outlive_a_killed_coordinator_and_nothing_finished_is_redone() {
    let mut lab = Lab::open().await;
    let workers = [lab.worker("ada", "cpu=1"), lab.worker("bob", "cpu=1")];
    lab.submit(&sweep("s", "[1, 2]", STEPS, 2)).await;
    for _ in 0..2 {
        lab.past("s", 1000).await;
        lab.kill_coordinator();
        // Meanwhile they train on, and end what they were given.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        lab.start_coordinator().await;
    }
    lab.finished("s").await;

    assert!(workers.iter().all(|worker| worker.children().len() == 1));
    let history = lab.history().await;
    assert!(history.iter().all(|attempt| attempt.how == "done" && attempt.from == 0), "{history:?}");
    let mut jobs: Vec<_> = history.iter().map(|attempt| attempt.job).collect();
    jobs.dedup();
    assert_eq!((jobs.len(), history.len()), (10, 10), "{history:?}");
    let points = lab
        .sql("select count(*) from metric where metric = 'loss' and split = 'test' and iteration > 0")
        .await;
    assert_eq!(points, [["6"]], "every point once");
}

#[tokio::test]
async fn a_worker_told_to_leave_checkpoints_gives_back_and_exits_with_0() {
    let lab = Lab::open().await;
    let ada = lab.worker("ada", "cpu=1");
    lab.submit(&sweep("s", "1", STEPS, 1)).await;
    lab.past("s", 1200).await;
    ada.signal("-TERM");
    assert_eq!(ada.wait(), Some(0));
    assert_eq!(lab.sql("select state from worker_status").await, [["gone"]]);
    let _bob = lab.worker("bob", "cpu=1");
    lab.finished("s").await;
    let history = lab.history().await;
    assert_eq!(history[0].how, "drained", "{history:?}");
    assert!(history[1].worker == "bob" && history[1].from > 1000, "{history:?}");
}
