//! `kill -9` of a worker, of an engine, of the coordinator: nothing finished is redone, nothing changes its result.

use crate::rig::{Lab, eventually, kill, lives, sweep};
use std::{collections::BTreeMap, time::SystemTime};

/// Long enough to be in the middle of, whatever the machine.
const STEPS: u32 = 30_000;

#[tokio::test]
async fn a_killed_workers_round_goes_on_from_its_checkpoint_on_another_worker() {
    let undisturbed = Lab::open().await;
    let eve = undisturbed.worker("eve", "cpu=1");
    undisturbed.submit(&sweep("s", "1", STEPS, 1)).await;

    let lab = Lab::open().await;
    let mut workers: BTreeMap<_, _> =
        ["ada", "bob"].map(|name| (name.to_owned(), lab.worker(name, "cpu=1"))).into();
    lab.connected(2).await;
    lab.submit(&sweep("s", "1", STEPS, 1)).await;
    let killed = lab.past("s", 1).await.remove(0).worker;
    lab.checkpointed(1).await;
    workers.remove(&killed).unwrap().kill();
    lab.finished("s").await;
    undisturbed.finished("s").await;
    drop(eve);

    let history = lab.history().await;
    let lost: Vec<_> = history.iter().filter(|attempt| attempt.how == "lost").collect();
    assert_eq!((lost.len(), &lost[0].worker), (1, &killed), "{history:?}");
    let next = history.iter().find(|attempt| attempt.job == lost[0].job && attempt.how == "done").unwrap();
    assert_ne!(next.worker, killed);
    assert!(next.from >= 500 && next.from % 500 == 0, "resumed from {}", next.from);
    assert_eq!(lab.results("s", 1).await, undisturbed.results("s", 1).await);
}

#[tokio::test]
async fn a_killed_engine_costs_its_job_a_retry_and_its_neighbour_nothing() {
    let lab = Lab::open().await;
    let ada = lab.worker("ada", "2xcpu=1");
    lab.submit(&sweep("s", "[1, 2]", STEPS, 1)).await;
    lab.all_past("s", 1000, 2).await;
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
    for writes in [2, 1] {
        lab.all_past("s", 1000, 2).await;
        lab.kill_coordinator();
        // Meanwhile they train on.
        for _ in 0..writes {
            let now = SystemTime::now();
            lab.wrote_after("ada", now).await;
            lab.wrote_after("bob", now).await;
        }
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

/// What is left over is handed in at the next start.
#[tokio::test]
async fn workers_that_leave_without_a_coordinator_say_how_they_left() {
    let mut lab = Lab::open().await;
    let ada = lab.worker_with("ada", "cpu=1", &[("TOMBOLA_WORKER_LIMITS__DRAIN_WITHIN", "1s")]);
    let bob = lab.worker("bob", "cpu=1");
    lab.submit(&sweep("s", "[1, 2]", STEPS, 1)).await;
    lab.all_past("s", 1000, 2).await;
    lab.checkpointed(2).await;
    lab.kill_coordinator();
    ada.signal("-TERM");
    bob.signal("-TERM");
    eventually(|| async { lab.log("bob").contains("worker.drain").then_some(()) }).await;
    bob.signal("-TERM");
    assert_eq!((ada.wait(), bob.wait()), (Some(4), Some(130)));
    assert!(lab.log("ada").contains("draining took too long; what is left is handed in at the next start"));
    assert!(lab.log("bob").contains("left at once; running jobs go on from their last checkpoints"));

    // However slowly they come back.
    lab.term = "60s";
    lab.start_coordinator().await;
    let _workers = [lab.worker("ada", "cpu=1"), lab.worker("bob", "cpu=1")];
    lab.finished("s").await;
    let history = lab.history().await;
    let (done, cut): (Vec<_>, Vec<_>) = history.iter().partition(|attempt| attempt.how == "done");
    assert_eq!((done.len(), cut.len()), (6, 2), "{history:?}");
    let charged = lab.sql("select sum(tries) + sum(losses) from jobs").await;
    assert_eq!(charged, [["0"]], "{history:?}");
    for cut in cut {
        let next = done.iter().find(|next| next.job == cut.job).unwrap();
        assert!(next.from >= 500, "{history:?}");
    }
}

#[tokio::test]
async fn a_data_set_that_no_worker_has_is_named_with_who_lacks_it_and_what_to_do() {
    let lab = Lab::open().await;
    let empty = lab.path("empty");
    let _ada = lab.worker_with("ada", "cpu=1", &[("TOMBOLA_WORKER_DATA", empty.to_str().unwrap())]);
    lab.connected(1).await;
    lab.submit(&sweep("s", "1", 300, 1)).await;
    let told = lab.explain("s").await;
    assert!(told.contains("none of 1 connected workers can take it"), "{told}");
    let looks = format!("ada has no data set `tiny`; it looks in `{}/tiny`", empty.display());
    assert!(told.contains(&looks), "{told}");
    let _bob = lab.worker("bob", "cpu=1");
    lab.finished("s").await;
    let history = lab.history().await;
    assert!(history.iter().all(|attempt| attempt.kind == "prune" || attempt.worker == "bob"), "{history:?}");
}
