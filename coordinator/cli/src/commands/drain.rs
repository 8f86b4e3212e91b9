//! `tombola drain`: let a worker leave without losing work.

use super::Context;
use std::process::ExitCode;
use tombola_wire::v1::DrainRequest;

/// Let a worker checkpoint its jobs, give them back and leave.
#[derive(Debug, clap::Args)]
pub(crate) struct Drain {
    /// Its name or id, see `tombola workers`.
    worker: String,
}

impl Drain {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let request = DrainRequest { worker: self.worker.clone() };
        let answer = client.answer(client.sweeps().drain(request).await)?;
        context
            .printer
            .show(&answer, || format!("worker {} is asked to leave; see `tombola workers`", self.worker))?;
        Ok(ExitCode::SUCCESS)
    }
}
