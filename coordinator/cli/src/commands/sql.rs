//! `tombola sql`: read-only SQL against the running coordinator.

use super::Context;
use crate::{
    error::Failure,
    output::{Format, NULL, table},
};
use std::{io::Read, process::ExitCode};
use tombola_wire::v1::{QueryRequest, QueryResponse, Row, Value, value::Kind};

/// Query results with SQL.
///
/// For example: tombola sql "select * from sweep_progress". The views are listed in migrations/README.md; sqlite3 and
/// psql read the same ones.
#[derive(Debug, clap::Args)]
pub(crate) struct Sql {
    /// One statement; `-` reads it from standard input.
    // It may begin with a comment.
    #[arg(allow_hyphen_values = true)]
    statement: String,
    /// Most rows to return; 0 = the coordinator's limit.
    #[arg(long, default_value_t = 0)]
    max_rows: u32,
    /// How rows are printed; a table rounds to six digits (`--output json` prints JSON too).
    #[arg(long, value_enum, default_value_t = Style::Table)]
    format: Style,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Style {
    Table,
    /// A list of objects.
    Json,
    /// Comma-separated, with a header.
    Csv,
}

impl Sql {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let sql = statement(self.statement)?;
        let client = context.connect().await?;
        let answer =
            client.answer(client.query().query(QueryRequest { sql, max_rows: self.max_rows }).await)?;
        let style = if context.printer.format() == Format::Json { Style::Json } else { self.format };
        context.printer.data(&match style {
            Style::Table => for_people(&answer),
            Style::Json => json(&answer)?,
            Style::Csv => csv(&answer),
        })?;
        if answer.rows.is_empty() {
            context.printer.note("no rows");
        }
        if answer.truncated {
            context
                .printer
                .note("note: cut at the coordinator's limit; add `limit` and `offset`, or aggregate");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn statement(text: String) -> anyhow::Result<String> {
    if text != "-" {
        return Ok(text);
    }
    let mut read = String::new();
    std::io::stdin()
        .read_to_string(&mut read)
        .map_err(|e| Failure::Input(format!("cannot read the statement from standard input: {e}")))?;
    Ok(read)
}

/// An answer as a table.
pub(super) fn for_people(answer: &QueryResponse) -> String {
    table(&headers(answer), answer.rows.iter().map(row_for_people))
}

fn headers(answer: &QueryResponse) -> Vec<&str> {
    answer.columns.iter().map(String::as_str).collect()
}

/// Six digits are what people read; JSON and CSV have all of them.
fn row_for_people(row: &Row) -> Vec<String> {
    let cell = |value: &Value| match value.kind {
        Some(Kind::Real(x)) => format!("{x:.5e}").parse().unwrap_or(x).to_string(),
        _ => text(value).unwrap_or_else(|| NULL.to_owned()),
    };
    row.values.iter().map(cell).collect()
}

/// A value as text, `None` for NULL.
fn text(value: &Value) -> Option<String> {
    Some(match value.kind.as_ref()? {
        Kind::Integer(n) => n.to_string(),
        Kind::Real(x) => x.to_string(),
        Kind::Text(text) => text.clone(),
        Kind::Boolean(flag) => flag.to_string(),
    })
}

fn json(answer: &QueryResponse) -> anyhow::Result<String> {
    let value = |value: &Value| match value.kind.as_ref() {
        None => serde_json::Value::Null,
        Some(Kind::Integer(n)) => (*n).into(),
        Some(Kind::Real(x)) => (*x).into(),
        Some(Kind::Boolean(flag)) => (*flag).into(),
        Some(Kind::Text(text)) => text.as_str().into(),
    };
    let object = |row: &Row| -> serde_json::Map<String, serde_json::Value> {
        answer.columns.iter().cloned().zip(row.values.iter().map(value)).collect()
    };
    let rows: Vec<_> = answer.rows.iter().map(object).collect();
    Ok(serde_json::to_string_pretty(&rows)?)
}

/// RFC 4180.
fn csv(answer: &QueryResponse) -> String {
    let quoted = |field: &String| {
        if field.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.clone()
        }
    };
    let line = |fields: &[String]| fields.iter().map(quoted).collect::<Vec<_>>().join(",");
    let cells =
        |row: &Row| row.values.iter().map(|value| text(value).unwrap_or_default()).collect::<Vec<_>>();
    let rows = answer.rows.iter().map(|row| line(&cells(row)));
    std::iter::once(line(&answer.columns)).chain(rows).collect::<Vec<_>>().join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_six_digits() {
        let row = |x| row_for_people(&Row { values: vec![Value { kind: Some(Kind::Real(x)) }] });
        assert_eq!(row(0.816_950_000_000_000_1), ["0.81695"]);
        assert_eq!(row(2.846_210_4e13), ["28462100000000"]);
        assert_eq!(row(f64::NAN), ["NaN"]);
    }

    #[test]
    fn csv_quotes_what_needs_quotes_and_leaves_null_empty() {
        let value = |kind| Value { kind };
        let values =
            vec![value(Some(Kind::Text("a,\"b\"".into()))), value(None), value(Some(Kind::Real(0.5)))];
        let columns = ["x", "y", "z"].map(str::to_owned).to_vec();
        let answer = QueryResponse { columns, rows: vec![Row { values }], truncated: false };
        assert_eq!(csv(&answer), "x,y,z\r\n\"a,\"\"b\"\"\",,0.5");
    }
}
