//! Engines as child processes: one JSON value per line on the child's standard input and output; its standard error goes
//! to the log. A child that dies, is killed or talks nonsense ends its channels and nothing else.

use super::{Engine, Executor};
use crate::config::SlotSpec;
use futures::FutureExt;
use std::{os::unix::process::ExitStatusExt, process::ExitStatus, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tombola_spec::slot::{Event, Request};

/// Events the agent has not looked at yet; beyond it the child waits.
const EVENTS: usize = 256;
/// Longest line of a child, bytes; one that goes on for ever must not take the agent's memory.
const LONGEST_LINE: u64 = 64 << 20;
/// How long the rest of a dead child's log may take to arrive.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(500);

/// Starts the command that `command_for` makes for a slot.
pub struct ProcessExecutor<F> {
    command_for: F,
}

impl<F> ProcessExecutor<F>
where
    F: Fn(usize, &SlotSpec) -> std::process::Command + Send + Sync + 'static,
{
    /// An executor of `command_for(slot number, slot)`. The command should ask to die with its parent.
    pub fn new(command_for: F) -> Self {
        Self { command_for }
    }
}

impl<F> Executor for ProcessExecutor<F>
where
    F: Fn(usize, &SlotSpec) -> std::process::Command + Send + Sync + 'static,
{
    fn start(&self, slot: usize, spec: &SlotSpec) -> std::io::Result<Engine> {
        let mut command = Command::from((self.command_for)(slot, spec));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C in a terminal reaches a whole process group: the agent alone is to hear it, and drains its engines.
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipe = || std::io::Error::other("a child without pipes");
        let (stdin, stdout) = (child.stdin.take().ok_or_else(pipe)?, child.stdout.take().ok_or_else(pipe)?);
        let last_words = tokio::spawn(log(slot, child.stderr.take().ok_or_else(pipe)?));
        let (requests, to_child) = mpsc::unbounded_channel();
        let (from_child, events) = mpsc::channel(EVENTS);
        let kill = CancellationToken::new();
        tokio::spawn(write(to_child, stdin));
        tokio::spawn(read(stdout, from_child, kill.clone()));
        let end = tokio::spawn(wait(child, last_words, kill.clone()));
        let end = end.map(|ended| ended.unwrap_or_else(|_| "it was given up".to_owned())).boxed();
        Ok(Engine { requests, events, end, kill })
    }
}

async fn write(mut requests: mpsc::UnboundedReceiver<Request>, mut stdin: ChildStdin) {
    while let Some(request) = requests.recv().await {
        let Ok(mut line) = serde_json::to_vec(&request) else { return };
        line.push(b'\n');
        // A child that is gone shows on its output.
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// Reads what a child says until it ends, is given up, or says what is no event: then it is to be ended.
pub(crate) async fn read(
    stdout: impl AsyncRead + Unpin,
    events: mpsc::Sender<Event>,
    kill: CancellationToken,
) {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut stdout).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
        let event = match serde_json::from_slice(&line) {
            Ok(event) => event,
            Err(error) => {
                let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
                tracing::error!(%error, %line, "an engine said something unreadable");
                return kill.cancel();
            }
        };
        line.clear();
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// Logs what a child says to people. Returns its last line.
async fn log(slot: usize, stderr: impl AsyncRead + Unpin) -> String {
    let (mut lines, mut last) = (BufReader::new(stderr).split(b'\n'), String::new());
    while let Ok(Some(line)) = lines.next_segment().await {
        last = String::from_utf8_lossy(&line).trim_end().to_owned();
        tracing::warn!(slot, line = last, "engine.says: on its standard error");
    }
    last
}

async fn wait(mut child: Child, last_words: JoinHandle<String>, kill: CancellationToken) -> String {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.cancelled() => match child.start_kill() {
            Ok(()) => child.wait().await,
            Err(error) => Err(error),
        },
    };
    let end = status.map_or_else(|error| format!("its end is unknown ({error})"), describe);
    // A grandchild may hold the pipe open, and say nothing.
    match tokio::time::timeout(LAST_WORDS, last_words).await {
        Ok(Ok(words)) if !words.is_empty() => format!("{end}; its last words: {words}"),
        _ => end,
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(9)) => {
            "it was killed by signal 9 (`kill -9`, or the kernel for lack of memory)".to_owned()
        }
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "its end is unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::worker::DeviceKind;

    fn shell(script: &str) -> Engine {
        let script = script.to_owned();
        let executor = ProcessExecutor::new(move |_, _| {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", &script]);
            command
        });
        executor.start(0, &SlotSpec { device: DeviceKind::Cpu, index: 0, lanes: 1, declared: true }).unwrap()
    }

    #[tokio::test]
    async fn a_child_that_exits_says_how() {
        let mut engine = shell(r#"echo '{"event":"stage_done"}'; echo 'no such kernel' >&2; exit 7"#);
        assert!(matches!(engine.events.recv().await, Some(Event::StageDone)));
        assert!(engine.events.recv().await.is_none());
        assert_eq!((&mut engine.end).await, "it exited with code 7; its last words: no such kernel");
    }

    #[tokio::test]
    async fn a_child_that_hangs_can_be_killed() {
        let mut engine = shell("exec sleep 1000");
        engine.kill.cancel();
        assert!(engine.events.recv().await.is_none());
        assert!((&mut engine.end).await.contains("signal 9"));
    }

    #[tokio::test]
    async fn a_child_that_talks_nonsense_is_ended() {
        let mut engine = shell("echo hello; exec sleep 1000");
        assert!(engine.events.recv().await.is_none());
        assert!((&mut engine.end).await.contains("signal 9"));
    }

    #[tokio::test]
    async fn requests_reach_the_child_a_line_each() {
        let mut engine =
            shell(r#"read line; test "$line" = '{"request":"yield"}' && echo '{"event":"stage_done"}'"#);
        engine.requests.send(Request::Yield).unwrap();
        assert!(matches!(engine.events.recv().await, Some(Event::StageDone)));
    }
}
