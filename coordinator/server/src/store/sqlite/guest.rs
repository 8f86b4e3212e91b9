//! A user's query on SQLite.

use super::{Sqlite, fault, reading, values};
use crate::store::{Limits, Result, StoreError, Table, cell::Filling, guest};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Executor, SqliteConnection, Statement};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Steps of SQLite's machine between two looks at the clock; some microseconds.
const STEPS: i32 = 1000;

/// Ends the query with the future that waits for it.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sqlite {
    /// Runs it on a connection of its own, opened read-only, so that nothing of it stays behind.
    pub(super) async fn answer(&self, sql: &str, limits: Limits) -> Result<Table> {
        guest::check(sql)?;
        guest::check_single(sql)?;
        let room = tokio::time::timeout(limits.time, self.guests.acquire()).await;
        let _room = room.map_err(|_| guest::too_many(limits.time))?;
        let connected = reading(&self.folder).connect().await;
        let mut connection = connected.map_err(|error| self.fault(&error))?;
        let _abandon = stop_after(&mut connection, limits.time).await.map_err(|error| self.fault(&error))?;
        let answer = table(&mut connection, sql, limits).await;
        // A connection that is only dropped is closed later, by its thread.
        let _ = connection.close().await;
        answer.map_err(|error| self.mistake(&error, limits))
    }

    /// What the user has to know of an error.
    fn mistake(&self, error: &sqlx::Error, limits: Limits) -> StoreError {
        match (fault::code(error), error) {
            (Some(fault::INTERRUPT), _) => guest::too_long(limits.time),
            (Some(fault::READONLY), _) => StoreError::Query { why: "SQL changes nothing here".to_owned() },
            (Some(fault::ERROR), sqlx::Error::Database(error)) => {
                StoreError::Query { why: error.message().to_owned() }
            }
            (_, sqlx::Error::ColumnDecode { source, .. }) => StoreError::Query { why: source.to_string() },
            _ => self.fault(error),
        }
    }
}

async fn stop_after(connection: &mut SqliteConnection, time: Duration) -> sqlx::Result<Abandon> {
    let (abandoned, start) = (Arc::new(AtomicBool::new(false)), Instant::now());
    let abandon = Abandon(Arc::clone(&abandoned));
    let go_on = move || !abandoned.load(Ordering::Relaxed) && start.elapsed() < time;
    connection.lock_handle().await?.set_progress_handler(STEPS, go_on);
    Ok(abandon)
}

async fn table(connection: &mut SqliteConnection, sql: &str, limits: Limits) -> sqlx::Result<Table> {
    let text = AssertSqlSafe(sql.to_owned());
    let statement = connection.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await?;
    let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut filling = Filling::new(columns, limits);
    let mut rows = statement.query().fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if !filling.push(values::row(&row)?.0) {
            break;
        }
    }
    Ok(filling.done())
}
