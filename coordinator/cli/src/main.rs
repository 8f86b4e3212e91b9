//! `tombola`: submit sweeps, watch them, query results, fetch tickets. Chooses the exit code and nothing else.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args = tombola_cli::Args::parse();
    tombola_cli::main(args).await
}
