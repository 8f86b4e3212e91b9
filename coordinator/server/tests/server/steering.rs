//! Pause, resume, stop, cancel, retry, drain: what people ask of what runs.

use crate::rig::{Home, SWEEP, Served, Worker, eventually, info, scenarios, with};
use std::time::Duration;
use tombola_server::config::Span;
use tombola_spec::worker::WorkerInfo;
use tombola_wire::v1::{
    self, DrainRequest, ExplainRequest, ExtendRequest, GetRequest, ListRequest, PlanRequest, QueryRequest,
    RetryRequest, SubmitRequest, Sweep, SweepRef, WatchRequest, WorkersRequest, from_worker, report,
    to_worker,
};
use tonic::Code;

scenarios!(
    a_paused_sweep_starts_nothing_until_it_is_resumed,
    a_stopped_sweep_lets_running_jobs_finish_and_ends_its_watch,
    a_cancelled_sweep_ends_now_and_can_be_started_again,
    a_cancelled_sweep_keeps_what_was_trained_and_says_cancelled_everywhere,
    a_finished_sweep_has_nothing_to_cancel,
    a_stopped_sweep_is_taken_up_again_by_the_same_file,
    a_sweep_that_waits_for_data_nobody_has_says_so_everywhere,
    a_lease_that_never_started_is_no_attempt,
    failed_jobs_say_why_and_are_tried_again_when_asked,
    a_drained_worker_gives_back_and_leaves,
);

fn tiny() -> SweepRef {
    SweepRef { sweep: "tiny".to_owned() }
}

async fn get(served: &Served) -> Sweep {
    served.sweeps().get(GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner()
}

async fn submit(served: &Served) {
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
}

/// Answers recalls until the session says nothing else; leases are not expected.
async fn give_back(worker: &mut Worker, leases: &[v1::Lease]) {
    for lease in leases {
        let jobs = lease.stages.iter().flat_map(|stage| &stage.jobs).map(|job| job.job).collect();
        let returned = v1::Returned { lease: lease.lease.clone(), jobs };
        worker.say(from_worker::Message::Returned(returned)).await;
    }
}

async fn a_paused_sweep_starts_nothing_until_it_is_resumed(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut sweeps = served.sweeps();
    assert_eq!(sweeps.pause(tiny()).await.unwrap().into_inner().state, "paused");
    let mut worker = Worker::connect(served.address, "one").await;
    let what = "tiny".to_owned();
    let told = sweeps.explain(ExplainRequest { what }).await.unwrap().into_inner().lines.join("\n");
    assert!(told.contains("tombola resume tiny"), "{told}");
    assert_eq!(get(&served).await.jobs.unwrap().ready, 2, "nothing was leased");
    assert_eq!(sweeps.resume(tiny()).await.unwrap().into_inner().state, "active");
    worker.work(12).await;
    assert!(get(&served).await.finished);
    served.stop().await;
}

async fn a_stopped_sweep_lets_running_jobs_finish_and_ends_its_watch(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let lease = worker.lease().await;
    let first = lease.stages[0].jobs[0].clone();
    let next = worker.start(&first).await;
    let mut watched =
        served.sweeps().watch(WatchRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().running[0].worker, "one");

    assert_eq!(served.sweeps().stop(tiny()).await.unwrap().into_inner().state, "stopped");
    let heard = worker.finish(&first).await;
    // What was leased and not begun is asked back: the rest of this lease, and the next.
    let recalls = heard.iter().filter(|message| matches!(message, to_worker::Message::Recall(_))).count();
    assert!(recalls > 0, "{heard:?}");
    let leases: Vec<v1::Lease> = next
        .into_iter()
        .filter_map(|message| if let to_worker::Message::Lease(lease) = message { Some(lease) } else { None })
        .collect();
    let rest = v1::Lease { stages: lease.stages[1..].to_vec(), ..lease };
    give_back(&mut worker, &[rest]).await;
    give_back(&mut worker, &leases).await;
    let mut last = None;
    while let Some(event) = watched.message().await.unwrap() {
        last = event.sweep;
    }
    let jobs = last.unwrap().jobs.unwrap();
    assert_eq!((jobs.done, jobs.running), (1, 0), "the watch ends though work is left");
    assert_eq!(get(&served).await.state, "stopped");
    served.stop().await;
}

async fn a_cancelled_sweep_ends_now_and_can_be_started_again(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let first = worker.begin().await;
    assert_eq!(served.sweeps().cancel(tiny()).await.unwrap().into_inner().state, "cancelled");
    let cancelled = loop {
        if let to_worker::Message::Cancel(cancel) = worker.next().await.unwrap() {
            break cancel;
        }
    };
    assert_eq!(cancelled.job, first.job);
    let sweep = get(&served).await;
    assert!(sweep.finished && sweep.jobs.unwrap().done == 0, "{sweep:?}");
    let again = served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    assert!(again.message().contains("tombola extend tiny"), "{again}");
    let paused = served.sweeps().pause(tiny()).await.unwrap_err();
    assert_eq!(paused.code(), Code::FailedPrecondition);
    let retried = served.sweeps().retry(RetryRequest { sweep: "tiny".to_owned() }).await.unwrap_err();
    assert!(
        retried.message().contains("was cancelled") && retried.message().contains("tombola extend"),
        "{retried}"
    );

    let extend = ExtendRequest { sweep: "tiny".to_owned(), file: SWEEP.to_owned() };
    let extended = served.sweeps().extend(extend).await.unwrap().into_inner();
    assert_eq!((extended.jobs_new, extended.sweep.unwrap().state.as_str()), (0, "active"));
    drop(worker);
    Worker::connect(served.address, "two").await.work(12).await;
    assert!(get(&served).await.finished);
    served.stop().await;
}

async fn explain(served: &Served, what: &str) -> String {
    let request = ExplainRequest { what: what.to_owned() };
    served.sweeps().explain(request).await.unwrap().into_inner().lines.join("\n")
}

async fn a_cancelled_sweep_keeps_what_was_trained_and_says_cancelled_everywhere(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(3).await;
    drop(worker);
    served.sweeps().cancel(tiny()).await.unwrap();
    let sweep = get(&served).await;
    let jobs = sweep.jobs.unwrap();
    assert_eq!(
        (sweep.state.as_str(), jobs.done, jobs.waiting + jobs.ready),
        ("cancelled", 3, 0),
        "{sweep:?}"
    );
    assert!(sweep.iterations_done > 0, "{sweep:?}");
    let listed = served.sweeps().list(ListRequest {}).await.unwrap().into_inner().sweeps;
    assert_eq!((listed[0].state.as_str(), listed[0].jobs), ("cancelled", Some(jobs)));
    let request = WatchRequest { sweep: "tiny".to_owned() };
    let mut watched = served.sweeps().watch(request).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().sweep.unwrap().state, "cancelled");
    assert!(watched.message().await.unwrap().is_none());
    assert!(explain(&served, "tiny").await.contains("was cancelled; 3 of its jobs were done by then"));

    let extend = ExtendRequest { sweep: "tiny".to_owned(), file: SWEEP.to_owned() };
    served.sweeps().extend(extend).await.unwrap();
    Worker::connect(served.address, "two").await.work(9).await;
    let sweep = get(&served).await;
    assert_eq!(
        (sweep.state.as_str(), sweep.jobs.unwrap().done),
        ("finished", 12),
        "nothing was trained twice"
    );
    served.stop().await;
}

