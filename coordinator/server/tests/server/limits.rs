//! What peers may ask and send, and what they are told beyond it.

use crate::rig::{Home, SWEEP, Served, Worker, scenarios};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tombola_server::config::{Bytes, Limits, Span};
use tombola_spec::Digest;
use tombola_wire::v1::{
    self, HaveRequest, ListRequest, QueryRequest, QueryResponse, SubmitRequest, report, value::Kind,
};
use tonic::{Code, Status};

scenarios!(
    answers_to_sql_end_at_the_limits_and_say_so,
    a_statement_that_takes_too_long_is_stopped,
    a_message_that_is_too_large_is_refused_and_the_next_is_not,
    questions_about_too_many_artifacts_are_refused,
    workers_that_send_faster_than_the_disk_takes_are_kept_waiting,
    what_a_worker_says_is_bounded_in_count_and_length,
    a_connection_has_so_many_calls_at_once,
    a_call_with_a_huge_header_is_refused_and_the_next_is_not,
    people_beyond_those_who_may_watch_are_told_so,
    uploads_leave_room_on_the_disk,
    who_uploads_for_ever_and_reports_nothing_is_refused_until_records_name_what_came,
);

async fn serve(home: &Home, limits: impl FnOnce(&mut Limits)) -> Served {
    let mut config = home.config();
    limits(&mut config.limits);
    home.serve_with(config).await
}

async fn query(served: &Served, sql: &str, max_rows: u32) -> Result<QueryResponse, Status> {
    let asked = served.query().query(QueryRequest { sql: sql.to_owned(), max_rows }).await;
    asked.map(tonic::Response::into_inner)
}

async fn answers_to_sql_end_at_the_limits_and_say_so(home: &Home) {
    let served = serve(home, |limits| {
        limits.query_rows = NonZeroU32::new(3).unwrap();
        limits.query_bytes = Bytes(1000);
    })
    .await;
    let numbers =
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 10) select i from n";
    for (asked, rows) in [(0, 3), (2, 2), (3, 3), (1_000_000, 3)] {
        let answer = query(&served, numbers, asked).await.unwrap();
        assert_eq!((answer.rows.len(), answer.truncated), (rows, true), "{asked} rows were asked for");
    }
    let whole = query(&served, "values (1), (2), (3)", 0).await.unwrap();
    assert_eq!((whole.rows.len(), whole.truncated), (3, false));
    let wide = format!("values ('{0}'), ('{0}')", "x".repeat(600));
    let cut = query(&served, &wide, 0).await.unwrap();
    assert_eq!((cut.rows.len(), cut.truncated), (1, true), "bytes count, too");
    served.stop().await;
}

async fn a_statement_that_takes_too_long_is_stopped(home: &Home) {
    let served = serve(home, |limits| limits.query_time = Span(Duration::from_millis(100))).await;
    let endless = "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n";
    let stopped = query(&served, endless, 0).await.unwrap_err();
    assert_eq!(stopped.code(), Code::InvalidArgument, "asking again is useless: {stopped}");
    assert!(stopped.message().contains("stopped after 0.1 s\nhint:"), "{stopped}");
    query(&served, "select 1", 0).await.unwrap();
    served.stop().await;
}

async fn a_message_that_is_too_large_is_refused_and_the_next_is_not(home: &Home) {
    let served = serve(home, |limits| limits.message = Bytes(3 << 20)).await;
    let submit = async |bytes: usize| {
        let file = format!("{SWEEP}# {}", "x".repeat(bytes));
        served.sweeps().submit(SubmitRequest { file }).await.unwrap_err()
    };
    assert_eq!(submit(4 << 20).await.code(), Code::OutOfRange, "the message");
    assert_eq!(submit(2 << 20).await.code(), Code::InvalidArgument, "the file in it");
    let huge = query(&served, &format!("select 1 -- {}", "x".repeat(4 << 20)), 0).await.unwrap_err();
    assert_eq!(huge.code(), Code::OutOfRange, "{huge}");
    assert!(served.sweeps().list(ListRequest {}).await.unwrap().into_inner().sweeps.is_empty());
    served.stop().await;
}

async fn questions_about_too_many_artifacts_are_refused(home: &Home) {
    let served = home.serve().await;
    let digests = vec![Digest::of(b"x").to_string(); 100_001];
    let refused = served.artifacts().have(HaveRequest { digests }).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    served.stop().await;
}

