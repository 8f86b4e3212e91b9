//! Peers that say anything at all, to a coordinator that serves others meanwhile. It neither ends nor forgets, and what it was
//! to do for the others is done.

use crate::rig::{Home, SWEEP, Served, Worker, info, scenarios, with};
use proptest::{collection::vec, prelude::*};
use tombola_fuzz::{damaged, numbers, samples, texts};
use tombola_spec::{Digest, data, version, worker::WorkerInfo};
use tombola_wire::v1::{self, from_worker, put_request, report, to_worker};
use tonic::{Code, Status};

scenarios!(
    workers_that_say_anything_do_not_disturb_others,
    a_nul_in_a_text_does_not_make_the_leader_forget_its_memory,
    people_who_ask_anything_are_answered,
    uploads_of_anything_leave_nothing_behind,
);

/// A worker that can run the sweep `noise` alone.
fn noisy(name: &str) -> WorkerInfo {
    let mut noisy = info(name);
    let set = "fashion_mnist".to_owned();
    noisy.data[0].digest = Digest::of(set.as_bytes());
    noisy.data[0].shape = data::known(&set).unwrap();
    noisy.data[0].set = set;
    noisy
}

fn noise() -> String {
    with(&[("name = \"tiny\"", "name = \"noise\""), ("set = \"mnist\"", "set = \"fashion_mnist\"")])
}

/// What workers report of jobs, as JSON of the right kind and of none.
fn outcomes() -> BoxedStrategy<String> {
    let good = serde_json::json!({
        "outputs": { "mask": { "digest": Digest::of(b"mask").to_string(), "bytes": 4 } },
        "summary": { "kind": "mask", "layers": [
            { "name": "fc.weight", "living": 3, "total": 9, "prunable": true },
        ] },
        "provenance": {
            "plan": "rust", "device": "cpu", "threads": 1, "width": 1, "libtorch": "2", "capability": "AVX2",
            "worker": "0.1.0", "data": null,
        },
    });
    let good = good.to_string();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    prop_oneof![
        3 => damaged(good.clone().into_bytes()).prop_map(text),
        1 => Just(good.replace("fc.weight", "fc\\u0000weight")),
        1 => Just(good.replace("\"living\":3", "\"living\":18446744073709551615")),
        1 => texts(),
    ]
    .boxed()
}

fn artifacts() -> BoxedStrategy<Option<v1::ArtifactName>> {
    let digest = prop_oneof![Just(Digest::of(b"x").to_string()), texts()];
    let name = (digest, numbers()).prop_map(|(digest, bytes)| v1::ArtifactName { digest, bytes });
    proptest::option::of(name).boxed()
}

fn series() -> BoxedStrategy<v1::Series> {
    let split = prop_oneof![4 => Just("train".to_owned()), 1 => texts()];
    let points = vec((numbers(), any::<f64>()), 0..20);
    let series = (texts(), split, points, 0..8u8).prop_map(|(name, split, points, lies)| {
        let (iterations, mut values): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        if lies == 0 {
            values.pop();
        }
        v1::Series { name, split, iterations, values }
    });
    series.boxed()
}

fn facts() -> BoxedStrategy<Option<report::What>> {
    let class = prop_oneof![Just("user".to_owned()), Just("infrastructure".to_owned()), texts()];
    let metrics = (0..4u32, vec(series(), 0..4)).prop_map(|(batch, series)| v1::Metrics { batch, series });
    let checkpoint = (numbers(), artifacts());
    proptest::option::weighted(
        0.95,
        prop_oneof![
            1 => numbers().prop_map(|iteration| report::What::Started(v1::Started { iteration })),
            4 => metrics.prop_map(report::What::Metrics),
            1 => checkpoint.prop_map(|(iteration, artifact)| {
                report::What::Checkpoint(v1::CheckpointTaken { iteration, artifact })
            }),
            1 => outcomes().prop_map(|outcome_json| report::What::Finished(v1::Finished { outcome_json })),
            1 => (class, texts()).prop_map(|(class, message)| report::What::Failed(v1::Failed { class, message })),
            1 => Just(report::What::GivenBack(v1::GivenBack {})),
        ],
    )
    .boxed()
}

