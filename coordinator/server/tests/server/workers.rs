//! The contract of a session, as the coordinator keeps it.

use crate::rig::{Home, SWEEP, Served, Worker, admin, finished, info, scenarios, with};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tombola_core::schedule::{Config, Event};
use tombola_server::{
    config::Span,
    driver::{Closing, Connected, Driver, Start, ToLink},
    store::Store,
};
use tombola_spec::{Digest, outcome::Artifact, version};
use tombola_wire::v1::{
    self, FailuresResponse, FromWorker, GetRequest, HaveRequest, Heartbeat, Hello, Progress, QueryRequest,
    SubmitRequest, SweepRef, WatchRequest, from_worker, report, to_worker, value::Kind,
    worker_service_client::WorkerServiceClient,
};
use tonic::Code;

scenarios!(
    a_worker_of_another_protocol_is_refused_with_what_to_do,
    a_worker_of_the_next_release_is_welcome_if_it_still_speaks_this_protocol,
    a_worker_that_computes_otherwise_is_refused,
    nonsense_ends_the_session_and_says_why,
    a_worker_of_another_state_is_a_stranger_with_empty_hands,
    a_late_attempt_is_fenced,
    heartbeats_show_how_far_a_job_is,
    what_a_living_worker_does_not_get_on_with_is_taken_back,
    a_result_without_its_artifacts_is_not_believed,
    a_checkpoint_that_is_gone_is_forgotten_and_the_attempt_goes_on,
    a_repeated_report_is_stored_once,
    nothing_is_acknowledged_before_it_is_on_disk,
    a_lease_that_cannot_be_looked_up_is_granted_again,
);

async fn submit(served: &Served) {
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
}

fn hello(name: &str) -> Hello {
    let info_json = serde_json::to_string(&info(name)).unwrap();
    Hello { protocol: version::PROTOCOL, info_json, ..Hello::default() }
}

async fn failures(served: &Served) -> FailuresResponse {
    served.sweeps().failures(SweepRef { sweep: "tiny".to_owned() }).await.unwrap().into_inner()
}

/// Workers may be upgraded before their coordinator.
async fn a_worker_of_the_next_release_is_welcome_if_it_still_speaks_this_protocol(home: &Home) {
    let served = home.serve().await;
    let next = Hello { protocol: version::PROTOCOL + 1, oldest_protocol: version::PROTOCOL, ..hello("one") };
    let (answer, _worker) = Worker::hello(served.address, next).await.unwrap();
    let to_worker::Message::Welcome(welcome) = answer else { panic!("{answer:?}") };
    assert_eq!(welcome.protocol, version::PROTOCOL);
    served.stop().await;
}

async fn a_worker_of_another_protocol_is_refused_with_what_to_do(home: &Home) {
    let served = home.serve().await;
    let other = Hello { protocol: version::PROTOCOL + 1, ..hello("one") };
    let (answer, mut worker) = Worker::hello(served.address, other).await.unwrap();
    let to_worker::Message::Refused(refused) = answer else { panic!("{answer:?}") };
    assert!(!refused.retry);
    assert!(
        refused.message.contains("speaks protocol") && refused.message.contains("hint: upgrade the coord")
    );
    assert_eq!(worker.next().await.unwrap_err().code(), Code::Ok, "the session ends in peace");
    served.stop().await;
}

async fn a_worker_that_computes_otherwise_is_refused(home: &Home) {
    let served = home.serve().await;
    let mut info = info("one");
    info.components.insert("training".to_owned(), 99);
    let other = Hello { info_json: serde_json::to_string(&info).unwrap(), ..hello("one") };
    let (answer, _) = Worker::hello(served.address, other).await.unwrap();
    let to_worker::Message::Refused(refused) = answer else { panic!("{answer:?}") };
    assert!(refused.message.contains("`training`") && !refused.retry, "{}", refused.message);
    let _one = Worker::connect(served.address, "one").await;
    let (answer, _) = Worker::hello(served.address, hello("one")).await.unwrap();
    let to_worker::Message::Refused(refused) = answer else { panic!("{answer:?}") };
    assert!(refused.message.contains("another worker called `one`") && refused.retry, "{}", refused.message);
    served.stop().await;
}

