//! `tombola explain`: why a job or a sweep is where it is.

use super::Context;
use std::process::ExitCode;
use tombola_wire::v1::ExplainRequest;

/// Say why a job, a sweep or a round is where it is, and where its results came from.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// A job's id such as `j12`, a sweep's name or id, or a round: SWEEP/TRIAL/ROUND, SWEEP/TRIAL/ROUND/BRANCH/COPY.
    what: String,
}

impl Explain {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let answer = client.answer(client.sweeps().explain(ExplainRequest { what: self.what }).await)?;
        context.printer.show(&answer, || answer.lines.join("\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
