//! Values that come out of a database, and the table a user's query yields.

use super::{Result, StoreError};
use std::time::Duration;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// SQL null; also what is not a number.
    Null,
    /// Any integer type.
    Integer(i64),
    /// Any floating-point type.
    Float(f64),
    /// Text; timestamps as ISO-8601 UTC, bytes as hexadecimal digits.
    Text(String),
    /// Boolean.
    Bool(bool),
}

impl Cell {
    /// Bytes this value counts against a limit.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 8,
            _ => 8,
        }
    }
}

/// The answer to a user's query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Column names, in order.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Whether a limit cut rows off.
    pub truncated: bool,
}

/// What a user's query may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows in the answer.
    pub rows: usize,
    /// Bytes in the answer.
    pub bytes: usize,
    /// Time until the query is stopped with an error.
    pub time: Duration,
}

/// Fills a [`Table`] until a limit is reached.
pub(super) struct Filling {
    table: Table,
    limits: Limits,
    bytes: usize,
}

impl Filling {
    pub(super) fn new(columns: Vec<String>, limits: Limits) -> Self {
        Self { table: Table { columns, ..Table::default() }, limits, bytes: 0 }
    }

    /// Whether a row of so many bytes still fits; if not, no more should be read.
    pub(super) fn admit(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.table.truncated = self.table.rows.len() >= self.limits.rows || self.bytes > self.limits.bytes;
        !self.table.truncated
    }

    /// Adds a row that was admitted.
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        self.table.rows.push(row);
    }

    pub(super) fn done(self) -> Table {
        self.table
    }
}

/// A row of one of our own reads: typed access by position.
#[derive(Debug)]
pub(super) struct Row(pub(super) Vec<Cell>);

impl Row {
    pub(super) fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| self.wrong(column, "an integer"))
    }

    pub(super) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.0.get(column) {
            Some(Cell::Integer(value)) => Ok(Some(*value)),
            Some(Cell::Null) => Ok(None),
            _ => Err(self.wrong(column, "an integer")),
        }
    }

    /// An unsigned number, stored bit for bit.
    pub(super) fn unsigned(&self, column: usize) -> Result<u64> {
        self.int(column).map(i64::cast_unsigned)
    }

    pub(super) fn small(&self, column: usize) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|_| self.wrong(column, "a 32-bit number"))
    }

    pub(super) fn float(&self, column: usize) -> Result<f64> {
        match self.0.get(column) {
            Some(Cell::Float(value)) => Ok(*value),
            Some(Cell::Integer(value)) => Ok(*value as f64),
            _ => Err(self.wrong(column, "a number")),
        }
    }

    pub(super) fn opt_float(&self, column: usize) -> Result<Option<f64>> {
        match self.0.get(column) {
            Some(Cell::Null) => Ok(None),
            _ => self.float(column).map(Some),
        }
    }

    /// SQLite has no booleans of its own.
    pub(super) fn flag(&self, column: usize) -> Result<bool> {
        match self.0.get(column) {
            Some(Cell::Bool(value)) => Ok(*value),
            Some(Cell::Integer(value)) => Ok(*value != 0),
            _ => Err(self.wrong(column, "a boolean")),
        }
    }

    pub(super) fn text(&self, column: usize) -> Result<&str> {
        match self.0.get(column) {
            Some(Cell::Text(text)) => Ok(text),
            _ => Err(self.wrong(column, "text")),
        }
    }

    /// A word of the vocabulary, such as a digest.
    pub(super) fn word<T: std::str::FromStr>(&self, column: usize) -> Result<T> {
        self.text(column)?.parse().map_err(|_| self.wrong(column, std::any::type_name::<T>()))
    }

    /// A stored JSON document.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T> {
        serde_json::from_str(self.text(column)?)
            .map_err(|error| StoreError::Corrupt { why: format!("column {column}: {error}") })
    }

    fn wrong(&self, column: usize, wanted: &str) -> StoreError {
        StoreError::Corrupt { why: format!("column {column} of {:?} is not {wanted}", self.0) }
    }
}
