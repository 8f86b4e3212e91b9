//! The real agent against a coordinator over real gRPC, with engines that pretend.
#![expect(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]

mod rig;

use rig::{Act, Coordinator, FakeExecutor, Shelf, Worker, job, lease, other_protocol, samples, with_inputs};
use std::time::Duration;
use tombola_agent::{AgentError, Exit};
use tombola_spec::{outcome::Outcome, slot::StageJob, worker::WorkerInfo};
use tombola_wire::v1::{self, from_worker::Message, report::What, to_worker};

const STEP: Duration = Duration::from_millis(1);

/// Job 1 goes on for ever, others are trained.
fn first_is_endless(job: &StageJob) -> Act {
    if job.job.0 == 1 { Act::Endless } else { Act::Train }
}

fn kinds(said: &[What]) -> Vec<&'static str> {
    let kind = |what: &What| match what {
        What::Started(_) => "started",
        What::Metrics(_) => "metrics",
        What::Checkpoint(_) => "checkpoint",
        What::Finished(_) => "finished",
        What::Failed(_) => "failed",
        What::GivenBack(_) => "given back",
    };
    said.iter().map(kind).collect()
}

fn outcome(said: &[What]) -> Outcome {
    match said.last() {
        Some(What::Finished(finished)) => serde_json::from_str(&finished.outcome_json).unwrap(),
        other => panic!("not finished: {other:?}"),
    }
}

fn failure(said: &[What]) -> &v1::Failed {
    match said.last() {
        Some(What::Failed(failed)) => failed,
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
fn all_uploaded(shelf: &Shelf, outcome: &Outcome) {
    assert!(outcome.outputs.values().all(|artifact| shelf.holds(&artifact.digest)));
}

#[tokio::test]
async fn a_chain_is_run_uploaded_and_reported_job_by_job() {
    let mut coordinator = Coordinator::start();
    let mut worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    let mut link = coordinator.link().await;
    let info: WorkerInfo = serde_json::from_str(&link.hello.info_json).unwrap();
    assert_eq!((info.name.as_str(), info.slots.len(), info.slots[0].lanes), ("tester", 1, 2));
    assert!(info.data.iter().any(|data| data.set == "mnist") && info.components.contains_key("training"));
    assert_eq!((link.hello.worker.as_str(), link.hello.held.len()), ("", 0));
    link.welcome("w7").await;

    let train = samples::train(1);
    let prune = samples::prune(&train);
    let again = samples::retrain(&train, &prune);
    link.lease(lease(1, &[job(1, &train), job(2, &prune), job(3, &again)])).await;
    for number in 1..=3 {
        let (said, sequence) = link.until_over(number).await;
        assert_eq!(kinds(&said), ["started", "finished"]);
        all_uploaded(&coordinator.shelf, &outcome(&said));
        link.acknowledge(sequence).await;
    }
    worker.drain();
    assert!(matches!(link.word().await, Some(Message::Draining(_))));
    assert!(matches!(link.word().await, Some(Message::Leaving(_))));
    drop(link);
    assert_eq!(worker.left().await.unwrap(), Exit::Drained);
}

#[tokio::test]
async fn a_worker_outlives_its_coordinator_and_hands_in_what_it_did_meanwhile() {
    let mut coordinator = Coordinator::start();
    let mut worker =
        Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(Duration::from_millis(10), |_| Act::Train))
            .started();
    let mut link = coordinator.link().await;
    link.welcome("w7").await;
    let train = samples::train(1);
    link.lease(lease(1, &[job(1, &train), job(2, &samples::prune(&train))])).await;
    let first = link.report().await;
    assert!(matches!(first.what, Some(What::Started(_))));
    coordinator.vanish();

    coordinator.come_back();
    let mut link = coordinator.link().await;
    assert_eq!(link.hello.worker, "w7");
    let held: Vec<_> = link.hello.held.iter().map(|held| (held.job, held.attempt)).collect();
    assert_eq!(held, [(1, 1), (2, 1)]);
    link.welcome("w7").await;
    for number in 1..=2 {
        let (said, sequence) = link.until_over(number).await;
        assert_eq!(kinds(&said), ["started", "finished"], "what was not acknowledged is said again");
        all_uploaded(&coordinator.shelf, &outcome(&said));
        link.acknowledge(sequence).await;
    }
    worker.drain();
    assert!(matches!(link.word().await, Some(Message::Draining(_))));
    assert!(matches!(link.word().await, Some(Message::Leaving(_))));
    drop(link);
    assert_eq!(worker.left().await.unwrap(), Exit::Drained);
}

#[tokio::test]
async fn a_worker_that_was_killed_comes_back_as_itself_with_its_reports() {
    let mut coordinator = Coordinator::start();
    let mut worker =
        Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(STEP, first_is_endless)).started();
    let mut link = coordinator.link().await;
    link.welcome("w7").await;
    let mut pack = lease(1, &[job(1, &samples::train(1))]);
    pack.stages[0].jobs.push(job(2, &samples::train(2)));
    link.lease(pack).await;
    link.until_over(2).await;
    worker.kill().await;
    drop(link);

    worker.start();
    let mut link = coordinator.link().await;
    assert_eq!((link.hello.worker.as_str(), link.hello.held.len()), ("w7", 2));
    link.welcome("w7").await;
    let (said, _) = link.until_over(2).await;
    assert_eq!(kinds(&said), ["started", "finished"]);
    let (said, _) = link.until_over(1).await;
    assert_eq!(failure(&said).class, "crashed", "its engine died with the worker");
}

