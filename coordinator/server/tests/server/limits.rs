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
