//! `tombola plan`: what a sweep would train, before it does.

use super::{Context, Sweep, read_sweep};
use crate::{
    error::Failure,
    output::{bytes, count, percent, seconds, table},
};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};
use tombola_core::sweep;
use tombola_wire::v1::{Density, PlanRequest, PlanResponse, Setting};

/// Show what a sweep would train, before it does.
///
/// Trials, rounds and jobs, how many of them are new, shared inside the sweep or done earlier; every resolved setting,
/// defaults marked; densities, iterations, device time, bytes kept. Where results decide how far trials go (`select`,
/// `prune.until`), these are the most there can be.
///
/// Works without a coordinator, too. What was done earlier is unknown then: every job counts as new, and JSON has null
/// for `jobs_known`, `device_seconds` and `warnings`.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// The sweep file.
    file: PathBuf,
}

impl Plan {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let file = read_sweep(&self.file)?;
        let client = match context.connect().await {
            Ok(client) => client,
            Err(error) if matches!(error.downcast_ref(), Some(Failure::Unreachable(_))) => {
                return alone(&file, &error, context);
            }
            Err(error) => return Err(error),
        };
        let plan = client.answer(client.sweeps().plan(PlanRequest { file: file.text }).await)?;
        context.printer.show(&plan, || words(&plan, true))?;
        context.printer.warn(&plan.warnings);
        Ok(ExitCode::SUCCESS)
    }
}

/// The plan of the file alone, when no coordinator answers.
fn alone(file: &Sweep, unreachable: &anyhow::Error, context: &Context<'_>) -> anyhow::Result<ExitCode> {
    let plan = from_file(file)?;
    let mut json = serde_json::to_value(&plan)?;
    for unknown in ["jobs_known", "device_seconds", "warnings"] {
        json[unknown] = serde_json::Value::Null;
    }
    context.printer.show(&json, || words(&plan, false))?;
    let cause = unreachable.to_string();
    let cause = cause.lines().next().unwrap_or_default();
    context
        .printer
        .note(&format!("note: {cause}, so what is done already is unknown: every job counts as new"));
    Ok(ExitCode::SUCCESS)
}

/// Above the numbers of a sweep whose results decide how far its trials go.
const AT_MOST: &str =
    "at most, as `select` or `prune.until` decides by validation results how far trials go:\n";

/// A plan with nothing done earlier.
fn from_file(file: &Sweep) -> anyhow::Result<PlanResponse> {
    let plan = sweep::most(&file.file, &sweep::Dense::new(), &Default::default())
        .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    let summary = sweep::summary(&plan);
    let setting = |s: sweep::Setting| Setting { name: s.name, value: s.value, is_default: s.is_default };
    Ok(PlanResponse {
        name: file.plan.name.clone(),
        trials: u32::try_from(summary.trials)?,
        rounds: u32::try_from(summary.rounds)?,
        jobs: summary.cost.jobs,
        jobs_new: summary.cost.jobs,
        jobs_shared: summary.shared,
        jobs_known: 0,
        iterations_new: summary.cost.iterations,
        iterations_asked: summary.iterations_asked,
        flops_new: summary.cost.flops,
        bytes_kept: summary.cost.bytes,
        settings: sweep::resolved(&file.file).into_iter().map(setting).collect(),
        ladder: summary.ladder.into_iter().map(|(round, density)| Density { round, density }).collect(),
        device_seconds: 0.0,
        warnings: Vec::new(),
        at_most: file.plan.decides,
    })
}

/// `asked`: whether a coordinator said what it knows already.
fn words(plan: &PlanResponse, asked: bool) -> String {
    let time = match plan.device_seconds {
        0.0 if asked => "unknown: nothing alike was measured yet".to_owned(),
        0.0 => "unknown".to_owned(),
        measured => seconds(measured),
    };
    let known = if asked { count(plan.jobs_known) } else { "unknown".to_owned() };
    let (trials, rounds) = (count(plan.trials.into()), count(plan.rounds.into()));
    let facts = [
        ("jobs", format!("{} ({trials} trials, {rounds} rounds)", count(plan.jobs))),
        ("  shared inside the sweep", count(plan.jobs_shared)),
        ("  done or running for earlier sweeps", known),
        ("  new", count(plan.jobs_new)),
        (
            "training iterations",
            format!("{} new, {} asked for", count(plan.iterations_new), count(plan.iterations_asked)),
        ),
        ("floating-point operations", format!("{:.3e}, counted as if dense", plan.flops_new)),
        ("device time", time),
        ("kept artifacts", bytes(plan.bytes_kept)),
    ];
    let facts: Vec<_> = facts.iter().map(|(name, value)| format!("{name:<36}  {value}")).collect();
    let bound = if plan.at_most { AT_MOST } else { "" };
    format!("sweep {}\n\n{}\n\n{}\n\n{bound}{}", plan.name, settings(plan), ladder(plan), facts.join("\n"))
}

fn settings(plan: &PlanResponse) -> String {
    let row = |s: &Setting| {
        let origin = if s.is_default { "default" } else { "" };
        vec![s.name.clone(), s.value.clone(), origin.to_owned()]
    };
    table(&["setting", "value", ""], plan.settings.iter().map(row))
}

/// Densities in lines of six rounds; where trials prune differently, a line a round.
fn ladder(plan: &PlanResponse) -> String {
    let mut rounds: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    plan.ladder.iter().for_each(|d| rounds.entry(d.round).or_default().push(percent(d.density)));
    let lines: Vec<String> = if rounds.values().any(|densities| densities.len() > 1) {
        rounds.iter().map(|(round, densities)| format!("{round:>3}: {}", densities.join(", "))).collect()
    } else {
        let cells: Vec<_> =
            rounds.iter().map(|(round, density)| format!("{round:>3}: {:<8}", density.concat())).collect();
        cells.chunks(6).map(|line| line.join(" ").trim_end().to_owned()).collect()
    };
    format!("density by round\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_of_several_rates_are_a_line_a_round() {
        let density = |&(round, density): &(u32, f64)| Density { round, density };
        let plan = |ladder: &[(u32, f64)]| PlanResponse {
            ladder: ladder.iter().map(density).collect(),
            ..PlanResponse::default()
        };
        let two = plan(&[(0, 1.0), (1, 0.8), (1, 0.5)]);
        assert_eq!(ladder(&two), "density by round\n  0: 100.0 %\n  1: 80.0 %, 50.0 %");
        let one = plan(&[(0, 1.0), (1, 0.8)]);
        assert_eq!(ladder(&one), "density by round\n  0: 100.0 %    1: 80.0 %");
    }
}
