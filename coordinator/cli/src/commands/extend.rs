//! `tombola extend`: ask for more of a sweep, also while it runs.

use super::{Context, read_sweep, submit};
use std::{path::PathBuf, process::ExitCode};
use tombola_wire::v1::ExtendRequest;

/// Extend a sweep by a file that asks for more: seeds, rounds, axis values, branches. Only what is new is trained.
#[derive(Debug, clap::Args)]
pub(crate) struct Extend {
    /// The sweep's name or id.
    sweep: String,
    /// The new sweep file.
    file: PathBuf,
}

impl Extend {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let file = read_sweep(&self.file)?;
        let client = context.connect().await?;
        let request = ExtendRequest { sweep: self.sweep, file };
        let answer = client.answer(client.sweeps().extend(request).await)?;
        context.printer.show(&answer, || submit::words(&answer))?;
        Ok(ExitCode::SUCCESS)
    }
}