async fn nonsense_ends_the_session_and_says_why(home: &Home) {
    let served = home.serve().await;
    let first = FromWorker { message: Some(from_worker::Message::Leaving(v1::Leaving {})) };
    let mut session = WorkerServiceClient::new(served.channel())
        .session(tokio_stream::iter([first]))
        .await
        .unwrap()
        .into_inner();
    let refused = session.message().await.unwrap_err();
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("Hello"), "{refused}");

    let unreadable = Hello { info_json: "{".to_owned(), ..hello("one") };
    let Err(refused) = Worker::hello(served.address, unreadable).await else { panic!("it was taken in") };
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("info_json"), "{refused}");

    let mut worker = Worker::connect(served.address, "one").await;
    let series = v1::Series {
        name: "loss".to_owned(),
        split: "train".to_owned(),
        iterations: vec![1, 2],
        values: vec![1.0],
    };
    let what = Some(report::What::Metrics(v1::Metrics { batch: 1, series: vec![series] }));
    let report = v1::Report { sequence: 1, job: 1, attempt: 1, what };
    worker.say(from_worker::Message::Report(report)).await;
    let refused = worker.next().await.unwrap_err();
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("series.values"));
    served.stop().await;
}

/// There, the same numbers mean other jobs: a result under a borrowed number would be a wrong one.
async fn a_worker_of_another_state_is_a_stranger_with_empty_hands(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut one = Worker::connect(served.address, "one").await;
    let lease = one.lease().await;
    let (number, _) = one.id.split_once('@').unwrap();
    let held = Worker::held(&lease, true);
    let foreign = format!("{number}@elsewhere");
    let other = Worker::welcome(served.address, &info("other"), &foreign, held).await;
    assert_ne!(other.id, one.id);
    let heard = one.start(&lease.stages[0].jobs[0]).await;
    assert!(!heard.iter().any(|message| matches!(message, to_worker::Message::Fenced(_))), "{heard:?}");
    served.stop().await;
}

async fn a_late_attempt_is_fenced(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut slow = Worker::connect(served.address, "slow").await;
    let job = slow.begin().await;
    let outcome = slow.upload(&job).await;
    // It falls silent; after its term the job is somebody else's.
    let mut quick = Worker::connect(served.address, "quick").await;
    let other = loop {
        let lease = quick.lease().await;
        let mut jobs = lease.stages.iter().flat_map(|stage| &stage.jobs);
        match jobs.find(|other| other.job == job.job).cloned() {
            Some(again) => break (lease, again),
            None => quick.run(&lease).await,
        }
    };
    assert!(other.1.attempt > job.attempt);
    let heard = slow.report(&job, report::What::Finished(finished(&outcome))).await;
    let fenced = heard.into_iter().find_map(|message| match message {
        to_worker::Message::Fenced(fenced) => Some(fenced.attempts),
        _ => None,
    });
    assert_eq!(fenced.unwrap()[0].job, job.job);
    quick.run(&other.0).await;
    quick.work(12).await;
    let sql = format!("select worker, how from job_history where job = {} order by attempt", job.job);
    let told = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let text = |row: usize, column: usize| told[row].values[column].kind.clone();
    assert_eq!((text(0, 0), text(0, 1)), (Some(Kind::Text("slow".into())), Some(Kind::Text("lost".into()))));
    assert_eq!((text(1, 0), text(1, 1)), (Some(Kind::Text("quick".into())), Some(Kind::Text("done".into()))));
    served.stop().await;
}

