//! `tombola show`: one sweep.

use super::{Context, list};
use crate::output::{count, percent};
use std::process::ExitCode;
use tombola_wire::v1::{GetRequest, Sweep};

/// Show a sweep: state, jobs, and its file.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The sweep's name or id.
    sweep: String,
}

impl Show {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let sweep = client.answer(client.sweeps().get(GetRequest { sweep: self.sweep }).await)?;
        context.printer.show(&sweep, || format!("{}\n\n{}", words(&sweep), sweep.file))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A sweep in three lines.
pub(super) fn words(sweep: &Sweep) -> String {
    let jobs = sweep.jobs.unwrap_or_default();
    let Sweep { id, name, state, trials, .. } = sweep;
    let Some(progress) = list::progress(sweep) else {
        let (done, iterations) = (count(jobs.done), count(sweep.iterations_done));
        return format!(
            "sweep {name} ({id}): {state}\ntrials {trials}; jobs done before that {done}, iterations {iterations}"
        );
    };
    format!(
        "sweep {name} ({id}): {state}\ntrials {trials}; jobs done {}, running {}, ready {}, waiting {}, failed {}\n\
         iterations {} of {} ({})",
        count(jobs.done),
        count(jobs.running),
        count(jobs.ready),
        count(jobs.waiting),
        count(jobs.failed),
        count(sweep.iterations_done),
        count(sweep.iterations),
        percent(progress),
    )
}
