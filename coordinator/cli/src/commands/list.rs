//! `tombola list`: all sweeps.

use super::Context;
use crate::output::{count, percent, table};
use std::process::ExitCode;
use tombola_wire::v1::{ListRequest, Sweep};

/// List sweeps.
///
/// STATE is what people asked of a sweep (active, paused, stopped, cancelled), but `finished` once all its jobs are done,
/// and `failed` when jobs failed and nothing else of it can run.
#[derive(Debug, clap::Args)]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let answer = client.answer(client.sweeps().list(ListRequest {}).await)?;
        context.printer.show(&answer, || {
            if answer.sweeps.is_empty() {
                return "no sweeps yet; submit one with `tombola submit sweep.toml`".to_owned();
            }
            table(
                &["id", "name", "state", "trials", "done", "failed", "progress"],
                answer.sweeps.iter().map(row),
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(sweep: &Sweep) -> Vec<String> {
    let jobs = sweep.jobs.unwrap_or_default();
    vec![
        sweep.id.clone(),
        sweep.name.clone(),
        sweep.state.clone(),
        sweep.trials.to_string(),
        done(sweep),
        count(jobs.failed),
        progress(sweep).map_or_else(String::new, percent),
    ]
}

/// Jobs in whatever state.
pub(super) fn all_jobs(sweep: &Sweep) -> u64 {
    let jobs = sweep.jobs.unwrap_or_default();
    jobs.waiting + jobs.ready + jobs.running + jobs.done + jobs.failed
}

/// Jobs done, of how many. A cancelled sweep wants no others any more.
fn done(sweep: &Sweep) -> String {
    let done = count(sweep.jobs.unwrap_or_default().done);
    if cancelled(sweep) { done } else { format!("{done}/{}", count(all_jobs(sweep))) }
}

/// Whether the sweep was given up.
pub(super) fn cancelled(sweep: &Sweep) -> bool {
    sweep.state == "cancelled"
}

/// Share of the sweep's iterations that are done; none of a sweep that was given up.
pub(super) fn progress(sweep: &Sweep) -> Option<f64> {
    match sweep.iterations {
        _ if cancelled(sweep) => None,
        0 => Some(1.0),
        all => Some(sweep.iterations_done as f64 / all as f64),
    }
}
