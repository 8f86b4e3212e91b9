//! The engine child of a slot: how the agent starts it, and what it does first.

use crate::config::Config;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufReader, Write, stderr, stdin},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};
use tombola_agent::{SlotSpec, executor::ProcessExecutor};
use tombola_engine::{ChildOptions, run_child};
use tombola_spec::worker::DeviceKind;

/// Matrix products of the same bits each time: cuBLAS reads it from the environment when it is loaded.
pub(crate) const SAME_BITS: (&str, &str) = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8");

/// What a child is told on its command line.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    device: DeviceKind,
    index: u32,
    data: PathBuf,
    cache: PathBuf,
    threads: u32,
    checkpoint_every: Duration,
    checkpoint_every_iterations: Option<u64>,
}

/// Starts this very program as the engine of a slot.
pub(crate) fn executor(
    config: &Config,
) -> ProcessExecutor<impl Fn(usize, &SlotSpec) -> Command + Send + Sync + use<>> {
    let (data, cache, engine) = (config.data.clone(), config.dir.clone(), config.engine.clone());
    ProcessExecutor::new(move |_, spec| {
        let settings = Settings {
            device: spec.device,
            index: spec.index,
            data: data.clone(),
            cache: cache.clone(),
            threads: engine.threads.get(),
            checkpoint_every: engine.checkpoint_every.0,
            checkpoint_every_iterations: engine.checkpoint_every_iterations.map(Into::into),
        };
        let settings = serde_json::to_string(&settings).expect("paths of a configuration are text");
        // Also when the file was replaced by an upgrade: both ends of the pipe are always of one build.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("tombola-worker").arg("engine").arg(settings);
        if spec.device == DeviceKind::Cuda {
            command.env(SAME_BITS.0, SAME_BITS.1);
        }
        command
    })
}

/// Runs an engine until the agent has no more use for it.
pub(crate) fn run(settings: &str) -> ExitCode {
    match try_run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The agent puts it into its log; if that is gone, nobody is to be told.
            let _ = writeln!(stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(settings: &str) -> anyhow::Result<()> {
    // The agent's death ends its input too, but an engine may not read that until a kernel is done.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // Where memory runs out, this process goes and not the agent, which then reports it. Not everywhere to be had.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    let settings: Settings = serde_json::from_str(settings)?;
    let options = ChildOptions {
        threads: settings.threads,
        checkpoint_every: settings.checkpoint_every,
        checkpoint_every_iterations: settings.checkpoint_every_iterations,
        ..ChildOptions::new(settings.device, settings.index, settings.data, settings.cache)
    };
    run_child(options, BufReader::new(stdin()), own_output()?)?;
    Ok(())
}

/// The pipe to the agent, for events alone: whatever a library prints goes to the log instead.
fn own_output() -> io::Result<File> {
    let pipe = rustix::io::dup(io::stdout())?;
    rustix::stdio::dup2_stdout(stderr())?;
    Ok(File::from(pipe))
}
