//! `tombola results`: accuracy against density, ticket beside its controls.

use super::{Context, report};
use crate::{
    client::Client,
    output::count,
    report::{barrier, slim, table},
};
use std::process::ExitCode;
use tombola_wire::v1::{GetRequest, ResultsResponse, SweepRef};

/// Show accuracy against density, tickets beside their controls.
///
/// One table for each setting of the sweep's axes. Test accuracy at the end of training: mean ± standard deviation between
/// seeds, copies averaged inside a seed first. Of a sweep with analyses, the error barriers of each round, sizes, critical
/// compressions and early-bird tickets as well; of one whose results decide how far its trials go, what was decided.
#[derive(Debug, clap::Args)]
pub(crate) struct Results {
    /// The sweep's name or id.
    sweep: String,
    /// Also print the SQL that yields the table.
    #[arg(long)]
    sql: bool,
}

impl Results {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let request = SweepRef { sweep: self.sweep.clone() };
        let results = client.answer(client.sweeps().results(request).await)?;
        let table = words(&client, &self.sweep, &results).await?;
        context
            .printer
            .show(&results, || if self.sql { format!("{table}\n\n{}", results.sql) } else { table })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The tables; where there are none yet because jobs failed, that.
pub(super) async fn words(client: &Client, sweep: &str, results: &ResultsResponse) -> anyhow::Result<String> {
    let tables = table::render(results);
    if !results.curve.is_empty() {
        let found = report::found_in_words(client, sweep).await?;
        let parts = [tables, barrier::render(results), slim::render(results), found];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        return Ok(parts.join("\n\n"));
    }
    let sweep = client.answer(client.sweeps().get(GetRequest { sweep: sweep.to_owned() }).await)?;
    Ok(match sweep.jobs.map_or(0, |jobs| jobs.failed) {
        0 => tables,
        1 => format!("{tables}; 1 job failed: see `tombola failures {}`", sweep.name),
        n => format!("{tables}; {} jobs failed: see `tombola failures {}`", count(n), sweep.name),
    })
}