async fn a_finished_sweep_has_nothing_to_cancel(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    Worker::connect(served.address, "one").await.work(12).await;
    let refused = served.sweeps().cancel(tiny()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("is finished: there is nothing to cancel"), "{refused}");
    served.stop().await;
    // A new leader has forgotten it.
    let served = home.serve().await;
    let refused = served.sweeps().cancel(tiny()).await.unwrap_err();
    assert!(refused.message().contains("is finished: there is nothing to cancel"), "{refused}");
    let sweep = get(&served).await;
    assert_eq!((sweep.state.as_str(), sweep.jobs.unwrap().done), ("finished", 12), "its counts stay");
    served.stop().await;
}

async fn a_stopped_sweep_is_taken_up_again_by_the_same_file(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    served.sweeps().stop(tiny()).await.unwrap();
    assert!(explain(&served, "tiny").await.contains("is stopped"));
    let file = SWEEP.to_owned();
    let again = served.sweeps().submit(SubmitRequest { file: file.clone() }).await.unwrap().into_inner();
    assert!(again.warnings[0].contains("tombola resume tiny"), "{again:?}");
    let extend = ExtendRequest { sweep: "tiny".to_owned(), file };
    let extended = served.sweeps().extend(extend).await.unwrap().into_inner();
    assert_eq!(extended.sweep.unwrap().state, "active");
    Worker::connect(served.address, "one").await.work(12).await;
    assert_eq!(get(&served).await.state, "finished");
    served.stop().await;
}

