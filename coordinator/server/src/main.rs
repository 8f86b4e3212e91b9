//! `tombola-coordinator`: reads its configuration, serves, and chooses the exit code.

#![forbid(unsafe_code)]

use clap::Parser;
use std::{
    io::{Write as _, stderr},
    process::ExitCode,
};
use tikv_jemallocator::Jemalloc;
use tombola_server::{
    app,
    config::{Config, Flags},
};

/// Submissions and restarts need much memory for a moment, beside little that lives on. This allocator gives it back to the
/// system; with glibc's, and with mimalloc, two to three times as much stayed.
#[global_allocator]
static MEMORY: Jemalloc = Jemalloc;

/// Keeps sweeps, hands their jobs to workers, and answers `tombola`.
///
/// Settings come from a file (--config), then from TOMBOLA_COORDINATOR_* (sections cut off by two underscores, as in
/// TOMBOLA_COORDINATOR_WORKERS__TERM=30s), then from flags; later ones win. SIGTERM or Ctrl-C stops it in order:
/// what was begun is committed, workers train on and come back to the next coordinator on the same state.
///
/// Exit codes: 0 stopped in order; 1 could not start or go on; 2 the configuration cannot be used.
#[derive(Debug, Parser)]
#[command(name = "tombola-coordinator", version)]
struct Args {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load(&args.flags) {
        Ok(config) => config,
        Err(error) => return failed(&error, 2),
    };
    config.log.start();
    match app::run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}"), 1),
    }
}

/// Says why on standard error.
fn failed(why: &dyn std::fmt::Display, code: u8) -> ExitCode {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(stderr(), "tombola-coordinator: {why}");
    ExitCode::from(code)
}
