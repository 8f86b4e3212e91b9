//! A leader and its standby that other machines reach, with TLS and tokens: who has a token gets in at either.

use crate::{
    binary::{Binary, run},
    rig::{Home, eventually, info},
};
use std::{fs, net::SocketAddr};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tombola_access::{Access, Channel, Settings, Token};
use tombola_spec::version;
use tombola_wire::v1::{
    self, CreateTokenRequest, FromWorker, Hello, ListRequest, RevokeTokenRequest,
    access_service_client::AccessServiceClient, from_worker, sweep_service_client::SweepServiceClient,
    to_worker, worker_service_client::WorkerServiceClient,
};
use tonic::{Code, Status, transport::Endpoint};

const OUTSIDE: [&str; 2] = ["--listen", "0.0.0.0:0"];

/// A coordinator with its folder.
async fn start(home: &Home, artifacts: Option<&Home>) -> Binary {
    let artifacts = artifacts.map(|home| home.state().join("artifacts").to_str().unwrap().to_owned());
    let artifacts = artifacts.as_deref().map(|artifacts| ["--artifacts", artifacts]);
    let flags: Vec<&str> = OUTSIDE.into_iter().chain(artifacts.into_iter().flatten()).collect();
    Binary::start(home, &flags, &[]).await
}

/// A way in that believes nobody but whom the token names.
async fn enter(address: SocketAddr, token: &Token) -> Channel {
    let access = Access::load(&Settings { token: Some(token.clone()), ..Settings::default() }).unwrap();
    let url = format!("https://127.0.0.1:{}", address.port());
    access.connect(&Endpoint::from_shared(url).unwrap()).await.unwrap()
}

async fn operator(home: &Home, at: &Binary) -> AccessServiceClient<Channel> {
    let token = fs::read_to_string(home.state().join("operator.token")).unwrap();
    AccessServiceClient::new(enter(at.address, &token.trim().parse().unwrap()).await)
}

async fn token(home: &Home, at: &Binary, role: &str, name: &str) -> Token {
    let request = CreateTokenRequest { name: name.to_owned(), role: role.to_owned(), expires_in_s: 0 };
    let made = operator(home, at).await.create_token(request).await.unwrap().into_inner();
    made.secret.parse().unwrap()
}

async fn list(at: &Binary, token: &Token) -> Result<(), Status> {
    SweepServiceClient::new(enter(at.address, token).await).list(ListRequest {}).await.map(drop)
}

/// Waits until what a token is answered is this.
async fn is_answered(at: &Binary, token: &Token, code: Code) {
    eventually(|| async {
        (list(at, token).await.map_or_else(|status| status.code(), |()| Code::Ok) == code).then_some(())
    })
    .await;
}

/// Whether a worker with this token is welcome.
async fn is_welcome(at: &Binary, token: &Token) -> bool {
    let info_json = serde_json::to_string(&info("gpu7")).unwrap();
    let hello = Hello { protocol: version::PROTOCOL, info_json, ..Hello::default() };
    let (say, said) = mpsc::channel(1);
    say.send(FromWorker { message: Some(from_worker::Message::Hello(hello)) }).await.unwrap();
    let mut worker = WorkerServiceClient::new(enter(at.address, token).await);
    let Ok(heard) = worker.session(ReceiverStream::new(said)).await else { return false };
    let first = heard.into_inner().message().await;
    matches!(first, Ok(Some(v1::ToWorker { message: Some(to_worker::Message::Welcome(_)) })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_at_leader_and_standby_until_it_is_revoked_at_one() {
    let Some(home) = Home::postgres("a_token_is_good_at_leader_and_standby").await else { return };
    let (leader, beside) = (start(&home, None).await, home.beside().unwrap());
    fs::copy(home.state().join("tls.key"), beside.state().join("tls.key")).unwrap();
    let standby = start(&beside, Some(&home)).await;
    let alice = token(&home, &leader, "client", "alice").await;
    let bob = token(&home, &leader, "client", "bob").await;
    let gpu7 = token(&home, &leader, "worker", "gpu7").await;
    list(&leader, &alice).await.unwrap();
    assert!(is_welcome(&leader, &gpu7).await);
    // It gets past the door of the standby, which does not lead.
    for token in [&alice, &bob] {
        is_answered(&standby, token, Code::Unavailable).await;
    }
    let request = RevokeTokenRequest { token: "bob".to_owned() };
    operator(&home, &leader).await.revoke_token(request).await.unwrap();
    is_answered(&standby, &bob, Code::Unauthenticated).await;

    leader.kill().await;
    is_answered(&standby, &alice, Code::Ok).await;
    eventually(|| async { is_welcome(&standby, &gpu7).await.then_some(()) }).await;
    assert_eq!(list(&standby, &bob).await.unwrap_err().code(), Code::Unauthenticated);

    // The other way round.
    let first = start(&home, None).await;
    let carol = token(&beside, &standby, "reader", "carol").await;
    is_answered(&first, &carol, Code::Unavailable).await;
    let request = RevokeTokenRequest { token: "carol".to_owned() };
    operator(&beside, &standby).await.revoke_token(request).await.unwrap();
    is_answered(&first, &carol, Code::Unauthenticated).await;
    assert_eq!((standby.stop().await, first.stop().await), (Some(0), Some(0)));
    home.place.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_with_a_key_of_its_own_does_not_start() {
    let Some(home) = Home::postgres("a_standby_with_a_key_of_its_own").await else { return };
    let (leader, beside) = (start(&home, None).await, home.beside().unwrap());
    let (state, artifacts) = (beside.state().to_str().unwrap(), home.state().join("artifacts"));
    let database = home.flags().database.unwrap();
    let folders = ["--state", state, "--database", &database, "--artifacts", artifacts.to_str().unwrap()];
    let (code, said) = run(&[&OUTSIDE[..], &folders[..]].concat(), &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("not the one that tokens name") && said.contains("hint: copy `tls.key`"), "{said}");
    // As the hint says.
    fs::copy(home.state().join("tls.key"), beside.state().join("tls.key")).unwrap();
    let standby = start(&beside, Some(&home)).await;
    assert_eq!((standby.stop().await, leader.stop().await), (Some(0), Some(0)));
    home.place.remove().await;
}
