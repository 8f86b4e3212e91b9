//! Which coordinator is asked, and with what in hand.

use crate::rig::{Rig, tombola};
use std::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;

/// A coordinator that stands by: it answers, and says that it does not serve.
struct Standby {
    address: String,
    // Dropping it ends the server.
    _runtime: tokio::runtime::Runtime,
}

impl Standby {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (tell, told) = mpsc::channel();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (reporter, health) = tonic_health::server::health_reporter();
            reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
            tell.send(listener.local_addr().unwrap().to_string()).unwrap();
            let server = tonic::transport::Server::builder().add_service(health);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address: told.recv().unwrap(), _runtime: runtime }
    }
}

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:1";

#[test]
fn of_several_coordinators_the_first_that_serves_is_asked() {
    let (rig, standby) = (Rig::start(), Standby::start());
    let addresses = format!("{NOBODY}, {},{}", standby.address, rig.address());
    let outcome = tombola(rig.folder(), Some(&addresses), &["list"]);
    assert!(outcome.code == 0 && outcome.stdout.contains("lenet"), "{}", outcome.stderr);
}

#[test]
fn if_none_of_several_serves_each_is_named_with_its_reason() {
    let (rig, standby) = (Rig::start(), Standby::start());
    let outcome = tombola(rig.folder(), Some(&format!("{NOBODY},{}", standby.address)), &["list"]);
    assert_eq!(outcome.code, 3);
    for part in [
        &format!("no coordinator answers at http://{NOBODY}"),
        &format!("http://{} stands by", standby.address),
        "hint: try again",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
}

#[test]
fn a_token_that_is_none_is_refused_and_not_repeated() {
    let rig = Rig::start();
    let output = rig.command(&["list"]).env("TOMBOLA_TOKEN", "tombola_half").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("TOMBOLA_TOKEN: this is not a token\nhint:") && !said.contains("half"), "{said}");

    rig.write("token", "secret");
    let outcome = rig.run(&["list", "--token-file", "token"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("`token`: this is not a token"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
}

#[test]
fn tls_where_none_is_spoken_says_what_to_write() {
    let rig = Rig::start();
    let outcome = tombola(rig.folder(), Some(&format!("https://{}", rig.address())), &["list"]);
    assert_eq!(outcome.code, 3);
    assert!(outcome.stderr.contains("does not speak TLS\nhint: write `http://`"), "{}", outcome.stderr);
}