/// Anything but a Hello; whether it is about what this worker was leased.
fn messages() -> BoxedStrategy<(from_worker::Message, bool)> {
    use from_worker::Message;
    let attempt = || prop_oneof![0..4u32, any::<u32>()];
    let progress = (numbers(), attempt(), numbers());
    let progress = progress.prop_map(|(job, attempt, iteration)| v1::Progress { job, attempt, iteration });
    let report = (numbers(), numbers(), attempt(), facts());
    let lease = prop_oneof![(0..20u64).prop_map(|lease| format!("l{lease}")), texts()];
    let message = prop_oneof![
        12 => report.prop_map(|(sequence, job, attempt, what)| {
            Message::Report(v1::Report { sequence, job, attempt, what })
        }),
        2 => vec(progress, 0..20).prop_map(|progress| Message::Heartbeat(v1::Heartbeat { progress })),
        2 => (lease, vec(numbers(), 0..8)).prop_map(|(lease, jobs)| Message::Returned(v1::Returned { lease, jobs })),
        1 => Just(Message::Draining(v1::Draining {})),
        1 => (any::<u32>(), texts())
            .prop_map(|(slot, out_of_service)| Message::Slot(v1::SlotService { slot, out_of_service })),
        1 => Just(Message::Leaving(v1::Leaving {})),
    ];
    (message, any::<bool>()).boxed()
}

