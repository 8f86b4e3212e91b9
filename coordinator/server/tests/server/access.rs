//! Who is let in, to what, and what is remembered of it.

use crate::rig::{Home, SWEEP, Served, eventually, info, scenarios};
use prost::Message as _;
use std::{fs, time::Duration};
use tombola_access::{Access, Channel, Settings, Token};
use tombola_spec::version;
use tombola_wire::v1::{
    self, CreateTokenRequest, FromWorker, Hello, ListRequest, QueryRequest, RevokeTokenRequest,
    SubmitRequest, SweepRef, TicketRequest, access_service_client::AccessServiceClient, from_worker,
    query_service_client::QueryServiceClient, sweep_service_client::SweepServiceClient, value::Kind,
    worker_service_client::WorkerServiceClient,
};
use tonic::{Code, Request, Status, transport::Endpoint};

scenarios!(
    a_stranger_is_refused_at_every_method,
    each_role_does_what_it_may_and_no_more,
    a_token_that_expired_is_good_no_more,
    what_is_open_ends_with_its_token,
    a_name_is_one_tokens_until_it_is_revoked,
    another_coordinator_on_the_same_state_knows_the_tokens,
    people_who_change_something_are_on_record,
    hashes_are_closed_to_sql,
    failed_tries_are_slowed_down_and_good_tokens_are_not,
);

/// A coordinator that asks for tokens, though nobody but this machine reaches it.
async fn serve(home: &Home) -> Served {
    let mut config = home.config();
    config.tokens = true;
    home.serve_with(config).await
}

/// A way in, with a token or without.
async fn enter(served: &Served, token: Option<Token>) -> Channel {
    let access = Access::load(&Settings { token, ..Settings::default() }).unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
    access.connect(&endpoint).await.unwrap()
}

async fn operator(home: &Home, served: &Served) -> AccessServiceClient<Channel> {
    let token = fs::read_to_string(home.state().join("operator.token")).unwrap();
    AccessServiceClient::new(enter(served, Some(token.trim().parse().unwrap())).await)
}

async fn token(home: &Home, served: &Served, role: &str, name: &str, expires_in_s: u64) -> Token {
    let request = CreateTokenRequest { name: name.to_owned(), role: role.to_owned(), expires_in_s };
    let made = operator(home, served).await.create_token(request).await.unwrap().into_inner();
    made.secret.parse().unwrap()
}

async fn revoke(home: &Home, served: &Served, name: &str) {
    let request = RevokeTokenRequest { token: name.to_owned() };
    operator(home, served).await.revoke_token(request).await.unwrap();
}

/// What a request without content is answered; `Ok` if it was let in and nothing is said for so long.
async fn knock(channel: &Channel, path: &str, patience: Duration) -> Code {
    let answered = async {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let answer = client.server_streaming(Request::new(()), path.parse().unwrap(), codec).await?;
        answer.into_inner().message().await
    };
    match tokio::time::timeout(patience, answered).await {
        Ok(Err(status)) => status.code(),
        Ok(Ok(_)) | Err(_) => Code::Ok,
    }
}

/// Paths of all methods of our own services.
fn methods() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(tombola_wire::DESCRIPTORS).unwrap();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    let paths = services.flat_map(|(file, service)| {
        let path = move |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
        service.method.iter().map(move |method| path(method.name()))
    });
    paths.collect()
}

async fn a_stranger_is_refused_at_every_method(home: &Home) {
    let served = serve(home).await;
    let known = enter(&served, Some(Token::random(None).unwrap())).await;
    let stranger = enter(&served, None).await;
    let paths = methods();
    assert!(paths.len() > 20, "{paths:?}");
    // One that shows a token of somewhere else is no better off. Many tries are answered after a while.
    for channel in [&stranger, &known] {
        let knocks = paths.iter().map(|path| knock(channel, path, Duration::from_secs(10)));
        for (path, code) in paths.iter().zip(futures::future::join_all(knocks).await) {
            assert!(matches!(code, Code::Unauthenticated | Code::ResourceExhausted), "{path}: {code:?}");
        }
    }
    let health = "/grpc.health.v1.Health/Check";
    assert_eq!(
        knock(&stranger, health, Duration::from_secs(10)).await,
        Code::Ok,
        "whoever asks may know whether it serves"
    );
    served.stop().await;
    assert!(!home.state().join("operator.token").exists(), "nobody believes it any more");
}