#[tokio::test]
async fn heartbeats_carry_progress_and_a_cancelled_job_stops() {
    let mut coordinator = Coordinator::start();
    let _worker =
        Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(STEP, first_is_endless)).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let beat = link.heartbeat().await;
        seen.extend(
            beat.progress.iter().filter(|at| at.iteration > 0).map(|at| (at.job, at.attempt, at.iteration)),
        );
        seen.dedup();
    }
    assert!(seen.iter().all(|at| (at.0, at.1) == (1, 1)) && seen.is_sorted(), "{seen:?}");

    link.say(to_worker::Message::Cancel(v1::CancelJob { job: 1, attempt: 1 })).await;
    link.lease(lease(2, &[job(2, &samples::train(2))])).await;
    assert_eq!(kinds(&link.until_over(2).await.0), ["started", "finished"]);
    while !link.heartbeat().await.progress.is_empty() {}
}

#[tokio::test]
async fn a_draining_worker_hands_in_a_checkpoint_that_another_goes_on_from() {
    let mut coordinator = Coordinator::start();
    let mut worker =
        Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(STEP, first_is_endless)).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    let first = job(1, &samples::train(1));
    link.lease(lease(1, std::slice::from_ref(&first))).await;
    assert!(matches!(link.report().await.what, Some(What::Started(_))));
    worker.drain();
    assert!(matches!(link.word().await, Some(Message::Draining(_))));
    let (said, sequence) = link.until_over(1).await;
    assert_eq!(kinds(&said), ["checkpoint", "given back"]);
    link.acknowledge(sequence).await;
    assert!(matches!(link.word().await, Some(Message::Leaving(_))));
    drop(link);
    assert_eq!(worker.left().await.unwrap(), Exit::Drained);

    let What::Checkpoint(taken) = &said[0] else { panic!() };
    let resumed = v1::LeasedJob { attempt: 2, resume: taken.artifact.clone(), ..first };
    let mut other = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default());
    other.start();
    let mut link = coordinator.link().await;
    link.welcome("w2").await;
    link.lease(lease(2, &[resumed])).await;
    let (said, _) = link.until_over(1).await;
    assert_eq!(said[0], What::Started(v1::Started { iteration: taken.iteration }));
    assert!(matches!(said[1], What::Finished(_)));
}

