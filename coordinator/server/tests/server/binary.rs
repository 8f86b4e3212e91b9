//! The binary `tombola-coordinator` as a process.

use crate::rig::{Home, eventually};
use std::{fs, net::SocketAddr, process::Stdio};
use tokio::process::{Child, Command};

/// A coordinator process that serves.
pub(crate) struct Binary {
    process: Child,
    pub(crate) address: SocketAddr,
}

fn command(flags: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombola-coordinator"));
    command.args(flags).envs(environment.iter().copied()).kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs the binary to its end: exit code and what it said.
pub(crate) async fn run(flags: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = command(flags, environment).output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Binary {
    /// Starts it on this state and waits until it says where it listens. Flags given win over the usual ones.
    pub(crate) async fn start(home: &Home, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let usual = home.flags();
        let mut all: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        if !flags.contains(&"--listen") {
            all.extend(["--listen".to_owned(), usual.listen.unwrap()]);
        }
        all.extend(["--state".to_owned(), home.state().to_str().unwrap().to_owned()]);
        all.extend(["--database".to_owned(), usual.database.unwrap()]);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let file = home.state().join("address");
        // One that was killed leaves its address behind.
        let _ = fs::remove_file(&file);
        let mut process = command(&all, environment).spawn().unwrap();
        let address = eventually(|| {
            assert!(process.try_wait().unwrap().is_none(), "the coordinator ended at once");
            let written = fs::read_to_string(&file).ok();
            let address = written.map(|text| text.trim().trim_start_matches("https://").parse().unwrap());
            async move { address }
        });
        let address = address.await;
        Self { process, address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        let id = rustix::process::Pid::from_raw(self.id().cast_signed()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.process.wait().await.unwrap().code()
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}