/// Batches of metrics that a worker logs without waiting, their series, and points of each of these: 16 KiB a batch.
const BATCHES: u32 = 400;
const SERIES: u64 = 15;
const POINTS: u64 = 100;

fn batch(batch: u32) -> report::What {
    let iterations: Vec<_> = (1..=POINTS).map(|at| u64::from(batch) * POINTS + at).collect();
    let series = |number| v1::Series {
        name: format!("loss-{number}"),
        split: "train".to_owned(),
        iterations: iterations.clone(),
        values: vec![0.5; POINTS as usize],
    };
    report::What::Metrics(v1::Metrics { batch, series: (1..=SERIES).map(series).collect() })
}

async fn workers_that_send_faster_than_the_disk_takes_are_kept_waiting(home: &Home) {
    let served = serve(home, |limits| limits.backlog = Bytes(64 << 10)).await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    let job = worker.begin().await;
    let held_up = home.hold_up_commits().await;
    let sent = Arc::new(AtomicU32::new(0));
    let sending = tokio::spawn({
        let sent = Arc::clone(&sent);
        async move {
            for number in 1..=BATCHES {
                let sequence = worker.send(&job, batch(number)).await;
                sent.store(number, Ordering::Relaxed);
                if number == BATCHES {
                    worker.committed(sequence).await;
                }
            }
        }
    });
    let mut before = u32::MAX;
    while before != sent.load(Ordering::Relaxed) {
        before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Four in the backlog, a mebibyte on the connection, and what the worker of this test queues itself.
    assert!((5..250).contains(&before), "it has to wait, and sent {before} batches");
    drop(held_up);
    sending.await.unwrap();
    let all = query(&served, "select count(*) from metric where metric = 'loss-7'", 0).await.unwrap();
    let count = all.rows[0].values[0].kind.clone();
    assert_eq!(count, Some(Kind::Integer(i64::from(BATCHES) * POINTS as i64)), "nothing was lost or doubled");
    served.stop().await;
}

/// What a worker is told whose session ends by what it says.
async fn told(served: &Served, message: v1::from_worker::Message) -> Status {
    let mut worker = Worker::connect(served.address, "one").await;
    worker.say(message).await;
    worker.closed().await
}

async fn what_a_worker_says_is_bounded_in_count_and_length(home: &Home) {
    use v1::from_worker::Message;
    let served = home.serve().await;
    let metrics = |series: Vec<v1::Series>| {
        let what = Some(report::What::Metrics(v1::Metrics { batch: 1, series }));
        Message::Report(v1::Report { what, ..v1::Report::default() })
    };
    let series = |name: &str, points: usize| v1::Series {
        name: name.to_owned(),
        split: "train".to_owned(),
        iterations: vec![1; points],
        values: vec![0.5; points],
    };
    for (message, words) in [
        (metrics(vec![series("loss", 1); 4097]), "4097 series"),
        (metrics(vec![series("loss", 65_537)]), "65537 points"),
        (metrics(vec![series(&"x".repeat(257), 1)]), "is not a metric's name"),
        (
            Message::Heartbeat(v1::Heartbeat { progress: vec![v1::Progress::default(); 100_001] }),
            "100001 attempts",
        ),
    ] {
        let told = told(&served, message).await;
        assert!(told.code() == Code::InvalidArgument && told.message().contains(words), "{words}: {told}");
    }
    let mut info = crate::rig::info("many");
    info.slots = vec![info.slots[0].clone(); 1025];
    let info_json = serde_json::to_string(&info).unwrap();
    let hello = v1::Hello { protocol: tombola_spec::version::PROTOCOL, info_json, ..v1::Hello::default() };
    let Err(told) = Worker::hello(served.address, hello.clone()).await else { panic!("it was taken in") };
    assert!(told.message().contains("1025 slots"), "{told}");
    let (served_state, held) =
        (Worker::connect(served.address, "two").await.id, vec![v1::Held::default(); 100_001]);
    let Err(told) = Worker::hello(served.address, v1::Hello { worker: served_state, held, ..hello }).await
    else {
        panic!("it was taken in")
    };
    assert!(told.message().contains("100001 attempts"), "{told}");
    served.stop().await;
}

async fn a_connection_has_so_many_calls_at_once(home: &Home) {
    let served = serve(home, |limits| limits.streams = NonZeroU32::new(3).unwrap()).await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let mut sweeps = served.sweeps();
    let mut watched = Vec::new();
    for _ in 0..3 {
        watched.push(sweeps.watch(v1::WatchRequest { sweep: "tiny".to_owned() }).await.unwrap());
    }
    let mut waiting = sweeps.clone();
    let waiting = tokio::spawn(async move { waiting.list(ListRequest {}).await });
    // Another connection is not held up, and while it is served so is nobody on the first.
    for _ in 0..20 {
        served.sweeps().list(ListRequest {}).await.unwrap();
    }
    assert!(!waiting.is_finished(), "a fourth call of one connection was served");
    watched.pop();
    waiting.await.unwrap().unwrap();
    served.stop().await;
}

async fn a_call_with_a_huge_header_is_refused_and_the_next_is_not(home: &Home) {
    let served = home.serve().await;
    let mut sweeps = served.sweeps();
    let mut request = tonic::Request::new(ListRequest {});
    request.metadata_mut().insert("x-large", "x".repeat(64 << 10).parse().unwrap());
    sweeps.list(request).await.unwrap_err();
    // The connection may end with it, and the client make another.
    crate::rig::eventually(async || sweeps.clone().list(ListRequest {}).await.ok()).await;
    served.stop().await;
}

async fn people_beyond_those_who_may_watch_are_told_so(home: &Home) {
    let served = serve(home, |limits| limits.watches = NonZeroU32::new(2).unwrap()).await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let watch = async || served.sweeps().watch(v1::WatchRequest { sweep: "tiny".to_owned() }).await;
    let mut watched = vec![watch().await.unwrap(), watch().await.unwrap()];
    let told = watch().await.unwrap_err();
    assert!(told.code() == Code::ResourceExhausted && told.message().contains("limits.watches"), "{told}");
    watched.pop();
    crate::rig::eventually(async || watch().await.ok().map(drop)).await;
    served.stop().await;
}

/// Whoever uploads for ever and reports nothing fills the disk no further; nor does he keep others from working.
async fn uploads_leave_room_on_the_disk(home: &Home) {
    let mut config = home.config();
    config.uploads.free = Bytes(1 << 60);
    let served = home.serve_with(config).await;
    let header = v1::PutHeader { digest: Digest::of(b"whole").to_string(), bytes: 5 };
    let parts = [v1::put_request::Part::Header(header), v1::put_request::Part::Chunk(b"whole".to_vec())];
    let parts = parts.map(|part| v1::PutRequest { part: Some(part) });
    let told = served.artifacts().put(tokio_stream::iter(parts)).await.unwrap_err();
    assert!(told.code() == Code::ResourceExhausted && told.message().contains("uploads.free"), "{told}");
    let digests = vec![Digest::of(b"whole").to_string()];
    let there = served.artifacts().have(HaveRequest { digests }).await.unwrap().into_inner().digests;
    assert!(there.is_empty(), "nothing of it stayed");
    served.stop().await;
}

/// Another holder's uploads, and reports, go on; a record, or the collector, makes room.
async fn who_uploads_for_ever_and_reports_nothing_is_refused_until_records_name_what_came(home: &Home) {
    let mut config = home.config();
    (config.uploads.unnamed, config.limits.artifact) = (Bytes(128 << 10), Bytes(128 << 10));
    config.uploads.kept = Span(Duration::from_secs(1));
    config.uploads.collect = Span(Duration::from_millis(50));
    let served = home.serve_with(config).await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let put = async |bytes: &[u8]| {
        let header = v1::PutHeader { digest: Digest::of(bytes).to_string(), bytes: bytes.len() as u64 };
        let parts = [v1::put_request::Part::Header(header), v1::put_request::Part::Chunk(bytes.to_vec())];
        let parts = parts.map(|part| v1::PutRequest { part: Some(part) });
        served.artifacts().put(tokio_stream::iter(parts)).await
    };
    // Checkpoints are named as they come: any number of them.
    let mut worker = Worker::connect(served.address, "one").await;
    let job = worker.begin().await;
    for iteration in 1..=8u64 {
        let artifact = Some(worker.put(format!("a checkpoint at {iteration}").into_bytes()).await.into());
        let taken = v1::CheckpointTaken { iteration, artifact };
        worker.report(&job, report::What::Checkpoint(taken)).await;
    }
    put(&[1; 20]).await.unwrap();
    put(&[1; 20]).await.unwrap();
    put(&[2; 20]).await.unwrap();
    let told = put(&[3; 20]).await.unwrap_err();
    assert!(told.code() == Code::ResourceExhausted && told.message().contains("uploads.unnamed"), "{told}");
    crate::rig::eventually(async || put(&[3; 20]).await.ok().map(drop)).await;
    served.stop().await;
}
