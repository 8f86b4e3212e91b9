//! A whole state as rows that either database takes: what backups are made of.
//!
//! Values are in the form SQLite stores them: times as ISO-8601 text, documents and lists as JSON text. Tables are read off
//! the schema, so that a new one is in every backup without a line here.

use super::{
    Cell, Result, StoreError,
    cell::Row,
    verb::{Arg, Expect::Any, Kind::Time, Step, Verb},
};
use serde::{Deserialize, Serialize, Serializer};
use tombola_spec::outcome::Artifact;

/// What a dump consists of: each table and its rows, then the artifacts that rows name.
pub enum Piece {
    /// The rows that follow are of this table.
    Table(Head),
    /// A row.
    Row(Vec<Cell>),
    /// An artifact that an output, a checkpoint or a file somebody handed in names.
    Artifact(Artifact),
}

/// A table: its name and the columns of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// Names of the columns, in the order of a row's values.
    pub columns: Vec<String>,
}

/// Rows to load.
pub struct Batch {
    /// Their table.
    pub table: Head,
    /// How many there are.
    pub rows: u64,
    /// They, as a JSON list of lists.
    pub json: String,
}

impl Batch {
    /// Whether all rows went in.
    pub(super) fn check(&self, reached: u64) -> Result<()> {
        let (rows, table) = (self.rows, &self.table.name);
        if reached == rows {
            Ok(())
        } else {
            Err(broken(format!("{reached} of {rows} rows of `{table}` went in")))
        }
    }
}

/// Takes what is dumped; its error ends the dump.
pub type Sink<'a> = &'a mut (dyn FnMut(Piece) -> Result<()> + Send);

/// Yields what is loaded, tables in the order of the dump; its error undoes all of the load.
pub type Batches<'a> = &'a mut (dyn Iterator<Item = Result<Batch>> + Send);

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Integer(value) => to.serialize_i64(*value),
            Self::Float(value) => to.serialize_f64(*value),
            Self::Text(text) => to.serialize_str(text),
            Self::Bool(value) => to.serialize_bool(*value),
        }
    }
}

/// Not dumped: what every start writes anew, what protects uploads that no record names, tokens (a restored state is another,
/// and lets in whom its operator lets in), and the schema's own history. Its
/// first moment is the state's identity, and a restored state is to be another one: it would give out attempt numbers
/// that workers of the old state hold, too.
const LEFT_OUT: &[&str] = &["schema_version", "metric_kinds", "pins", "access_tokens"];

/// Tables whose rows name artifacts, by `digest` and `bytes`.
const NAMING: &[&str] = &["outputs", "checkpoints", "given_files"];

/// A table as its database describes it.
pub(super) struct Table {
    pub(super) name: String,
    /// Name and type of each column.
    pub(super) columns: Vec<(String, String)>,
    /// Tables that it refers to.
    parents: Vec<String>,
}

impl Table {
    pub(super) fn head(&self) -> Head {
        let columns = self.columns.iter().map(|(name, _)| name.clone()).collect();
        Head { name: self.name.clone(), columns }
    }

    /// The columns that a head names, in its order.
    ///
    /// # Errors
    /// For one that is not there: names go into statements, and those of a backup are not to be trusted.
    pub(super) fn of<'a>(all: &'a [Self], head: &Head) -> Result<Vec<&'a (String, String)>> {
        let unknown = |what: &str| broken(format!("the schema has no {what}, of table `{}`", head.name));
        let table = all.iter().find(|table| table.name == head.name).ok_or_else(|| unknown("such table"))?;
        let column = |name: &String| {
            let found = table.columns.iter().find(|(known, _)| known == name);
            found.ok_or_else(|| unknown(&format!("column `{name}`")))
        };
        head.columns.iter().map(column).collect()
    }
}