fn hellos() -> impl Strategy<Value = v1::Hello> {
    let good = serde_json::to_vec(&noisy("stranger")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let info = prop_oneof![3 => damaged(good).prop_map(text), 1 => texts()];
    let worker =
        prop_oneof![texts(), (texts(), texts()).prop_map(|(worker, state)| format!("{worker}@{state}"))];
    let held = (texts(), numbers(), any::<u32>(), any::<bool>(), any::<u32>());
    let held =
        held.prop_map(|(lease, job, attempt, started, slot)| v1::Held { lease, job, attempt, started, slot });
    let protocol = prop_oneof![8 => Just(version::PROTOCOL), 1 => any::<u32>()];
    (protocol, any::<u32>(), info, worker, vec(held, 0..8)).prop_map(
        |(protocol, oldest_protocol, info_json, worker, held)| v1::Hello {
            number: u64::from(protocol),
            protocol,
            info_json,
            worker,
            held,
            oldest_protocol,
        },
    )
}

async fn submit(served: &Served, file: &str) {
    served.sweeps().submit(v1::SubmitRequest { file: file.to_owned() }).await.unwrap();
}

/// What has to be so in the end: the other sweep is done, each job at its first try, by a leader that never forgot.
async fn undisturbed(served: &Served, epoch: u64) {
    let sweep = served.sweeps().get(v1::GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    let jobs = sweep.jobs.unwrap();
    assert_eq!((jobs.done, jobs.failed), (12, 0));
    assert_eq!(
        Worker::connect(served.address, "last").await.epoch,
        epoch,
        "the leader folded its memory again"
    );
}

async fn workers_that_say_anything_do_not_disturb_others(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await;
    submit(&served, &noise()).await;
    let mut good = Worker::connect(served.address, "good").await;
    let epoch = good.epoch;
    let working = tokio::spawn(async move { good.work(12).await });
    let again = async || Worker::welcome(served.address, &noisy("noisy"), "", Vec::new()).await;
    let (mut worker, mut leased) = (again().await, Vec::new());
    for (mut message, own) in samples(400, &messages()) {
        if let (from_worker::Message::Report(report), Some(job), true) = (&mut message, leased.last(), own) {
            let job: &v1::LeasedJob = job;
            (report.job, report.attempt) = (job.job, job.attempt);
        }
        worker.say(message).await;
        match worker.heard().await {
            Some(Ok(to_worker::Message::Lease(lease))) => {
                leased = lease.stages.into_iter().flat_map(|stage| stage.jobs).collect();
            }
            Some(Err(_)) => (worker, leased) = (again().await, Vec::new()),
            _ => {}
        }
    }
    for hello in samples(100, &hellos()) {
        // Welcome or not.
        drop(Worker::hello(served.address, hello).await);
    }
    working.await.unwrap();
    undisturbed(&served, epoch).await;
    served.stop().await;
}

/// Postgres refuses it, so that the commit of everybody failed, and failed again when the worker came back with it.
async fn a_nul_in_a_text_does_not_make_the_leader_forget_its_memory(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let (epoch, job) = (worker.epoch, worker.begin().await);
    let failed = v1::Failed { class: "infrastructure".to_owned(), message: "a\0b".to_owned() };
    worker.report(&job, report::What::Failed(failed)).await;
    for name in ["a\0b", "a\nb", ""] {
        let mut worker = Worker::connect(served.address, "other").await;
        let series =
            v1::Series { name: name.into(), split: "train".into(), iterations: vec![1], values: vec![1.0] };
        worker
            .say(from_worker::Message::Report(v1::Report {
                what: Some(report::What::Metrics(v1::Metrics { batch: 1, series: vec![series] })),
                ..v1::Report::default()
            }))
            .await;
        let told = worker.closed().await;
        assert!(told.code() == Code::InvalidArgument && told.message().contains("hint:"), "{told}");
    }
    let mut hello = info("stranger");
    hello.data_folder = "a\0b".to_owned();
    let info_json = serde_json::to_string(&hello).unwrap();
    let hello = v1::Hello { protocol: version::PROTOCOL, info_json, ..v1::Hello::default() };
    let Err(told) = Worker::hello(served.address, hello).await else { panic!("it was taken in") };
    assert_eq!(told.code(), Code::InvalidArgument, "{told}");
    let axes =
        format!("{}[axes]\n\"model.weights\" = [\"a\\u0000b\", \"c\"]\n", SWEEP.replace("tiny", "nul"));
    let told = served.sweeps().submit(v1::SubmitRequest { file: axes }).await.unwrap_err();
    assert!(told.message().contains("NUL"), "{told}");
    assert_eq!(
        Worker::connect(served.address, "last").await.epoch,
        epoch,
        "the leader folded its memory again"
    );
    served.stop().await;
}

/// A fault of ours, which nobody may cause by what he asks.
#[track_caller]
fn no_fault<T>(asked: &str, answer: Result<T, Status>) {
    if let Err(told) = answer {
        let faults = [Code::Internal, Code::Unknown, Code::DataLoss, Code::Unavailable];
        assert!(!faults.contains(&told.code()) && !told.message().is_empty(), "{asked:?}: {told}");
    }
}

fn questions() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "tiny",
        "s1",
        "j1",
        "j0",
        "j18446744073709551615",
        "tiny/1/1",
        "tiny/1/1/reinit/0",
        "w1",
        "tiny/4294967295/4294967295",
    ]);
    let file =
        damaged(SWEEP.as_bytes().to_vec()).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    prop_oneof![known.prop_map(str::to_owned), texts(), file]
}

