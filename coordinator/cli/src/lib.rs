//! The `tombola` command: one file per command, thin over the public gRPC API.
//!
//! Cannot reach the database or libtorch: what it shows comes over the wire. Data goes to standard output, everything
//! else to standard error.

#![forbid(unsafe_code)]

mod args;
mod client;
mod commands;
mod error;
mod files;
mod output;
mod places;
mod report;
mod up;

pub use args::Args;
use std::process::ExitCode;

/// Runs a command, reports its error for people, and chooses the exit code (see `tombola --help`).
pub async fn main(args: Args) -> ExitCode {
    let printer = output::Printer::new(args.output);
    match commands::run(args, &printer).await {
        Ok(code) => code,
        Err(error) => {
            printer.error(&error);
            error::exit_code(&error)
        }
    }
}
