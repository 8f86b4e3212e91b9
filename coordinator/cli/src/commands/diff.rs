//! `tombola diff`: what differs between two sweep files, after defaults.

use super::{Context, read_file};
use crate::output::table;
use std::{path::PathBuf, process::ExitCode};
use tombola_wire::v1::DiffRequest;

/// Compare two sweep files by their resolved settings.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The one file.
    old: PathBuf,
    /// The other.
    new: PathBuf,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let request = DiffRequest { old: read_file(&self.old)?, new: read_file(&self.new)? };
        let answer = client.answer(client.sweeps().diff(request).await)?;
        context.printer.show(&answer, || {
            if answer.changes.is_empty() {
                return "no difference: the same jobs would run".to_owned();
            }
            let row = |change: &tombola_wire::v1::Change| {
                vec![change.trial.clone(), change.setting.clone(), change.old.clone(), change.new.clone()]
            };
            table(&["trial", "setting", "old", "new"], answer.changes.iter().map(row))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
