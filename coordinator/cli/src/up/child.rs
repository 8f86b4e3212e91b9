//! One supervised process: a sibling binary with its log in the state folder.

use super::Plan;
use crate::output::Printer;
use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::process::Command;

/// Starts in a row, each ending within [`QUICK`], after which the cause is not going away.
const TRIES: u32 = 5;
const QUICK: Duration = Duration::from_secs(20);

/// A process and what it takes to start it again.
pub(super) struct Child {
    name: String,
    binary: &'static str,
    arguments: Vec<String>,
    process: tokio::process::Child,
    started: Instant,
    quick_ends: u32,
    log: PathBuf,
}

impl Child {
    /// Starts `binary`, found beside this one.
    pub(super) fn spawn(
        name: &str,
        binary: &'static str,
        arguments: &[String],
        plan: &Plan,
    ) -> anyhow::Result<Self> {
        let log = plan.state.join("log").join(format!("{name}.log"));
        let process = launch(binary, arguments, &log)?;
        let (name, arguments) = (name.to_owned(), arguments.to_vec());
        Ok(Self { name, binary, arguments, process, started: Instant::now(), quick_ends: 0, log })
    }

    /// With these arguments it is started again.
    pub(super) fn restart_with(&mut self, arguments: Vec<String>) {
        self.arguments = arguments;
    }

    /// The file its log goes to.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Fails with the end of its log if it has ended.
    pub(super) fn still_running(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Starts it again if it has ended.
    pub(super) fn revive(&mut self, printer: &Printer) -> anyhow::Result<()> {
        let Some(status) = self.process.try_wait()? else { return Ok(()) };
        self.quick_ends = if self.started.elapsed() < QUICK { self.quick_ends + 1 } else { 0 };
        if self.quick_ends >= TRIES {
            return Err(self.ended(status));
        }
        printer.note(&format!("{} left ({status}); starting it again", self.name));
        self.process = launch(self.binary, &self.arguments, &self.log)?;
        self.started = Instant::now();
        Ok(())
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(8)..].join("\n");
        anyhow::anyhow!(
            "{} ended ({status}). The end of its log ({}):\n{tail}",
            self.name,
            self.log.display()
        )
    }

    /// Asks it to finish.
    pub(super) fn terminate(&self) {
        let pid = self.process.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// Waits for its end until `deadline`, then ends it.
    pub(super) async fn wait_or_kill(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if tokio::time::timeout(left, self.process.wait()).await.is_err() {
            // Nothing is lost: what it was doing resumes from its checkpoint.
            let _ = self.process.kill().await;
        }
    }
}

fn launch(binary: &str, arguments: &[String], log: &Path) -> anyhow::Result<tokio::process::Child> {
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write the log `{}`", log.display()))?;
    let path = program(binary)?;
    Command::new(&path)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        // Ctrl-C reaches this process alone; it stops the others in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{}`", path.display()))
}

/// A binary beside this one.
pub(super) fn program(binary: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(binary);
    let hint = "it is built beside this one by `cargo build --workspace`, after `cargo xtask setup`";
    anyhow::ensure!(path.is_file(), "there is no `{}`\nhint: {hint}", path.display());
    Ok(path)
}
