//! Answers to people, read from the public views over the connection that can only read.
//!
//! Whatever is told here, anybody can ask in SQL. Only the views of `migrations/README.md` are named, in SQL that both
//! databases understand; the sweep's name is the only text that goes into a statement.

mod costs;
mod jobs;
mod lines;
mod results;
mod slim;
mod sweeps;

pub use costs::{Work, costs, sweep_cost};
pub use jobs::{
    Failed, Measured, Place, Tried, failures, history, is_dropped, made_again, measured, places, provenance,
};
pub use lines::{BarrierRow, LineRow, barriers, line_points};
pub use results::{CurveRow, RunRow, curve, curve_sql, layers, measures, runs};
pub use slim::{SlimNetwork, SlimRow, slim, slim_at};
pub use sweeps::{Listed, progress, sweeps};

use super::{
    Limits, Result, Store, StoreError,
    cell::{Cell, Row},
};
use std::time::Duration;

/// Longest such read.
const TIME: Duration = Duration::from_secs(30);
/// Most bytes of one.
const BYTES: usize = 12 << 20;
/// Most rows of one that has to be whole.
const ROWS: usize = 100_000;

/// The first `most` rows.
async fn first(store: &dyn Store, sql: &str, most: usize) -> Result<Vec<Row>> {
    let table = store.query(sql, Limits { rows: most, bytes: BYTES, time: TIME }).await?;
    Ok(table.rows.into_iter().map(Row).collect())
}

/// All rows, or an error that says how to get them.
async fn all(store: &dyn Store, sql: &str) -> Result<Vec<Row>> {
    let table = store.query(sql, Limits { rows: ROWS, bytes: BYTES, time: TIME }).await?;
    if table.truncated {
        let why = format!(
            "the answer is longer than {ROWS} rows or {} MiB\nhint: ask for parts of it with SQL: {sql}",
            BYTES >> 20
        );
        return Err(StoreError::Query { why });
    }
    Ok(table.rows.into_iter().map(Row).collect())
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Row {
    fn maybe_text(&self, column: usize) -> Option<&str> {
        match self.0.get(column) {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn maybe_float(&self, column: usize) -> Option<f64> {
        self.float(column).ok()
    }
}