async fn a_sweep_that_waits_for_data_nobody_has_says_so_everywhere(home: &Home) {
    let mut config = home.config();
    // These workers say nothing while they are not asked.
    config.workers.term = Span(Duration::from_secs(60));
    let served = home.serve_with(config).await;
    let file = SWEEP.to_owned();
    let planned = served.sweeps().plan(PlanRequest { file: file.clone() }).await.unwrap().into_inner();
    assert!(planned.warnings[0].contains("no worker is connected"), "{planned:?}");
    let poor = WorkerInfo { data: Vec::new(), ..info("poor") };
    let mut worker = Worker::welcome(served.address, &poor, "", Vec::new()).await;
    let planned = served.sweeps().plan(PlanRequest { file: file.clone() }).await.unwrap().into_inner();
    let submitted = served.sweeps().submit(SubmitRequest { file }).await.unwrap().into_inner();
    assert_eq!(planned.warnings, submitted.warnings);
    let [warning] = &submitted.warnings[..] else { panic!("{submitted:?}") };
    assert!(warning.contains("has the data set `mnist`") && warning.contains("/srv/data/mnist"), "{warning}");
    assert!(
        explain(&served, "tiny")
            .await
            .contains("poor has no data set `mnist`; it looks in `/srv/data/mnist`")
    );
    let workers = served.sweeps().workers(WorkersRequest {}).await.unwrap().into_inner().workers;
    assert_eq!(workers[0].data_folder, "/srv/data");

    let request = WatchRequest { sweep: "tiny".to_owned() };
    let mut watched = served.sweeps().watch(request).await.unwrap().into_inner();
    assert!(watched.message().await.unwrap().unwrap().warnings.is_empty(), "workers may be about to come");
    assert_eq!(watched.message().await.unwrap().unwrap().warnings, submitted.warnings);
    let mut rich = Worker::connect(served.address, "rich").await;
    // It would be given masks to make, for which no data are needed, and it does nothing here.
    worker.say(from_worker::Message::Leaving(v1::Leaving {})).await;
    worker.closed().await;
    rich.work(12).await;
    let (mut last, mut warnings) = (None, Vec::new());
    while let Some(event) = watched.message().await.unwrap() {
        (last, warnings) = (event.sweep, event.warnings);
    }
    assert_eq!((last.unwrap().state.as_str(), warnings), ("finished", Vec::<String>::new()));
    served.stop().await;
}

async fn a_lease_that_never_started_is_no_attempt(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let lease = worker.lease().await;
    served.sweeps().pause(tiny()).await.unwrap();
    give_back(&mut worker, &[lease]).await;
    let ask = async |sql: &str| {
        let request = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
        served.query().query(request).await.unwrap().into_inner().rows.len()
    };
    eventually(|| async { (ask("select 1 from attempts where how = 'recalled'").await > 0).then_some(()) })
        .await;
    assert_eq!(ask("select 1 from job_history where how is not null").await, 0);
    served.stop().await;
}

async fn failed_jobs_say_why_and_are_tried_again_when_asked(home: &Home) {
    let served = home.serve().await;
    let one_seed = with(&[("1..=2", "1..=1")]);
    served.sweeps().submit(SubmitRequest { file: one_seed }).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    let first = worker.begin().await;
    let failed = v1::Failed { class: "not_finite".to_owned(), message: "the loss is NaN".to_owned() };
    worker.report(&first, report::What::Failed(failed)).await;

    let failures = served.sweeps().failures(tiny()).await.unwrap().into_inner().jobs;
    assert_eq!(failures.len(), 1);
    let failure = &failures[0];
    assert_eq!((failure.class.as_str(), failure.message.as_str()), ("not_finite", "the loss is NaN"));
    assert_eq!((failure.label.as_str(), failure.worker.as_str()), ("trial 1, round 0", "one"));
    assert_eq!((failure.state.as_str(), failure.tries), ("failed", 1));
    let what = failure.job.clone();
    let told = served.sweeps().explain(ExplainRequest { what }).await.unwrap().into_inner().lines.join("\n");
    assert!(told.contains("the loss is NaN"), "{told}");
    let sweep = get(&served).await;
    assert_eq!((sweep.state.as_str(), sweep.finished), ("failed", true), "nothing else can run");
    assert!(explain(&served, "tiny").await.contains("s1 (tiny) has failed: "));

    let retry = RetryRequest { sweep: "tiny".to_owned() };
    assert_eq!(served.sweeps().retry(retry).await.unwrap().into_inner().jobs, 1);
    drop(worker);
    Worker::connect(served.address, "two").await.work(6).await;
    assert!(get(&served).await.finished);
    assert!(served.sweeps().failures(tiny()).await.unwrap().into_inner().jobs.is_empty());
    served.stop().await;
}

async fn a_drained_worker_gives_back_and_leaves(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let first = worker.begin().await;
    served.sweeps().drain(DrainRequest { worker: "one".to_owned() }).await.unwrap();
    loop {
        if let to_worker::Message::Drain(_) = worker.next().await.unwrap() {
            break;
        }
    }
    worker.report(&first, report::What::GivenBack(v1::GivenBack {})).await;
    worker.say(from_worker::Message::Leaving(v1::Leaving {})).await;
    worker.closed().await;
    let workers = served.sweeps().workers(WorkersRequest {}).await.unwrap().into_inner().workers;
    assert!(workers.is_empty(), "{workers:?}");
    let mut other = Worker::connect(served.address, "two").await;
    other.work(12).await;
    assert_eq!(other.finished.first(), Some(&first.job), "what was given back comes first");
    served.stop().await;
}
