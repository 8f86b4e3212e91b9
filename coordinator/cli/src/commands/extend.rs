//! `tombola extend`: ask for more of a sweep, also while it runs.

use super::{Context, read_sweep, submit};
use crate::files;
use std::{path::PathBuf, process::ExitCode};
use tombola_wire::v1::ExtendRequest;

/// Ask for more of a sweep, also while it runs: seeds, rounds, axis values, branches.
///
/// The file is the sweep's own with more in it. Only what is new is trained; what is there stays.
/// A stopped or cancelled sweep is taken up again, also by the very same file.
#[derive(Debug, clap::Args)]
pub(crate) struct Extend {
    /// The sweep's name or id.
    sweep: String,
    /// The new sweep file.
    file: PathBuf,
}

impl Extend {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let sweep = read_sweep(&self.file)?;
        let client = context.connect().await?;
        files::send(&client, &sweep.files).await?;
        let file = sweep.text;
        let request = ExtendRequest { sweep: self.sweep, file };
        let answer = client.answer(client.sweeps().extend(request).await)?;
        context.printer.show(&answer, || submit::words(&answer))?;
        context.printer.warn(&answer.warnings);
        Ok(ExitCode::SUCCESS)
    }
}