async fn each_role_does_what_it_may_and_no_more(home: &Home) {
    let served = serve(home).await;
    for (role, list, submit, work, operate) in [
        ("reader", true, false, false, false),
        ("client", true, true, false, false),
        ("worker", false, false, true, false),
    ] {
        let channel = enter(&served, Some(token(home, &served, role, role, 0).await)).await;
        for (path, may) in [
            ("SweepService/List", list),
            ("SweepService/Watch", list),
            ("QueryService/Query", list),
            ("SweepService/Submit", submit),
            ("SweepService/Cancel", submit),
            ("SweepService/Drain", submit),
            ("WorkerService/Session", work),
            ("ArtifactService/Put", submit || work),
            ("ArtifactService/Get", true),
            ("AccessService/CreateToken", operate),
            ("AccessService/ListTokens", operate),
        ] {
            let path = format!("/tombola.v1.{path}");
            let code = knock(&channel, &path, Duration::from_millis(300)).await;
            assert_eq!(code != Code::PermissionDenied, may, "{role} {path}: {code:?}");
            assert_ne!(code, Code::Unauthenticated, "{role} {path}");
        }
    }
    let worker = token(home, &served, "worker", "other", 0).await;
    let mut sweeps = SweepServiceClient::new(enter(&served, Some(worker)).await);
    let words = sweeps.list(ListRequest {}).await.unwrap_err();
    let expected = "token `other` is a worker's, and `tombola.v1.SweepService/List` needs reader or client rights\nhint:";
    assert!(words.message().starts_with(expected), "{words}");
    served.stop().await;
}

async fn list(served: &Served, token: Token) -> Result<(), Status> {
    SweepServiceClient::new(enter(served, Some(token)).await).list(ListRequest {}).await.map(drop)
}

async fn a_token_that_expired_is_good_no_more(home: &Home) {
    let served = serve(home).await;
    let brief = token(home, &served, "reader", "brief", 1).await;
    let refused = eventually(|| async { list(&served, brief.clone()).await.err() }).await;
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().starts_with("this token has expired\nhint:"), "{refused}");
    // Its name is free again.
    list(&served, token(home, &served, "reader", "brief", 0).await).await.unwrap();
    served.stop().await;
}

async fn what_is_open_ends_with_its_token(home: &Home) {
    let served = serve(home).await;
    let secret = token(home, &served, "worker", "gpu7", 0).await;
    let (say, said) = tokio::sync::mpsc::channel(4);
    let info_json = serde_json::to_string(&info("gpu7")).unwrap();
    let hello = Hello { protocol: version::PROTOCOL, info_json, ..Hello::default() };
    say.send(FromWorker { message: Some(from_worker::Message::Hello(hello)) }).await.unwrap();
    let said = tokio_stream::wrappers::ReceiverStream::new(said);
    let mut worker = WorkerServiceClient::new(enter(&served, Some(secret.clone())).await);
    let mut hear = worker.session(said).await.unwrap().into_inner();
    assert!(hear.message().await.unwrap().is_some(), "it is welcome");
    revoke(home, &served, "gpu7").await;
    let end = loop {
        match hear.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unauthenticated, "{end}");
    let again = worker.session(tokio_stream::empty()).await.unwrap_err();
    assert!(again.message().starts_with("this token was revoked\nhint:"), "{again}");
    served.stop().await;
}

