//! `tombola retry`: open failed jobs again.

use super::Context;
use std::process::ExitCode;
use tombola_wire::v1::RetryRequest;

/// Run a sweep's failed and quarantined jobs again; finished work stays.
///
/// Failed jobs are also run again by the next sweep that is submitted and wants them. Quarantined ones, which were there
/// whenever workers or engines ended abruptly, are not: nothing but this opens them.
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    /// The sweep's name or id.
    sweep: String,
}

impl Retry {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let answer = client.answer(client.sweeps().retry(RetryRequest { sweep: self.sweep }).await)?;
        context.printer.show(&answer, || match answer.jobs {
            0 => "nothing failed: nothing to retry".to_owned(),
            1 => "1 job is open again".to_owned(),
            n => format!("{n} jobs are open again"),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
