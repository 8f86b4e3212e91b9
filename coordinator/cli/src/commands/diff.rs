//! `tombola diff`: what differs between two sweeps, after defaults.

use super::{Context, Sweep, check_sweep, read_sweep};
use crate::output::table;
use std::{path::Path, process::ExitCode};
use tombola_core::sweep;
use tombola_wire::v1::{Change, DiffResponse, GetRequest};

/// Compare two sweeps by their resolved settings, trial by trial.
///
/// Two files need no coordinator. A sweep it has can stand for either file: `tombola diff lenet sweep.toml`.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// A sweep file, or the name or id of a submitted sweep.
    old: String,
    /// What to compare it with.
    new: String,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let (old, new) = (find(&self.old, context).await?, find(&self.new, context).await?);
        let changes: Vec<Change> = sweep::diff(&old.plan, &new.plan).into_iter().map(change).collect();
        let answer = DiffResponse { changes };
        context.printer.show(&answer, || words(&answer.changes))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A file, else the sweep of that name.
async fn find(name: &str, context: &Context<'_>) -> anyhow::Result<Sweep> {
    let path = Path::new(name);
    if path.exists() || path.extension().is_some_and(|extension| extension == "toml") {
        return read_sweep(path);
    }
    let client = context.connect().await?;
    let stored = client.answer(client.sweeps().get(GetRequest { sweep: name.to_owned() }).await)?;
    check_sweep(&format!("sweep {name}"), stored.file)
}

fn change(change: sweep::Change) -> Change {
    let side = |side: Option<String>| side.unwrap_or_default();
    Change { trial: change.trial, setting: change.setting, old: side(change.old), new: side(change.new) }
}

fn words(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no difference: the same jobs would run".to_owned();
    }
    let side = |side: &str| if side.is_empty() { "-".to_owned() } else { side.to_owned() };
    let row = |c: &Change| vec![c.trial.clone(), c.setting.clone(), side(&c.old), side(&c.new)];
    table(&["trial", "setting", "old", "new"], changes.iter().map(row))
}
