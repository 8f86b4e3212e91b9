//! A stand-in for a coordinator: real gRPC on a real port, scripted answers, and the `tombola` binary run against it.

mod answers;

use std::{
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
};
use tempfile::TempDir;
use tokio_stream::wrappers::TcpListenerStream;
use tombola_wire::v1::{
    artifact_service_server::ArtifactServiceServer, query_service_server::QueryServiceServer,
    sweep_service_server::SweepServiceServer,
};

/// A sweep file.
pub(crate) const SWEEP: &str = r#"name = "lenet"
seeds = "1..=2"
model = { name = "mnist_lenet_300_100" }
data = { set = "mnist" }
train = { steps = "3000it", batch = 60, optimizer = "adam", lr = 1.2e-3 }
prune = { scope = "per_layer", rate = 0.2, rates = { "fc.weight" = 0.1 }, rounds = 3 }
branch.reinit = { rounds = [3] }
"#;

/// The sweep of the stand-in that has this file.
pub(crate) const WHOLE: &str = "whole";

/// The sweep of the stand-in that has failures and nothing else.
pub(crate) const FAILED: &str = "failed";

/// The sweep of the stand-in that is watched for ever.
pub(crate) const ENDLESS: &str = "endless";

/// What the stand-in was asked, in order: the request's name and its most telling field.
pub(super) type Asked = Arc<Mutex<Vec<String>>>;

/// A stand-in and a home folder of its own for the commands run against it.
pub(crate) struct Rig {
    address: String,
    asked: Asked,
    home: TempDir,
    // Dropping it ends the server.
    _runtime: tokio::runtime::Runtime,
}

/// How a command ended.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Rig {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let asked = Asked::default();
        let (tell, told) = mpsc::channel();
        let fake = answers::Fake::new(asked.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().to_string()).unwrap();
            tonic::transport::Server::builder()
                .add_service(SweepServiceServer::new(fake.clone()))
                .add_service(QueryServiceServer::new(fake.clone()))
                .add_service(ArtifactServiceServer::new(fake))
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        let address = told.recv().unwrap();
        Self { address, asked, home: TempDir::new().unwrap(), _runtime: runtime }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Folder the commands run in; also their home.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    /// What the stand-in was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// `tombola` with these words, not started yet.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        command(self.folder(), Some(&self.address), words)
    }

    /// Runs `tombola` with these words.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        tombola(self.folder(), Some(&self.address), words)
    }

    /// What `tombola` shows for these words, as a table and as JSON, for a snapshot.
    pub(crate) fn shown(&self, words: &[&str]) -> String {
        let json: Vec<&str> = words.iter().copied().chain(["--output", "json"]).collect();
        format!("{}\n{}", self.told(words), self.told(&json))
    }

    /// What `tombola` says to these words, for a snapshot.
    pub(crate) fn told(&self, words: &[&str]) -> String {
        self.run(words).show(words).replace(&self.address, "ADDRESS")
    }
}

impl Outcome {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(crate) fn show(&self, words: &[&str]) -> String {
        let stderr =
            if self.stderr.is_empty() { String::new() } else { format!("[stderr]\n{}", self.stderr) };
        format!("$ tombola {}\n{}{stderr}[exit {}]\n", words.join(" "), self.stdout, self.code)
    }
}

/// Runs `tombola` in a folder, with the coordinator at `address` or with none running.
pub(crate) fn tombola(folder: &std::path::Path, address: Option<&str>, words: &[&str]) -> Outcome {
    Outcome::of(command(folder, address, words).output().unwrap())
}

fn command(folder: &std::path::Path, address: Option<&str>, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombola"));
    command.current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    // A port that nothing listens on stands for "no coordinator".
    command.env("TOMBOLA_COORDINATOR", address.unwrap_or("127.0.0.1:1")).args(words);
    command
}

/// The Python of the tests, which has safetensors and numpy; `None` where there is none, which is then said.
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
pub(crate) fn python() -> Option<std::path::PathBuf> {
    let found = std::env::var_os("TOMBOLA_TEST_PYTHON").map(Into::into);
    if found.is_none() {
        assert!(
            std::env::var("TOMBOLA_TEST_REQUIRE").as_deref() != Ok("1"),
            "TOMBOLA_TEST_PYTHON is not set"
        );
        eprintln!(
            "skipped: TOMBOLA_TEST_PYTHON names no Python with safetensors (`cargo xtask test` sets it)"
        );
    }
    found
}