async fn people_who_ask_anything_are_answered(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await;
    let mut good = Worker::connect(served.address, "good").await;
    let epoch = good.epoch;
    let working = tokio::spawn(async move { good.work(12).await });
    let (mut sweeps, mut query) = (served.sweeps(), served.query());
    for (text, number) in samples(60, &(questions(), numbers())) {
        let (sweep, asked, number) = (text.clone(), &text, number as u32);
        let by_ref = || v1::SweepRef { sweep: sweep.clone() };
        no_fault(asked, sweeps.plan(v1::PlanRequest { file: text.clone() }).await);
        no_fault(asked, sweeps.diff(v1::DiffRequest { old: text.clone(), new: SWEEP.to_owned() }).await);
        no_fault(
            asked,
            sweeps.extend(v1::ExtendRequest { sweep: "tiny".to_owned(), file: text.clone() }).await,
        );
        no_fault(asked, sweeps.get(v1::GetRequest { sweep: text.clone() }).await);
        no_fault(asked, sweeps.watch(v1::WatchRequest { sweep: text.clone() }).await);
        no_fault(asked, sweeps.explain(v1::ExplainRequest { what: text.clone() }).await);
        no_fault(asked, sweeps.failures(by_ref()).await);
        no_fault(asked, sweeps.results(by_ref()).await);
        no_fault(asked, sweeps.retry(v1::RetryRequest { sweep: text.clone() }).await);
        no_fault(asked, sweeps.resume(by_ref()).await);
        let ticket = v1::TicketRequest {
            sweep: "tiny".into(),
            trial: number,
            round: number,
            branch: text.clone(),
            copy: number,
            slim: false,
            mask: false,
        };
        no_fault(asked, sweeps.ticket(ticket).await);
        let worker = if text == "w1" { "w2".to_owned() } else { text.clone() };
        no_fault(asked, sweeps.drain(v1::DrainRequest { worker }).await);
        no_fault(asked, query.query(v1::QueryRequest { sql: text.clone(), max_rows: number }).await);
        let sql = format!("select '{text}' from trial where {number}");
        no_fault(asked, query.query(v1::QueryRequest { sql, max_rows: number }).await);
        no_fault(asked, served.artifacts().have(v1::HaveRequest { digests: vec![text.clone()] }).await);
        no_fault(asked, served.artifacts().get(v1::GetArtifactRequest { digest: text.clone() }).await);
    }
    working.await.unwrap();
    undisturbed(&served, epoch).await;
    served.stop().await;
}

/// Parts of an upload, in any order, with any claims.
fn uploads() -> impl Strategy<Value = Vec<v1::PutRequest>> {
    let chunk = prop_oneof![
        vec(any::<u8>(), 0..40),
        Just(vec![7; tombola_wire::CHUNK]),
        Just(vec![7; tombola_wire::CHUNK + 1]),
        Just(b"whole".to_vec()),
    ];
    let digest =
        prop_oneof![Just(Digest::of(b"whole").to_string()), Just(Digest::of(b"").to_string()), texts()];
    let bytes = prop_oneof![Just(5), Just(0), Just(6), Just(1 << 20), numbers()];
    let header = (digest, bytes)
        .prop_map(|(digest, bytes)| put_request::Part::Header(v1::PutHeader { digest, bytes }));
    let part = prop_oneof![2 => chunk.prop_map(put_request::Part::Chunk), 1 => header.clone()];
    let part = proptest::option::weighted(0.95, part).prop_map(|part| v1::PutRequest { part });
    let first = header.prop_map(|header| v1::PutRequest { part: Some(header) });
    (proptest::option::weighted(0.9, first), vec(part, 0..5))
        .prop_map(|(first, rest)| first.into_iter().chain(rest).collect())
}

async fn uploads_of_anything_leave_nothing_behind(home: &Home) {
    let served = home.serve().await;
    let (mut whole, mut refused) = (0, 0);
    for parts in samples(200, &uploads()) {
        match served.artifacts().put(tokio_stream::iter(parts.clone())).await {
            Ok(_) => {
                let Some(put_request::Part::Header(named)) = &parts[0].part else { panic!("{parts:?}") };
                let there = [b"whole".as_slice(), b""].map(|bytes| Digest::of(bytes).to_string());
                assert!(there.contains(&named.digest), "{parts:?}");
                whole += 1;
            }
            Err(told) => {
                let expected = [Code::InvalidArgument, Code::DataLoss, Code::ResourceExhausted];
                assert!(expected.contains(&told.code()), "{told} for {parts:.200?}");
                refused += 1;
            }
        }
    }
    assert!(whole > 0 && refused > 0, "{whole} whole, {refused} refused");
    let rooms = std::fs::read_dir(home.state().join("artifacts/incoming")).unwrap();
    let incoming: usize = rooms.map(|room| std::fs::read_dir(room.unwrap().path()).unwrap().count()).sum();
    assert_eq!(incoming, 0, "what was refused left something behind");
    served.stop().await;
}