async fn a_name_is_one_tokens_until_it_is_revoked(home: &Home) {
    let served = serve(home).await;
    let first = token(home, &served, "client", "alice", 0).await;
    let mut tokens = operator(home, &served).await;
    let again = |name: &str, role: &str| CreateTokenRequest {
        name: name.to_owned(),
        role: role.to_owned(),
        expires_in_s: 0,
    };
    let refused = tokens.create_token(again("alice", "reader")).await.unwrap_err();
    assert!(
        refused.code() == Code::AlreadyExists && refused.message().contains("tombola token revoke alice")
    );
    assert_eq!(tokens.create_token(again("", "reader")).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(tokens.create_token(again("bob", "king")).await.unwrap_err().code(), Code::InvalidArgument);
    revoke(home, &served, "alice").await;
    list(&served, token(home, &served, "reader", "alice", 0).await).await.unwrap();
    assert_eq!(list(&served, first).await.unwrap_err().code(), Code::Unauthenticated);
    let listed = tokens.list_tokens(v1::ListTokensRequest {}).await.unwrap().into_inner().tokens;
    let states: Vec<_> =
        listed.iter().map(|t| (t.name.as_str(), t.role.as_str(), t.state.as_str())).collect();
    assert_eq!(states, [("alice", "client", "revoked"), ("alice", "reader", "good")]);
    let request = RevokeTokenRequest { token: "nobody".to_owned() };
    assert_eq!(tokens.revoke_token(request).await.unwrap_err().code(), Code::NotFound);
    served.stop().await;
}

async fn another_coordinator_on_the_same_state_knows_the_tokens(home: &Home) {
    let served = serve(home).await;
    let reader = token(home, &served, "reader", "board", 0).await;
    let before = fs::read_to_string(home.state().join("operator.token")).unwrap();
    served.kill();
    let served = serve(home).await;
    list(&served, reader).await.unwrap();
    let gone = list(&served, before.trim().parse().unwrap()).await.unwrap_err();
    assert_eq!(gone.code(), Code::Unauthenticated, "the operator's is another at each start: {gone}");
    served.stop().await;
}

async fn audit(served: &Served, token: Token) -> Vec<String> {
    let sql = "select actor, role, peer, action, subject from audit order by id".to_owned();
    let mut query = QueryServiceClient::new(enter(served, Some(token)).await);
    let rows = query.query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let word = |value: &v1::Value| match &value.kind {
        Some(Kind::Text(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    rows.iter().map(|row| row.values.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
}

async fn people_who_change_something_are_on_record(home: &Home) {
    let served = serve(home).await;
    let alice = token(home, &served, "client", "alice", 0).await;
    let board = token(home, &served, "reader", "board", 0).await;
    let mut sweeps = SweepServiceClient::new(enter(&served, Some(alice)).await);
    let submit = || SubmitRequest { file: SWEEP.to_owned() };
    let tiny = || SweepRef { sweep: "tiny".to_owned() };
    sweeps.submit(submit()).await.unwrap();
    sweeps.submit(submit()).await.unwrap();
    sweeps.pause(tiny()).await.unwrap();
    sweeps.resume(tiny()).await.unwrap();
    sweeps.retry(v1::RetryRequest { sweep: "tiny".to_owned() }).await.unwrap();
    sweeps.cancel(tiny()).await.unwrap();
    sweeps.cancel(tiny()).await.unwrap_err();
    // Nothing is trained yet: no ticket to take away.
    let ticket = TicketRequest { sweep: "tiny".to_owned(), trial: 1, round: 1, ..TicketRequest::default() };
    sweeps.ticket(ticket).await.unwrap_err();
    revoke(home, &served, "alice").await;
    assert_eq!(
        audit(&served, board).await,
        [
            "operator operator 127.0.0.1 create token alice",
            "operator operator 127.0.0.1 create token board",
            "alice client 127.0.0.1 submit tiny",
            "alice client 127.0.0.1 pause tiny",
            "alice client 127.0.0.1 resume tiny",
            "alice client 127.0.0.1 cancel tiny",
            "operator operator 127.0.0.1 revoke token alice",
        ],
        "what changed nothing is not there"
    );
    served.stop().await;
}

async fn hashes_are_closed_to_sql(home: &Home) {
    let served = serve(home).await;
    let board = token(home, &served, "reader", "board", 0).await;
    let mut query = QueryServiceClient::new(enter(&served, Some(board)).await);
    for sql in
        ["select hash from access_tokens", "select * from \"Access_Tokens\"", "select * from sqlite_dbpage"]
    {
        let refused = query.query(QueryRequest { sql: sql.to_owned(), max_rows: 0 }).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{sql}: {refused}");
    }
    served.stop().await;
}

async fn failed_tries_are_slowed_down_and_good_tokens_are_not(home: &Home) {
    let served = serve(home).await;
    let board = token(home, &served, "reader", "board", 0).await;
    let mut refused = Vec::new();
    while refused.last() != Some(&Code::ResourceExhausted) {
        refused.push(list(&served, Token::random(None).unwrap()).await.unwrap_err().code());
        assert!(refused.len() < 60, "it is never slowed down");
    }
    assert!(
        refused.len() > 10 && refused[..10].iter().all(|code| *code == Code::Unauthenticated),
        "{refused:?}"
    );
    list(&served, board).await.unwrap();
    served.stop().await;
}
