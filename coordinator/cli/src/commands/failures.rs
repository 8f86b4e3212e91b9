//! `tombola failures`: what failed and why.

use super::Context;
use crate::output::table;
use std::process::ExitCode;
use tombola_wire::v1::{FailedJob, SweepRef};

/// List failed and quarantined jobs, newest first.
///
/// `tombola retry` opens them again; `tombola explain JOB` tells more about one.
#[derive(Debug, clap::Args)]
pub(crate) struct Failures {
    /// The sweep's name or id.
    sweep: String,
}

impl Failures {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let answer = client.answer(client.sweeps().failures(SweepRef { sweep: self.sweep }).await)?;
        context.printer.show(&answer, || {
            if answer.jobs.is_empty() {
                return "nothing failed".to_owned();
            }
            let row = |j: &FailedJob| {
                let tries = j.tries.to_string();
                vec![
                    j.job.clone(),
                    j.label.clone(),
                    j.state.clone(),
                    j.class.clone(),
                    tries,
                    j.worker.clone(),
                    j.message.clone(),
                ]
            };
            table(
                &["job", "for", "state", "class", "tries", "worker", "message"],
                answer.jobs.iter().map(row),
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
