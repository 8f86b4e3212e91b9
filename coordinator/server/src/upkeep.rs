//! The commands that look after a state: run, and told to people or scripts.

use crate::args::{Output, Upkeep};
use serde::Serialize;
use std::{
    io::{ErrorKind, Write as _, stdout},
    path::Path,
    process::ExitCode,
};
use tombola_server::{
    backup::{self, Copied, Restored, Taken},
    config::Config,
    progress::Progress,
};

pub(crate) async fn run(config: &Config, command: Upkeep) -> anyhow::Result<ExitCode> {
    match command {
        Upkeep::Backup { folder, output } => {
            let taken = backup::take(config, &folder, &mut Progress::of("backup")).await?;
            show(output, &taken, || backed_up(&taken, &folder))
        }
        Upkeep::Restore { folder, check: true, output } => {
            let found = backup::check(&folder, &mut Progress::of("check")).await?;
            show(output, &found, || found_whole(&found))
        }
        Upkeep::Restore { folder, check: false, output } => {
            let restored = backup::restore(config, &folder, &mut Progress::of("restore")).await?;
            show(output, &restored, || laid_out(&restored, config))
        }
    }
}

/// On standard output. A reader that went away (`| head`) is no error.
fn show(output: Output, value: &impl Serialize, people: impl FnOnce() -> String) -> anyhow::Result<ExitCode> {
    let text = match output {
        Output::Table => people(),
        Output::Json => serde_json::to_string_pretty(value)?,
    };
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn backed_up(taken: &Taken, folder: &Path) -> String {
    let Taken { state, taken, tables, rows, copied } = taken;
    let Copied { artifacts, bytes, new_artifacts, new_bytes } = *copied;
    format!(
        "state {state} as of {taken} is in {}: {rows} rows of {tables} tables, {artifacts} artifacts ({}), of which {new_artifacts} ({}) \
         are new\n`tombola restore` lays it out elsewhere; with --check it only reads it whole",
        folder.display(),
        size(bytes),
        size(new_bytes)
    )
}

fn found_whole(found: &Restored) -> String {
    let Restored { backup_of, taken, rows, copied, .. } = found;
    let (artifacts, bytes) = (copied.artifacts, size(copied.bytes));
    format!(
        "the backup of state {backup_of}, taken {taken}, is whole: {rows} rows, {artifacts} artifacts ({bytes})"
    )
}

fn laid_out(restored: &Restored, config: &Config) -> String {
    let Restored { backup_of, taken, state, rows, copied } = restored;
    let (state, artifacts, bytes) =
        (state.as_deref().unwrap_or_default(), copied.artifacts, size(copied.bytes));
    format!(
        "the backup of state {backup_of}, taken {taken}, is restored as state {state} in {} ({}): {rows} rows, {artifacts} artifacts \
         ({bytes})\nstart the coordinator on it; workers that come from the old one begin anew, from the checkpoints in the backup",
        config.state.display(),
        config.database
    )
}

/// `3.4 GiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}