#[tokio::test]
async fn a_recalled_lease_is_given_back_if_it_has_not_begun() {
    let mut coordinator = Coordinator::start();
    let _worker =
        Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(STEP, first_is_endless)).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    assert!(matches!(link.report().await.what, Some(What::Started(_))));
    link.lease(lease(2, &[job(2, &samples::train(2))])).await;
    link.say(to_worker::Message::Recall(v1::Recall { lease: "l2".to_owned() })).await;
    loop {
        match link.word().await.unwrap() {
            Message::Report(report) => assert_eq!(report.job, 1),
            Message::Returned(returned) => {
                assert_eq!((returned.lease.as_str(), returned.jobs.as_slice()), ("l2", [2].as_slice()));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_dead_engine_fails_its_jobs_alone_and_is_replaced() {
    let mut coordinator = Coordinator::start();
    let script = |job: &StageJob| match job.job.0 {
        1 => Act::Endless,
        2 => Act::Crash,
        _ => Act::Train,
    };
    let worker = Worker::new(vec![coordinator.url()], 2, FakeExecutor::new(STEP, script)).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    link.lease(v1::Lease { slot: 1, ..lease(2, &[job(2, &samples::train(2))]) }).await;
    link.lease(v1::Lease { slot: 1, ..lease(3, &[job(3, &samples::train(3))]) }).await;
    let (said, _) = link.until_over(2).await;
    assert_eq!(failure(&said).class, "crashed");
    assert!(failure(&said).message.contains("slot 1") && failure(&said).message.contains("signal 11"));
    assert_eq!(kinds(&link.until_over(3).await.0), ["started", "finished"]);
    assert_eq!(worker.executor.starts(), 3);
    while !link.heartbeat().await.progress.iter().any(|at| at.job == 1) {}
}

#[tokio::test]
async fn an_engine_that_is_stuck_is_killed() {
    let mut coordinator = Coordinator::start();
    let script = |job: &StageJob| if job.job.0 == 1 { Act::Hang } else { Act::Train };
    let mut worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(STEP, script));
    worker.options.limits.stuck_after = Duration::from_millis(300);
    worker.start();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    let (said, _) = link.until_over(1).await;
    assert_eq!(failure(&said).class, "crashed");
    assert!(failure(&said).message.contains("did not advance"), "{said:?}");
    link.lease(lease(2, &[job(2, &samples::train(2))])).await;
    assert_eq!(kinds(&link.until_over(2).await.0), ["started", "finished"]);
}

#[tokio::test]
async fn inputs_are_fetched_once_and_missing_ones_are_nobodys_fault() {
    let mut coordinator = Coordinator::start();
    let weights = coordinator.shelf.add(&b"trained elsewhere".repeat(1000));
    let _worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    let spec = samples::prune(&samples::train(1));
    link.lease(lease(1, &[with_inputs(job(1, &spec), &spec, weights)])).await;
    assert_eq!(kinds(&link.until_over(1).await.0), ["started", "finished"]);

    let other = samples::prune(&samples::train(2));
    let nowhere = Shelf::default().add(b"nowhere");
    link.lease(lease(2, &[with_inputs(job(2, &other), &other, nowhere)])).await;
    let (said, _) = link.until_over(2).await;
    assert_eq!(failure(&said).class, "infrastructure");
    assert!(failure(&said).message.contains(&nowhere.digest.to_string()), "{said:?}");
}

/// A bit that a disk has lost must not change what is trained: chaos found an input that was taken for its length alone.
#[tokio::test]
async fn an_input_that_is_damaged_here_is_fetched_again() {
    let mut coordinator = Coordinator::start();
    let weights = coordinator.shelf.add(b"weights");
    let worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    let spec = samples::prune(&samples::train(1));
    link.lease(lease(1, &[with_inputs(job(1, &spec), &spec, weights)])).await;
    assert_eq!(kinds(&link.until_over(1).await.0), ["started", "finished"]);

    let name = weights.digest.to_string();
    let file = worker.options.folder.join("artifacts").join(&name[..2]).join(&name);
    assert_eq!(std::fs::read(&file).unwrap(), b"weights");
    std::fs::write(&file, b"weighty").unwrap();
    let other = samples::prune(&samples::train(2));
    link.lease(lease(2, &[with_inputs(job(2, &other), &other, weights)])).await;
    assert_eq!(kinds(&link.until_over(2).await.0), ["started", "finished"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"weights");
}

#[tokio::test]
async fn uploads_that_are_not_taken_are_tried_again_and_not_repeated() {
    let mut coordinator = Coordinator::start();
    coordinator.shelf.refuse(2);
    let _worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    let (said, _) = link.until_over(1).await;
    all_uploaded(&coordinator.shelf, &outcome(&said));
    assert_eq!(coordinator.shelf.puts() as usize, outcome(&said).outputs.len());
}

#[tokio::test]
async fn an_output_that_the_coordinator_will_never_take_fails_its_job_with_what_to_do() {
    let mut coordinator = Coordinator::start();
    coordinator.shelf.limit(10);
    let _worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    let (said, _) = link.until_over(1).await;
    let failed = failure(&said);
    assert_eq!(failed.class, "user", "it would be refused again, after all the work");
    assert!(failed.message.contains("too large; hint: raise `limits.artifact`"), "{failed:?}");
    assert_eq!(coordinator.shelf.puts(), 0);
    // Nothing of it is in the way of what comes after.
    coordinator.shelf.limit(1 << 20);
    link.lease(lease(2, &[job(2, &samples::train(2))])).await;
    all_uploaded(&coordinator.shelf, &outcome(&link.until_over(2).await.0));
}

#[tokio::test]
async fn a_folder_that_takes_no_files_fails_jobs_and_not_the_worker() {
    let mut coordinator = Coordinator::start();
    let mut worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    let mut link = coordinator.link().await;
    link.welcome("w1").await;
    std::fs::write(worker.options.folder.join("slots"), "in the way").unwrap();
    link.lease(lease(1, &[job(1, &samples::train(1))])).await;
    let (said, sequence) = link.until_over(1).await;
    assert_eq!(failure(&said).class, "infrastructure");
    assert!(failure(&said).message.contains("slots"), "{said:?}");
    link.acknowledge(sequence).await;
    worker.drain();
    assert!(matches!(link.word().await, Some(Message::Draining(_))));
    assert!(matches!(link.word().await, Some(Message::Leaving(_))));
    drop(link);
    assert_eq!(worker.left().await.unwrap(), Exit::Drained);
}

#[tokio::test]
async fn a_worker_of_another_protocol_leaves_and_says_why() {
    let mut coordinator = Coordinator::start();
    let mut worker = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default());
    worker.options.protocol = other_protocol();
    worker.start();
    let link = coordinator.link().await;
    assert_eq!(link.hello.protocol, other_protocol());
    link.refuse("upgrade the coordinator").await;
    assert_eq!(worker.left().await.unwrap(), Exit::Refused("upgrade the coordinator".to_owned()));
}

#[tokio::test]
async fn coordinators_are_tried_in_turn() {
    let mut gone = Coordinator::start();
    gone.vanish();
    let mut coordinator = Coordinator::start();
    let _worker = Worker::new(vec![gone.url(), coordinator.url()], 1, FakeExecutor::default()).started();
    coordinator.link().await.welcome("w1").await;
}

#[tokio::test]
async fn a_slot_that_cannot_work_keeps_the_worker_from_starting() {
    let mut worker =
        Worker::new(vec!["127.0.0.1:1".to_owned()], 1, FakeExecutor::unable("no driver; hint: install it"))
            .started();
    let error = worker.left().await.unwrap_err();
    assert!(matches!(error, AgentError::Engine { slot: 0, .. }));
    assert_eq!(error.to_string(), "slot 0 (cpu=2) cannot work: no driver; hint: install it");
}

#[tokio::test]
async fn a_second_worker_in_a_folder_is_turned_away() {
    let mut coordinator = Coordinator::start();
    let first = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default()).started();
    coordinator.link().await.welcome("w1").await;
    let mut second = Worker::new(vec![coordinator.url()], 1, FakeExecutor::default());
    second.options.folder = first.options.folder.clone();
    second.start();
    assert!(matches!(second.left().await, Err(AgentError::FolderInUse(_))));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_with_a_hint() {
    for address in ["", "http://", "ftp://lab", "lab with spaces:1"] {
        let mut worker = Worker::new(vec![address.to_owned()], 1, FakeExecutor::default()).started();
        let error = worker.left().await.unwrap_err();
        assert!(matches!(error, AgentError::Setting { .. }), "{address}: {error}");
        assert!(error.to_string().contains("hint: "), "{address}: {error}");
    }
}

#[tokio::test]
async fn each_hello_has_a_higher_number_than_the_one_before() {
    let mut coordinator = Coordinator::start();
    let mut worker =
        Worker::new(vec![coordinator.url()], 1, FakeExecutor::new(STEP, first_is_endless)).started();
    let mut numbers = Vec::new();
    for again in [false, true] {
        if again {
            worker.kill().await;
            worker.start();
        }
        for _ in 0..2 {
            let link = coordinator.link().await;
            link.welcome("w7").await;
            numbers.push(link.hello.number);
        }
    }
    assert!(numbers[0] > 0 && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}
