//! Output as an interface: one value, shown as a table for people or as JSON for scripts.

mod numbers;

pub(crate) use numbers::{bytes, count, percent, seconds};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use indicatif::MultiProgress;
use std::io::{IsTerminal, Write};

/// How a table shows a value that is not there.
pub(crate) const NULL: &str = "∅";

/// What standard output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For scripts: one JSON value.
    Json,
}

/// The only place that writes to standard output and standard error.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    bars: MultiProgress,
}

impl Printer {
    /// A printer of one format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, bars: MultiProgress::new() }
    }

    /// Progress bars, which make way for whatever is said meanwhile.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// The format asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Shows an answer: its JSON, or the text made for people.
    pub(crate) fn show(
        &self,
        value: &impl serde::Serialize,
        people: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.data(&serde_json::to_string_pretty(value)?),
            Format::Table => self.data(&people()),
        }
    }

    /// Data, as it is. A reader that went away (`| head`) is no error.
    pub(crate) fn data(&self, text: &str) -> anyhow::Result<()> {
        let written = self.bars.suspend(|| writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n')));
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// A word to the person at the terminal.
    pub(crate) fn note(&self, text: &str) {
        // There is nowhere to report that standard error is gone.
        let _ = self.bars.suspend(|| writeln!(std::io::stderr(), "{text}"));
    }

    /// What will not go well although nothing was refused.
    pub(crate) fn warn(&self, warnings: &[String]) {
        warnings.iter().for_each(|warning| self.note(&format!("warning: {warning}")));
    }

    /// An error, with its causes.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        self.note(&format!("error: {error:#}"));
    }

    /// Whether progress bars make sense.
    pub(crate) fn live(&self) -> bool {
        self.format == Format::Table && std::io::stderr().is_terminal()
    }
}

/// A table for people: headers in capitals, rows, columns of numbers right-aligned.
pub(crate) fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let headers: Vec<String> = headers.iter().map(|header| header.to_uppercase()).collect();
    table_as_named(&headers, rows)
}

/// A table whose headers are names that people gave, and which keep their form.
pub(crate) fn table_as_named(headers: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers.iter().map(Cell::new));
    for row in &rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        if rows.iter().filter_map(|row| row.get(index)).all(|text| is_number(text)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Whether a cell may stand in a column of numbers; one without a value may.
fn is_number(text: &str) -> bool {
    text.is_empty() || text == NULL || text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}