/// Tables in an order in which each comes after those it refers to. `columns` has a row (table, column, type) for each
/// column, those of a table together; `references` a row (table, table it refers to).
pub(super) fn tables(columns: &[Row], references: &[Row]) -> Result<Vec<Table>> {
    let mut tables: Vec<Table> = Vec::new();
    for row in columns {
        let (name, column) = (row.text(0)?, (row.text(1)?.to_owned(), row.text(2)?.to_owned()));
        match tables.last_mut().filter(|table| table.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(Table { name: name.to_owned(), columns: vec![column], parents: Vec::new() }),
        }
    }
    for row in references {
        let (child, parent) = (row.text(0)?, row.text(1)?);
        if let Some(table) = tables.iter_mut().find(|table| table.name == child) {
            table.parents.push(parent.to_owned());
        }
    }
    tables.retain(|table| !LEFT_OUT.contains(&table.name.as_str()));
    Ok(parents_first(tables))
}

fn parents_first(mut tables: Vec<Table>) -> Vec<Table> {
    let mut sorted: Vec<Table> = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let left: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        let free = |table: &Table| {
            !table.parents.iter().any(|parent| *parent != table.name && left.contains(parent))
        };
        let (ready, rest): (Vec<_>, Vec<_>) = tables.into_iter().partition(free);
        if ready.is_empty() {
            // Tables that refer to each other in a circle: no order is right.
            sorted.extend(rest);
            break;
        }
        sorted.extend(ready);
        tables = rest;
    }
    sorted
}

/// The artifacts that rows of these tables name, each once.
pub(super) fn named(tables: &[Table]) -> String {
    let naming = tables.iter().filter(|table| NAMING.contains(&table.name.as_str()));
    let each: Vec<_> = naming.map(|table| format!("select digest, bytes from {}", table.name)).collect();
    format!(
        "select digest, max(bytes) from ({}) as named group by digest order by digest",
        each.join(" union all ")
    )
}

pub(super) fn artifact(row: &Row) -> Result<Artifact> {
    Ok(Artifact { digest: row.word(0)?, bytes: row.unsigned(1)? })
}

/// What a restored state must not go on with: workers that know another state hold its leases. Losing them is no fault of
/// the jobs, so that none of it is charged.
pub(super) fn settle(now: &str) -> Vec<Step<'_>> {
    [&ATTEMPTS, &JOBS, &WORKERS, &EPOCH].map(|verb| Step { verb, rows: vec![vec![Arg::from(now)]] }).into()
}

const fn settling(what: &'static str, sql: &'static str) -> Verb {
    Verb { what, columns: &[("now", Time)], sql, expect: Any }
}

const ATTEMPTS: Verb = settling(
    "an end of attempts",
    "update attempts set ended = v.now, how = 'lost',
       message = 'the state was restored from a backup, which workers of the old one do not know'
     from {v} where attempts.ended is null",
);
const JOBS: Verb = settling(
    "leased jobs",
    "update jobs set state = 'open', lease = null from {v} where jobs.state = 'leased'",
);
const WORKERS: Verb = settling(
    "workers of the old state",
    "update workers set state = 'gone', since = v.now from {v} where workers.state <> 'gone'",
);
const EPOCH: Verb = settling("the epoch", "update leader set epoch = epoch + 1 from {v}");

pub(super) fn broken(why: String) -> StoreError {
    StoreError::Archive { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_they_refer_to() {
        let row = |words: &[&str]| Row(words.iter().map(|word| Cell::Text((*word).to_owned())).collect());
        let columns = [
            row(&["claims", "job", "bigint"]),
            row(&["claims", "sweep", "bigint"]),
            row(&["jobs", "id", "bigint"]),
            row(&["pins", "digest", "text"]),
            row(&["sweeps", "id", "bigint"]),
        ];
        let references = [row(&["claims", "jobs"]), row(&["claims", "sweeps"]), row(&["jobs", "jobs"])];
        let tables = tables(&columns, &references).unwrap();
        let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["jobs", "sweeps", "claims"]);
        assert_eq!(tables[2].head().columns, ["job", "sweep"]);
    }
}
