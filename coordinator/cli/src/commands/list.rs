//! `tombola list`: all sweeps.

use super::Context;
use crate::output::{count, percent, table};
use std::process::ExitCode;
use tombola_wire::v1::{ListRequest, Sweep};

/// List sweeps.
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
        state(sweep).to_owned(),
        sweep.trials.to_string(),
        format!("{}/{}", count(jobs.done), count(all_jobs(sweep))),
        count(jobs.failed),
        percent(progress(sweep)),
    ]
}

/// Jobs in whatever state.
pub(super) fn all_jobs(sweep: &Sweep) -> u64 {
    let jobs = sweep.jobs.unwrap_or_default();
    jobs.waiting + jobs.ready + jobs.running + jobs.done + jobs.failed
}

/// The state people care about: finished wins over what was asked.
pub(super) fn state(sweep: &Sweep) -> &str {
    if sweep.finished { "finished" } else { &sweep.state }
}

/// Share of the sweep's iterations that are done.
pub(super) fn progress(sweep: &Sweep) -> f64 {
    if sweep.iterations == 0 { 1.0 } else { sweep.iterations_done as f64 / sweep.iterations as f64 }
}
