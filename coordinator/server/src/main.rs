//! `tombola-coordinator`: reads its configuration, serves or looks after a state, and chooses the exit code.

#![forbid(unsafe_code)]

mod args;
mod upkeep;

use args::{Args, Command};
use clap::Parser;
use std::{
    io::{Write as _, stderr},
    process::ExitCode,
};
use tikv_jemallocator::Jemalloc;
use tombola_server::{app, config::Config};

/// Submissions and restarts need much memory for a moment, beside little that lives on. This allocator gives it back to the
/// system; with glibc's, and with mimalloc, two to three times as much stayed.
#[global_allocator]
static MEMORY: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load(&args.flags) {
        Ok(config) => config,
        Err(error) => return failed(&error, 2),
    };
    let done = match args.command {
        None | Some(Command::Serve) => {
            config.log.start();
            app::run(config).await.map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Upkeep(command)) => upkeep::run(&config, command).await,
    };
    done.unwrap_or_else(|error| failed(&format!("{error:#}"), 1))
}

/// Says why on standard error.
fn failed(why: &dyn std::fmt::Display, code: u8) -> ExitCode {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(stderr(), "tombola-coordinator: {why}");
    ExitCode::from(code)
}
