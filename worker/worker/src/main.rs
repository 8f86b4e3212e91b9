//! `tombola-worker`: the agent, and itself re-executed as one engine child per slot. Chooses the exit code.

#![forbid(unsafe_code)]

mod args;
mod calibrate;
mod check;
mod config;
mod data;
mod engine;
mod signals;

use args::{Args, Command};
use clap::Parser;
use config::Config;
use std::{
    io::{Write, stderr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tombola_agent::{AgentError, Exit, Stop};

/// Threads of the agent: it moves messages and files, and leaves the cores to the engines.
const THREADS: usize = 2;
/// How long a file that is being written at the end may take.
const LAST_WRITES: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Command::Engine { settings }) = &args.command {
        // Before anything else: on a GPU, loading CUDA's libraries has to be the first thing done with libtorch.
        return engine::run(settings);
    }
    let config = match Config::load(&args.flags) {
        Ok(config) => config,
        Err(error) => return failed(&error, 2),
    };
    config.log.start();
    if let Some(Command::Data { command }) = &args.command {
        return data::run(command, &config);
    }
    if let Some(Command::Calibrate { options }) = &args.command {
        return calibrate::run(options, &config);
    }
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(&format!("no threads to run on: {error}"), 1),
        };
    let code = match args.command {
        Some(Command::Check { output }) => runtime.block_on(check::run(&config, output)),
        _ => runtime.block_on(work(config)),
    };
    runtime.shutdown_timeout(LAST_WRITES);
    code
}

/// Works for the coordinator until told to leave.
async fn work(config: Config) -> ExitCode {
    let stop = Stop::default();
    let executor = Arc::new(engine::executor(&config));
    let options = match config.options() {
        Ok(options) => options,
        Err(error) => return failed(&error, 2),
    };
    let agent = tombola_agent::run(options, executor, stop.clone());
    let left = tokio::select! {
        left = agent => left,
        never = signals::pass_on(&stop) => match never {
            Ok(never) => match never {},
            Err(error) => return failed(&format!("cannot listen to signals: {error}"), 1),
        },
    };
    match left {
        Ok(Exit::Drained) => ExitCode::SUCCESS,
        Ok(Exit::Broken(why)) => failed(&why, 1),
        Ok(Exit::Refused(why)) => failed(&format!("the coordinator refuses this worker: {why}"), 3),
        Ok(Exit::Late) => failed(&"draining took too long; what is left is handed in at the next start", 4),
        Ok(Exit::Stopped) => failed(&"left at once; running jobs go on from their last checkpoints", 130),
        Err(error) => failed_to_start(&error),
    }
}

/// 2 = an operator has to change a setting, 1 = anything else.
fn failed_to_start(error: &AgentError) -> ExitCode {
    failed(error, if matches!(error, AgentError::Setting { .. }) { 2 } else { 1 })
}

/// Says why on standard error.
fn failed(why: &dyn std::fmt::Display, code: u8) -> ExitCode {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(stderr(), "tombola-worker: {why}");
    ExitCode::from(code)
}
