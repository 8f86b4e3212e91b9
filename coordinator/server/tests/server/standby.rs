//! Several coordinators on one Postgres and one artifact folder: one leads, the others wait for its end.

use crate::{
    binary::{Binary, run},
    crash::{finish, halfway},
    rig::{Home, SWEEP, channel, eventually},
};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use tombola_wire::v1::{ListRequest, SubmitRequest, sweep_service_client::SweepServiceClient};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// A leader and its standby.
struct Pair {
    home: Home,
    _beside: Home,
    leader: Binary,
    standby: Binary,
}

impl Pair {
    async fn start(test: &str) -> Option<Self> {
        let home = Home::postgres(test).await?;
        let beside = home.beside()?;
        let leader = Binary::start(&home, &[], &[]).await;
        let artifacts = home.state().join("artifacts");
        let standby = Binary::start(&beside, &["--artifacts", artifacts.to_str().unwrap()], &[]).await;
        Some(Self { home, _beside: beside, leader, standby })
    }
}

async fn serves(address: SocketAddr) -> bool {
    let request = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(channel(address)).check(request).await.unwrap().into_inner();
    answer.status() == ServingStatus::Serving
}

async fn takes_over(address: SocketAddr) {
    eventually(|| async move { serves(address).await.then_some(()) }).await;
}

async fn submit(address: SocketAddr) -> Result<(), Status> {
    let file = SWEEP.replace("tiny", "other");
    SweepServiceClient::new(channel(address)).submit(SubmitRequest { file }).await.map(|_| ())
}

fn signal(binary: &Binary, signal: Signal) {
    kill_process(Pid::from_raw(binary.id().cast_signed()).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_standby_says_who_leads() {
    let Some(pair) = Pair::start("a_standby_says_who_leads").await else { return };
    assert!(serves(pair.leader.address).await && !serves(pair.standby.address).await);
    let refused = submit(pair.standby.address).await.unwrap_err();
    let leader = format!("process {}", pair.leader.id());
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains(&leader) && refused.message().contains("hint:"), "{refused}");
    let list = SweepServiceClient::new(channel(pair.standby.address)).list(ListRequest {}).await;
    assert!(list.unwrap_err().message().contains(&leader), "nothing is shown of a memory it does not have");
    assert_eq!((pair.leader.stop().await, pair.standby.stop().await), (Some(0), Some(0)));
    pair.home.place.remove().await;
}

#[tokio::test]
async fn the_leader_killed_its_standby_takes_over_and_nothing_is_redone() {
    let Some(pair) = Pair::start("the_leader_killed_its_standby").await else { return };
    let halfway = halfway(pair.leader.address).await;
    pair.leader.kill().await;
    takes_over(pair.standby.address).await;
    finish(pair.standby.address, halfway).await;
    assert_eq!(pair.standby.stop().await, Some(0));
    pair.home.place.remove().await;
}

#[tokio::test]
async fn a_leader_that_was_stopped_comes_back_as_the_standby_of_its_standby() {
    let Some(pair) = Pair::start("a_leader_that_was_stopped").await else { return };
    let (first, second) = (pair.leader.address, pair.standby.address);
    let halfway = halfway(first).await;
    signal(&pair.leader, Signal::STOP);
    takes_over(second).await;
    finish(second, halfway).await;
    signal(&pair.leader, Signal::CONT);
    assert_eq!(submit(first).await.unwrap_err().code(), Code::Unavailable, "it leads no more, and knows");
    assert!(!serves(first).await);
    submit(second).await.unwrap();
    pair.standby.kill().await;
    takes_over(first).await;
    submit(first).await.unwrap();
    assert_eq!(pair.leader.stop().await, Some(0));
    pair.home.place.remove().await;
}

#[tokio::test]
async fn two_coordinators_never_share_a_state_folder() {
    let Some(home) = Home::postgres("two_coordinators_never_share").await else { return };
    let leader = Binary::start(&home, &[], &[]).await;
    let (state, database) = (home.state().to_str().unwrap(), home.flags().database.unwrap());
    let (code, said) =
        run(&["--state", state, "--listen", "127.0.0.1:0", "--database", &database], &[]).await;
    assert!(
        code == Some(1) && said.contains("another coordinator serves from") && said.contains("hint:"),
        "{said}"
    );
    assert!(home.state().join("address").exists(), "its files are left alone");
    assert_eq!(leader.stop().await, Some(0));
    home.place.remove().await;
}

#[tokio::test]
async fn a_standby_without_the_leaders_artifacts_is_refused() {
    let Some(home) = Home::postgres("a_standby_without_artifacts").await else { return };
    let (leader, beside) = (Binary::start(&home, &[], &[]).await, home.beside().unwrap());
    let database = home.flags().database.unwrap();
    let state = beside.state().to_str().unwrap();
    let flags = ["--state", state, "--listen", "127.0.0.1:0", "--database", &database];
    let (code, said) = run(&flags, &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hint:") && said.contains(state) && said.contains("share one folder"), "{said}");
    assert_eq!(leader.stop().await, Some(0));
    // Nor does anybody lead with the artifacts of another state.
    let other = Home::sqlite();
    let artifacts = home.state().join("artifacts");
    let (state, artifacts) = (other.state().to_str().unwrap(), artifacts.to_str().unwrap());
    let (code, said) =
        run(&["--state", state, "--listen", "127.0.0.1:0", "--artifacts", artifacts], &[]).await;
    assert!(code == Some(1) && said.contains("belong to another state") && said.contains("hint:"), "{said}");
    home.place.remove().await;
}
