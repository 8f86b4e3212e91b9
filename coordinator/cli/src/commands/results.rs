//! `tombola results`: accuracy against density, ticket beside its controls.

use super::Context;
use crate::report::table as results_table;
use std::process::ExitCode;
use tombola_wire::v1::SweepRef;

/// Show accuracy against density, tickets beside their controls.
///
/// Test accuracy at the end of training: mean ± standard deviation between seeds, copies averaged inside a seed first.
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
        let results = client.answer(client.sweeps().results(SweepRef { sweep: self.sweep }).await)?;
        context.printer.show(&results, || {
            let table = results_table::render(&results);
            if self.sql { format!("{table}\n\n{}", results.sql) } else { table }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
