//! `tombola report`: the results as a page with a plot.

use super::{Context, sql};
use crate::{
    client::Client,
    report::{compare, early_bird, html, searches, verdicts},
};
use std::{path::Path, path::PathBuf, process::ExitCode};
use tombola_core::sweep;
use tombola_wire::v1::{GetRequest, QueryRequest, QueryResponse, Sweep, SweepRef};

/// Write the results as one HTML page with a plot.
///
/// Accuracy against density with error bars and every run, the table, the sweep's settings, and the SQL behind it. Of several
/// sweeps, their networks side by side: accuracy against all the training behind them, and against their size. The page needs
/// no network.
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// The sweep's name or id; several are compared.
    #[arg(required = true, value_name = "SWEEP")]
    sweeps: Vec<String>,
    /// The file to write.
    #[arg(long, short, default_value = "report.html")]
    file: PathBuf,
}

impl Report {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        match self.sweeps.as_slice() {
            [sweep] => write(&client, sweep, &self.file).await?,
            several => write_comparison(&client, several, &self.file).await?,
        }
        let written = serde_json::json!({ "file": self.file });
        context.printer.show(&written, || format!("report written to {}", self.file.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a sweep's report.
pub(crate) async fn write(client: &Client, sweep: &str, file: &Path) -> anyhow::Result<()> {
    let results = client.answer(client.sweeps().results(SweepRef { sweep: sweep.to_owned() }).await)?;
    let sweep = client.answer(client.sweeps().get(GetRequest { sweep: sweep.to_owned() }).await)?;
    let searches = found(client, &sweep).await?;
    save(file, &html::page(&sweep, &results, &searches))
}

/// Writes a page that compares sweeps.
async fn write_comparison(client: &Client, sweeps: &[String], file: &Path) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    for sweep in sweeps {
        let sweep = client.answer(client.sweeps().get(GetRequest { sweep: sweep.clone() }).await)?;
        let answer = ask(client, compare::sql(&sweep.name)).await?;
        answers.push((sweep.name, answer));
    }
    save(file, &compare::page(&answers))
}

fn save(file: &Path, page: &str) -> anyhow::Result<()> {
    std::fs::write(file, page)
        .map_err(|e| anyhow::anyhow!("cannot write the report `{}`: {e}", file.display()))
}

/// What the analyses of a sweep found beside its curves; nothing is asked of one that has none of these.
async fn found(client: &Client, sweep: &Sweep) -> anyhow::Result<String> {
    let name = &sweep.name;
    let mut page = String::new();
    if decides(sweep) {
        let select = ask(client, verdicts::select_sql(name)).await?;
        page += &verdicts::section(&select, &ask(client, verdicts::until_sql(name)).await?);
    }
    if has(sweep, "collapse") {
        page += &searches::collapses(&ask(client, searches::collapse_sql(name)).await?);
    }
    if has(sweep, "mask_distance") {
        page += &searches::distances(&ask(client, searches::distance_sql(name)).await?);
        page += &searches::trial_distances(&ask(client, searches::trial_distance_sql(name)).await?);
    }
    if has_early_birds(sweep) {
        let found = ask(client, early_bird::found_sql(name)).await?;
        page += &early_bird::section(&found, &ask(client, early_bird::distance_sql(name)).await?);
    }
    Ok(page)
}

/// The tables of [`found`] for the terminal; empty for a sweep that has none.
pub(super) async fn found_in_words(client: &Client, sweep: &str) -> anyhow::Result<String> {
    let sweep = client.answer(client.sweeps().get(GetRequest { sweep: sweep.to_owned() }).await)?;
    let name = &sweep.name;
    let mut tables = Vec::new();
    if decides(&sweep) {
        tables.push(("values compared on validation examples", verdicts::select_sql(name)));
        tables.push(("pruned until worse than dense, on validation examples", verdicts::until_sql(name)));
    }
    if has(&sweep, "collapse") {
        tables.push(("critical compression, as powers of ten", searches::collapse_sql(name)));
    }
    if has_early_birds(&sweep) {
        tables
            .push(("early-bird tickets: epochs trained before they were found", early_bird::found_sql(name)));
    }
    let mut parts = Vec::new();
    for (title, sql) in tables {
        let answer = ask(client, sql).await?;
        if !answer.rows.is_empty() {
            parts.push(format!("{title}:\n{}", sql::for_people(&answer)));
        }
    }
    Ok(parts.join("\n\n"))
}

/// Whether a sweep has an analysis of this kind. A file of a later version, which cannot be read, says nothing.
fn has(sweep: &Sweep, kind: &str) -> bool {
    let Ok(file) = sweep::parse(&sweep.file) else { return false };
    let is_kind =
        |setting: &sweep::Setting| setting.name.starts_with("analysis.") && setting.name.ends_with(".kind");
    sweep::resolved(&file).iter().any(|setting| is_kind(setting) && setting.value == kind)
}

/// Whether results decide how far its trials go.
fn decides(sweep: &Sweep) -> bool {
    sweep::parse(&sweep.file).is_ok_and(|file| file.decides())
}

fn has_early_birds(sweep: &Sweep) -> bool {
    let Ok(file) = sweep::parse(&sweep.file) else { return false };
    let settings = sweep::resolved(&file);
    settings.iter().any(|setting| setting.name == "prune.when" && setting.value.contains("early_bird"))
}

async fn ask(client: &Client, sql: String) -> anyhow::Result<QueryResponse> {
    client.answer(client.query().query(QueryRequest { sql, max_rows: 0 }).await)
}