async fn heartbeats_show_how_far_a_job_is(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let job = worker.begin().await;
    let mut watched =
        served.sweeps().watch(WatchRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    let progress = Progress { job: job.job, attempt: job.attempt, iteration: 42 };
    worker.say(from_worker::Message::Heartbeat(Heartbeat { progress: vec![progress] })).await;
    let running = loop {
        let event = watched.message().await.unwrap().unwrap();
        if let Some(running) = event.running.into_iter().find(|running| running.iteration == 42) {
            assert_eq!(event.sweep.unwrap().iterations_done, 42);
            break running;
        }
    };
    assert_eq!((running.job, running.worker.as_str()), (format!("j{}", job.job), "one"));
    assert_eq!((running.label.as_str(), running.to), ("trial 1, round 0", 100));
    served.stop().await;
}

async fn what_a_living_worker_does_not_get_on_with_is_taken_back(home: &Home) {
    let mut config = home.config();
    config.workers.stuck_after = Span(Duration::from_millis(300));
    let served = home.serve_with(config).await;
    submit(&served).await;
    let mut stuck = Worker::connect(served.address, "one").await;
    let job = stuck.begin().await;
    let progress = Progress { job: job.job, attempt: job.attempt, iteration: 42 };
    let cancelled = loop {
        stuck.say(from_worker::Message::Heartbeat(Heartbeat { progress: vec![progress] })).await;
        match stuck.heard().await {
            Some(Ok(to_worker::Message::Cancel(cancelled))) => break cancelled,
            Some(Err(status)) => panic!("{status}"),
            Some(Ok(_)) | None => {}
        }
    };
    assert_eq!((cancelled.job, cancelled.attempt), (job.job, job.attempt));
    let sql = format!("select message from job_history where job = {}", job.job);
    let told = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let Some(Kind::Text(message)) = &told[0].values[0].kind else { panic!("{told:?}") };
    assert!(message.starts_with("stuck: slot 0 of one lives"), "{message}");
    Worker::connect(served.address, "two").await.work(12).await;
    served.stop().await;
}

async fn a_result_without_its_artifacts_is_not_believed(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let job = worker.begin().await;
    let mut outcome = worker.upload(&job).await;
    let there: BTreeMap<_, _> = outcome.outputs.clone();
    for artifact in outcome.outputs.values_mut() {
        artifact.bytes += 1;
    }
    worker.report(&job, report::What::Finished(finished(&outcome))).await;
    let sql = format!("select message from job_history where job = {}", job.job);
    let told = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let Some(Kind::Text(message)) = &told[0].values[0].kind else { panic!("{told:?}") };
    assert!(message.contains("does not hold"), "{message}");
    assert!(failures(&served).await.jobs.is_empty(), "it is tried again and not charged");
    let digests = there.values().map(|artifact| artifact.digest.to_string()).collect();
    let have = served.artifacts().have(HaveRequest { digests }).await.unwrap().into_inner();
    assert_eq!(have.digests.len(), there.len());
    drop(worker);
    Worker::connect(served.address, "two").await.work(12).await;
    served.stop().await;
}

/// Collected while its worker was cut off, say: the training behind it is as good as before.
async fn a_checkpoint_that_is_gone_is_forgotten_and_the_attempt_goes_on(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let job = worker.begin().await;
    let gone = Artifact { digest: Digest::of(b"gone"), bytes: 4 };
    let taken = v1::CheckpointTaken { iteration: 10, artifact: Some(gone.into()) };
    let heard = worker.report(&job, report::What::Checkpoint(taken)).await;
    assert!(!heard.iter().any(|message| matches!(message, to_worker::Message::Fenced(_))), "{heard:?}");
    let heard = worker.finish(&job).await;
    assert!(!heard.iter().any(|message| matches!(message, to_worker::Message::Fenced(_))), "{heard:?}");
    let sql = format!("select attempt, how from job_history where job = {}", job.job);
    let told = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let told: Vec<_> = told[0].values.iter().map(|value| value.kind.clone()).collect();
    assert_eq!(told, [Some(Kind::Integer(1)), Some(Kind::Text("done".into()))]);
    served.stop().await;
}

async fn a_repeated_report_is_stored_once(home: &Home) {
    let served = home.serve().await;
    let one_seed = with(&[("1..=2", "1..=1")]);
    served.sweeps().submit(SubmitRequest { file: one_seed }).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    let job = worker.begin().await;
    let series = v1::Series {
        name: "loss".to_owned(),
        split: "train".to_owned(),
        iterations: vec![10, 20],
        values: vec![1.0, 0.5],
    };
    for _ in 0..2 {
        let metrics = v1::Metrics { batch: 1, series: vec![series.clone()] };
        worker.report(&job, report::What::Metrics(metrics)).await;
    }
    let outcome = worker.upload(&job).await;
    for _ in 0..2 {
        let heard = worker.report(&job, report::What::Finished(finished(&outcome))).await;
        assert!(!heard.iter().any(|message| matches!(message, to_worker::Message::Fenced(_))), "{heard:?}");
    }
    let sql = "select (select count(*) from metric), (select count(*) from job_history where how = 'done')";
    let sql = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
    let told = served.query().query(sql).await.unwrap().into_inner().rows;
    let counts: Vec<_> = told[0].values.iter().map(|value| value.kind.clone()).collect();
    assert_eq!(counts, [Some(Kind::Integer(2)), Some(Kind::Integer(1))]);
    let sweep = served.sweeps().get(GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert_eq!(sweep.jobs.unwrap().done, 1);
    served.stop().await;
}

/// Until a report is acknowledged.
async fn acknowledged(worker: &mut Worker) {
    while !matches!(worker.next().await.unwrap(), to_worker::Message::Ack(_)) {}
}

async fn nothing_is_acknowledged_before_it_is_on_disk(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let lease = worker.lease().await;
    let job = &lease.stages[0].jobs[0];
    let held_up = home.hold_up_commits().await;
    let what = Some(report::What::Started(v1::Started { iteration: 0 }));
    let report = v1::Report { sequence: 1, job: job.job, attempt: job.attempt, what };
    worker.say(from_worker::Message::Report(report)).await;
    let mut sweeps = served.sweeps();
    let file = with(&[("tiny", "other")]);
    let submitted = tokio::spawn(async move { sweeps.submit(SubmitRequest { file }).await });
    // A hundred times as long as an answer takes.
    assert!(tokio::time::timeout(Duration::from_millis(500), acknowledged(&mut worker)).await.is_err());
    assert!(!submitted.is_finished());
    drop(held_up);
    acknowledged(&mut worker).await;
    submitted.await.unwrap().unwrap();
    served.stop().await;
}

/// What jobs do is read when their lease is sent; what cannot be read is not sent, and nothing is lost.
async fn a_lease_that_cannot_be_looked_up_is_granted_again(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    admin(&home.place, "alter table job_specs rename to hidden").await;
    let mut worker = Worker::connect(served.address, "one").await;
    let status = worker.closed().await;
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("come back"), "{status}");
    admin(&home.place, "alter table hidden rename to job_specs").await;
    let mut back = Worker::welcome(served.address, &info("one"), &worker.id, Vec::new()).await;
    back.work(12).await;
    served.stop().await;
}

/// A leader without a network around it: over a real one, what comes over an old link comes too early or not at all.
#[tokio::test]
async fn what_an_earlier_link_of_a_worker_says_is_not_heard() {
    let home = Home::sqlite();
    let (store, tasks) = (Arc::new(home.place.open()), TaskTracker::new());
    store.migrate().await.unwrap();
    let (terms, pinned) = (Config::default(), Duration::from_secs(60));
    let (backlog, stop) = (1 << 20, CancellationToken::new());
    let start = Start { store, unnamed: Arc::default(), terms, pinned, standby: false, backlog, stop };
    let driver = Driver::start(start, &tasks).await.unwrap();
    let connect = async |worker| {
        let (link, told) = mpsc::channel(8);
        let hello = Event::Hello { info: info("one"), worker, held: Vec::new(), number: 0 };
        match driver.connect(hello, link).await.unwrap() {
            Connected::Welcome(worker, id) => (worker, id, told),
            Connected::Refused => panic!("refused"),
        }
    };
    let states = || driver.read(|scheduler, now| scheduler.workers(now).iter().map(|w| w.state).collect());
    let (worker, old, mut told) = connect(None).await;
    let (again, new, _told) = connect(Some(worker)).await;
    assert_eq!(again, worker);
    assert!(matches!(told.recv().await, Some(ToLink::Welcome { .. })));
    assert!(matches!(told.recv().await, Some(ToLink::Close(Closing::Done))));
    driver.hear(worker, old, Event::Leaving { worker }, 2).await.unwrap();
    driver.disconnect(worker, old, Closing::Done).await;
    let still: Vec<&str> = states().await.unwrap();
    assert_eq!(still, ["connected"]);
    driver.hear(worker, new, Event::Leaving { worker }, 2).await.unwrap();
    assert!(states().await.unwrap().is_empty());
}

/// The newer link stays; workers that do not count their Hellos work on as they did.
#[tokio::test]
async fn a_hello_that_comes_after_a_later_one_is_refused() {
    let home = Home::sqlite();
    let served = home.serve().await;
    submit(&served).await;
    let (_, first) = Worker::hello(served.address, Hello { number: 6, ..hello("one") }).await.unwrap();
    let back = |number| Hello { number, worker: first.id.clone(), ..hello("one") };
    let (_, mut newer) = Worker::hello(served.address, back(8)).await.unwrap();
    let (told, _) = Worker::hello(served.address, back(7)).await.unwrap();
    let to_worker::Message::Refused(refused) = told else { panic!("{told:?}") };
    assert!(refused.retry && refused.message.contains("comes after a later one"), "{refused:?}");
    newer.work(12).await;
    let (told, _) = Worker::hello(served.address, back(0)).await.unwrap();
    assert!(matches!(told, to_worker::Message::Welcome(_)), "{told:?}");
    served.stop().await;
}
