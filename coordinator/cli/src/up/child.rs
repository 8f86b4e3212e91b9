//! One supervised process: a sibling binary with its log in the state folder.

use super::{Plan, log};
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
    /// Length of the log when the process was started: what stands before is of earlier ones.
    logged: u64,
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
        let logged = length(&log);
        let process = launch(binary, arguments, &log)?;
        let (name, arguments) = (name.to_owned(), arguments.to_vec());
        Ok(Self { name, binary, arguments, process, started: Instant::now(), quick_ends: 0, log, logged })
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        &self.name
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

    /// Whether it ended because somebody asked it to, and it had done what that takes.
    pub(super) fn left_as_asked(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(status)) if status.success())
    }

    /// Starts it again if it has ended.
    pub(super) fn revive(&mut self, printer: &Printer) -> anyhow::Result<()> {
        let Some(status) = self.process.try_wait()? else { return Ok(()) };
        self.quick_ends = if self.started.elapsed() < QUICK { self.quick_ends + 1 } else { 0 };
        if self.quick_ends >= TRIES {
            return Err(self.ended(status));
        }
        printer.note(&format!("{} left ({status}); starting it again", self.name));
        self.logged = length(&self.log);
        self.process = launch(self.binary, &self.arguments, &self.log)?;
        self.started = Instant::now();
        Ok(())
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        let (name, file) = (&self.name, self.log.display());
        match log::end(&self.log, self.logged) {
            said if said.is_empty() => {
                anyhow::anyhow!("{name} ended ({status}) and wrote nothing into its log ({file})")
            }
            said => anyhow::anyhow!("{name} ended ({status}). The end of its log ({file}):\n{said}"),
        }
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

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
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
pub(crate) fn program(binary: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(binary);
    let hint = "it is built beside this one by `cargo build --workspace`, after `cargo xtask setup`";
    anyhow::ensure!(path.is_file(), "there is no `{}`\nhint: {hint}", path.display());
    Ok(path)
}
