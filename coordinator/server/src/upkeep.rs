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
    doctor::{self, Examination},
    finding::{Finding, Grade},
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
        Upkeep::Doctor { quick, repair, from, output } => {
            let mut examination = doctor::examine(config, quick, &mut Progress::of("doctor")).await;
            if repair {
                doctor::repair(config, &mut examination, from.as_deref()).await?;
            }
            let code = show(output, &examination.findings, || told(&examination, repair))?;
            Ok(if examination.is_well() { code } else { ExitCode::FAILURE })
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

/// Most of what a finding is about that people are told one by one.
const LISTED: usize = 5;

/// A finding a line, with what it means and what to do below it.
fn told(examination: &Examination, repair: bool) -> String {
    let mut lines: Vec<String> =
        examination.findings.iter().flat_map(|finding| finding_lines(finding, repair)).collect();
    let ill = examination.findings.iter().filter(|finding| finding.is_ill()).count();
    let mended = examination.findings.iter().filter(|finding| finding.repaired).count();
    lines.push(match (ill, mended) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, n) => format!("{n} faults were repaired; nothing else is wrong"),
        (n, 0) => format!("{n} faults"),
        (n, mended) => format!("{n} faults are left, {mended} were repaired"),
    });
    lines.join("\n")
}

fn finding_lines(finding: &Finding, repair: bool) -> Vec<String> {
    let Finding { check, grade, found, means, todo, about, repair: cure, repaired } = finding;
    let word = match grade {
        _ if *repaired => "repaired",
        Grade::Fine => "ok",
        Grade::Note => "note",
        Grade::Warning => "warning",
        Grade::Fault => "FAULT",
    };
    let mut lines = vec![format!("{word:<9} {check:<16} {found}")];
    let mut below = |text: String| lines.push(format!("{:<26} {text}", ""));
    about.iter().take(LISTED).for_each(|about| below(format!("· {about}")));
    if about.len() > LISTED {
        below(format!("· … and {} more (--output json lists all)", about.len() - LISTED));
    }
    if *repaired {
        return lines;
    }
    [("means", means), ("to do", todo)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .for_each(|(what, text)| below(format!("{what}: {text}")));
    if let Some(cure) = cure.filter(|_| !repair) {
        below(format!("--repair {cure}"));
    }
    lines
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
