//! A user's query on SQLite, on a connection of its own that is opened read-only, with an authorizer that lets it read and
//! nothing else, and with limits on what one value may be: no clock stops a function in the middle of a large one.

use super::{BUSY, Sqlite, fault};
use crate::store::{
    Cell, Limits, Result, StoreError, Table,
    cell::Filling,
    guest::{self, AT_ONCE},
};
use rusqlite::{
    Connection, OpenFlags, Row, Statement,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::ValueRef,
};
use sqlx::Connection as _;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How far queries step back: beside one busy thread for each core, a tenth of a core is left to them.
const NICE: i32 = 10;
/// Steps of SQLite's machine between two looks at the clock; some microseconds.
const STEPS: i32 = 1000;
/// Longest value, bytes: what is stored fits, and `instr` of one in another takes seconds and not hours.
const LONGEST: i32 = 2 << 20;
/// What a statement may be made of.
const BOUNDS: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
    (Limit::SQLITE_LIMIT_COLUMN, 200),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];
/// Functions that reach out of the database, where a build has them.
const REACHING: [&str; 6] =
    ["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "randomblob"];
/// Pragmas that tell of tables; they are functions to a query.
const TELLING: [&str; 3] = ["table_info", "table_xinfo", "table_list"];

/// A log that is so long, bytes, is started over before the next query. It is twice what the writer lets it grow to.
const LONG: u64 = 64 << 20;

/// Ends the query with the future that waits for it.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sqlite {
    /// Runs it. Nothing of it stays behind.
    pub(super) async fn answer(&self, sql: &str, limits: Limits) -> Result<Table> {
        guest::check(sql)?;
        guest::check_single(sql)?;
        let room = tokio::time::timeout(limits.time, self.room()).await;
        let room = room.map_err(|_| guest::too_many(limits.time))??;
        let abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(Arc::clone(&abandoned));
        let (database, sql) = (self.folder.database(), sql.to_owned());
        let (say, told) = oneshot::channel();
        let run = move || {
            // Free again once the query really ended, whoever waits for it.
            let _room = room;
            step_back();
            let _ = say.send(table(&database, &sql, limits, abandoned));
        };
        let unavailable = |why: String| StoreError::Unavailable { place: self.folder.place(), why };
        // A thread of its own: what stepped back cannot come forward again without rights nobody should need.
        std::thread::Builder::new()
            .name("guest".into())
            .spawn(run)
            .map_err(|error| unavailable(error.to_string()))?;
        told.await
            .map_err(|error| unavailable(error.to_string()))?
            .map_err(|error| self.mistake(&error, limits))
    }

    /// Waits for room. Queries one after the other, one of them always there, would keep the log from ever being started
    /// over: once it is long, they wait until none reads.
    async fn room(&self) -> Result<OwnedSemaphorePermit> {
        // Nobody closes it.
        let closed = |_| guest::too_many(Duration::ZERO);
        let acquire = |rooms: usize| Arc::clone(&self.guests).acquire_many_owned(rooms as u32);
        let room = acquire(1).await.map_err(closed)?;
        if self.folder.log_bytes() < LONG {
            return Ok(room);
        }
        drop(room);
        let mut all = acquire(AT_ONCE).await.map_err(closed)?;
        if self.folder.log_bytes() >= LONG {
            let mut connection = self.connect().await?;
            // Readers of our own that are in its way are short; the next query tries again.
            let started_over = sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut connection).await;
            started_over.map_err(|error| self.fault(&error))?;
            let _ = connection.close().await;
        }
        drop(all.split(AT_ONCE - 1));
        Ok(all)
    }

    /// What the user has to know of an error.
    fn mistake(&self, error: &rusqlite::Error, limits: Limits) -> StoreError {
        let why = match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            other => other.to_string(),
        };
        match error.sqlite_error().map(|error| error.extended_code & 0xFF) {
            Some(fault::INTERRUPT) => guest::too_long(limits.time),
            Some(fault::READONLY) => StoreError::Query { why: "SQL changes nothing here".to_owned() },
            Some(fault::TOO_BIG) => {
                let hint = format!("a value or statement may have {LONGEST} bytes here");
                StoreError::Query { why: format!("{why}\nhint: {hint}") }
            }
            Some(fault::ERROR | fault::MISMATCH | fault::FORBIDDEN) | None => StoreError::Query { why },
            code => fault::reaction(self.folder.place(), code, why),
        }
    }
}

/// Lets everybody else go first on a processor: leases do not wait for a query. On Linux this is of a thread; elsewhere it
/// would be of the process.
fn step_back() {
    if cfg!(target_os = "linux") {
        // Where it may not be done, queries take their share.
        let _ = rustix::process::nice(NICE);
    }
}

fn table(database: &Path, sql: &str, limits: Limits, abandoned: Arc<AtomicBool>) -> rusqlite::Result<Table> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    let start = Instant::now();
    let over = move || abandoned.load(Ordering::Relaxed) || start.elapsed() >= limits.time;
    connection.progress_handler(STEPS, Some(over))?;
    for (bound, most) in BOUNDS {
        connection.set_limit(bound, most)?;
    }
    // The last step: setting all this up is not for users.
    connection.authorizer(Some(may))?;
    let mut statement = connection.prepare(sql)?;
    fill(&mut statement, limits)
}

/// Whether a query may do this.
fn may(asked: AuthContext<'_>) -> Authorization {
    let allowed = match asked.action {
        AuthAction::Select | AuthAction::Recursive => true,
        // Whoever reads it: what SQLite calls the accessor may be a view, or a name that the query gave itself by `with`.
        AuthAction::Read { table_name, .. } => !guest::is_secret(table_name),
        AuthAction::Function { function_name } => {
            !REACHING.iter().any(|known| function_name.eq_ignore_ascii_case(known))
        }
        AuthAction::Pragma { pragma_name, .. } => {
            TELLING.iter().any(|known| pragma_name.eq_ignore_ascii_case(known))
        }
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

fn fill(statement: &mut Statement<'_>, limits: Limits) -> rusqlite::Result<Table> {
    let columns = statement.columns();
    // A boolean is stored as a number; only the column knows.
    let boolean = |declared: Option<&str>| declared.is_some_and(|kind| kind.eq_ignore_ascii_case("boolean"));
    let booleans: Vec<bool> = columns.iter().map(|column| boolean(column.decl_type())).collect();
    let names = columns.iter().map(|column| column.name().to_owned()).collect();
    drop(columns);
    let mut filling = Filling::new(names, limits);
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !filling.admit(bytes(row, booleans.len())?) {
            break;
        }
        let cells = booleans.iter().enumerate().map(|(column, &boolean)| cell(row, column, boolean));
        filling.push(cells.collect::<rusqlite::Result<_>>()?);
    }
    Ok(filling.done())
}

/// What a row counts against the limit, before anything of it is copied.
fn bytes(row: &Row<'_>, columns: usize) -> rusqlite::Result<usize> {
    let one = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Text(text) => text.len() + 8,
            ValueRef::Blob(bytes) => 2 * bytes.len() + 8,
            _ => 8,
        })
    };
    (0..columns).map(one).sum()
}

fn cell(row: &Row<'_>, column: usize, boolean: bool) -> rusqlite::Result<Cell> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) if boolean => Cell::Bool(value != 0),
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Float(value),
        ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text)?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_query_steps_back_and_nobody_else() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let (before, stepped) = (nice(), move || {
            step_back();
            nice()
        });
        assert_eq!(std::thread::spawn(stepped).join().unwrap(), (before + NICE).min(19));
        assert_eq!(nice(), before);
    }
}
