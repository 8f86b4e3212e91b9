//! `tombola report`: the results as a page with a plot.

use super::Context;
use crate::{client::Client, report::html};
use std::{path::Path, path::PathBuf, process::ExitCode};
use tombola_wire::v1::{GetRequest, SweepRef};

/// Write the results as one HTML page with a plot.
///
/// Accuracy against density with error bars and every run, the table, the sweep's settings, and the SQL behind it. The
/// page needs no network.
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// The sweep's name or id.
    sweep: String,
    /// The file to write.
    #[arg(long, short, default_value = "report.html")]
    file: PathBuf,
}

impl Report {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        write(&client, &self.sweep, &self.file).await?;
        let written = serde_json::json!({ "file": self.file });
        context.printer.show(&written, || format!("report written to {}", self.file.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a sweep's report.
pub(crate) async fn write(client: &Client, sweep: &str, file: &Path) -> anyhow::Result<()> {
    let results = client.answer(client.sweeps().results(SweepRef { sweep: sweep.to_owned() }).await)?;
    let sweep = client.answer(client.sweeps().get(GetRequest { sweep: sweep.to_owned() }).await)?;
    std::fs::write(file, html::page(&sweep, &results))
        .map_err(|e| anyhow::anyhow!("cannot write the report `{}`: {e}", file.display()))
}
