//! The coordinator ends in the middle of things: workers come back with what they hold, nothing finished is redone.

use crate::{
    binary::Binary,
    rig::{Home, SWEEP, Served, Worker, admin, channel, info, scenarios},
};
use std::net::SocketAddr;
use tombola_wire::v1::{
    GetRequest, LeasedJob, QueryRequest, SubmitRequest, Sweep, from_worker,
    query_service_client::QueryServiceClient, report, sweep_service_client::SweepServiceClient, to_worker,
    value::Kind,
};
use tonic::Code;

scenarios!(
    taken_away_it_comes_back_and_redoes_nothing,
    killed_it_comes_back_and_redoes_nothing,
    a_commit_that_fails_makes_the_leader_fold_again,
    stopped_it_asks_workers_to_come_back,
);

/// A worker in the middle of a sweep: some jobs done, one running, more leased.
pub(crate) struct Halfway {
    pub(crate) worker: Worker,
    leases: Vec<tombola_wire::v1::Lease>,
    running: LeasedJob,
}

pub(crate) async fn halfway(address: SocketAddr) -> Halfway {
    let mut sweeps = SweepServiceClient::new(channel(address));
    sweeps.submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let mut worker = Worker::connect(address, "one").await;
    worker.work(3).await;
    let lease = worker.lease().await;
    let running = lease.stages[0].jobs[0].clone();
    let heard = worker.start(&running).await;
    let mut leases = vec![lease];
    leases.extend(heard.into_iter().filter_map(|message| match message {
        to_worker::Message::Lease(lease) => Some(lease),
        _ => None,
    }));
    Halfway { worker, leases, running }
}

/// The worker comes back with all it holds, finishes what runs, and then the rest; every result was made once.
pub(crate) async fn finish(address: SocketAddr, halfway: Halfway) {
    let Halfway { worker, leases, running } = halfway;
    let mut held: Vec<_> = leases.iter().flat_map(|lease| Worker::held(lease, false)).collect();
    for held in &mut held {
        held.started = held.job == running.job;
    }
    let mut back = Worker::welcome(address, &info("one"), &worker.id, held).await;
    assert_eq!(back.id, worker.id);
    assert!(back.epoch > worker.epoch, "another leader");
    back.finished = worker.finished;
    let heard = back.finish(&running).await;
    let fenced = heard.iter().any(|message| matches!(message, to_worker::Message::Fenced(_)));
    assert!(!fenced, "the attempt goes on: {heard:?}");
    back.keep(heard).await;
    for mut lease in leases {
        for stage in &mut lease.stages {
            stage.jobs.retain(|job| job.job != running.job);
        }
        back.run(&lease).await;
    }
    back.work(12).await;
    let mut finished = back.finished.clone();
    finished.sort_unstable();
    finished.dedup();
    assert_eq!(finished.len(), 12, "no job was done twice");
    let sql = "select count(*), max(attempt) from job_history".to_owned();
    let mut query = QueryServiceClient::new(channel(address));
    let told = query.query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let told: Vec<_> = told[0].values.iter().map(|value| value.kind.clone()).collect();
    assert_eq!(told, [Some(Kind::Integer(12)), Some(Kind::Integer(1))], "one attempt for each job");
    let mut sweeps = SweepServiceClient::new(channel(address));
    let sweep: Sweep = sweeps.get(GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert!(sweep.finished && sweep.jobs.unwrap().done == 12, "{sweep:?}");
}

async fn taken_away_it_comes_back_and_redoes_nothing(home: &Home) {
    let served = home.serve().await;
    let halfway = halfway(served.address).await;
    served.kill();
    let served = home.serve().await;
    finish(served.address, halfway).await;
    served.stop().await;
}

async fn killed_it_comes_back_and_redoes_nothing(home: &Home) {
    let binary = Binary::start(home, &[], &[]).await;
    let mut halfway = halfway(binary.address).await;
    binary.kill().await;
    // Whatever was still on its way to it.
    assert_ne!(halfway.worker.closed().await.code(), Code::Ok, "the worker notices");
    let binary = Binary::start(home, &[], &[]).await;
    finish(binary.address, halfway).await;
    assert_eq!(binary.stop().await, Some(0));
}

async fn a_commit_that_fails_makes_the_leader_fold_again(home: &Home) {
    let served = home.serve().await;
    let mut halfway = halfway(served.address).await;
    // Somebody else led meanwhile: the next commit is of an epoch that is over.
    admin(&home.place, "update leader set epoch = epoch + 1").await;
    let report = tombola_wire::v1::Report {
        sequence: 99,
        job: halfway.running.job,
        attempt: halfway.running.attempt,
        what: Some(report::What::Started(tombola_wire::v1::Started { iteration: 0 })),
    };
    halfway.worker.say(from_worker::Message::Report(report)).await;
    // A commit is made by a new report only if it says something new; a submission always does.
    let other = SWEEP.replace("tiny", "other");
    let refused = served.sweeps().submit(SubmitRequest { file: other.clone() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().contains("ask again"), "{refused}");
    let closed = halfway.worker.closed().await;
    assert_eq!((closed.code(), closed.message().contains("say Hello again")), (Code::Unavailable, true));
    finish(served.address, halfway).await;
    let again = again(&served, &other).await;
    assert_eq!((again.jobs_new, again.jobs_known), (0, 12), "what was refused was not stored");
    served.stop().await;
}

async fn again(served: &Served, file: &str) -> tombola_wire::v1::SubmitResponse {
    served.sweeps().submit(SubmitRequest { file: file.to_owned() }).await.unwrap().into_inner()
}

async fn stopped_it_asks_workers_to_come_back(home: &Home) {
    let served = home.serve().await;
    let mut halfway = halfway(served.address).await;
    assert!(home.state().join("address").exists());
    served.stop().await;
    let closed = halfway.worker.closed().await;
    assert_eq!(closed.code(), Code::Unavailable, "{closed}");
    assert!(closed.message().contains("come back"), "{closed}");
    assert!(!home.state().join("address").exists());
    let served = home.serve().await;
    finish(served.address, halfway).await;
    served.stop().await;
}
