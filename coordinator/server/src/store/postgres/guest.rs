//! A user's query on Postgres.

use super::{Postgres, fault, relay::Relay, values, words};
use crate::store::{Cell, Limits, Result, StoreError, Table, cell::Filling, guest};
use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Executor, PgConnection, SqlSafeStr, Statement,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use std::time::Duration;

/// How much longer than the server we wait for an answer that cannot come any more.
const GRACE: Duration = Duration::from_secs(2);
/// What comes over a connection beside an answer.
const FRAME: u64 = 1 << 20;

impl Postgres {
    /// Runs it on a connection of its own, in a transaction that is read-only and rolled back besides (until 16 a
    /// read-only one could make large objects), so that nothing of it stays behind.
    pub(super) async fn answer(&self, sql: &str, limits: Limits) -> Result<Table> {
        guest::check(sql)?;
        let words = words::words(sql)?;
        let room = tokio::time::timeout(limits.time, self.guests.acquire()).await;
        let _room = room.map_err(|_| guest::too_many(limits.time))?;
        let most = (limits.bytes as u64).saturating_mul(2).saturating_add(FRAME);
        let relay = self.answer_to(async { Ok(Relay::open(&self.options, most).await?) }).await?;
        let options = relay.through(reading(self.options.clone(), limits.time));
        let answer = tokio::time::timeout(limits.time + GRACE, async {
            let mut connection = options.connect().await?;
            if let Some(word) = volatile(&mut connection, &words).await? {
                return Ok(Err(words::forbidden(&word)));
            }
            let table = table(&mut *connection.begin().await?, sql, limits).await?;
            if table.truncated {
                // The server is still sending; it notices.
                connection.close_hard().await?;
            } else {
                connection.close().await?;
            }
            Ok(Ok(table))
        });
        match answer.await.map_err(|_| guest::too_long(limits.time))? {
            Ok(answer) => answer,
            Err(_) if relay.is_full() => Err(too_large(limits)),
            Err(error) => Err(self.mistake(&error, limits)),
        }
    }

    /// What the user has to know of an error.
    fn mistake(&self, error: &sqlx::Error, limits: Limits) -> StoreError {
        match (fault::code(error).as_deref(), error) {
            (Some(fault::CANCELED), _) => guest::too_long(limits.time),
            // The class of a server that has to stop, and of one that is out of something.
            (Some(code), sqlx::Error::Database(error))
                if !code.starts_with("57") && !code.starts_with("53") =>
            {
                let error = error.downcast_ref::<PgDatabaseError>();
                let hint = error.hint().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
                StoreError::Query { why: format!("{}{hint}", error.message()) }
            }
            (_, sqlx::Error::ColumnDecode { source, .. }) => StoreError::Query { why: source.to_string() },
            _ => self.fault(error),
        }
    }
}

/// The first of these words that names a function which may do something.
async fn volatile(connection: &mut PgConnection, words: &[String]) -> sqlx::Result<Option<String>> {
    let sql = "select lower(proname) from pg_catalog.pg_proc where provolatile = 'v' and lower(proname) = any($1) limit 1";
    sqlx::query_scalar(sql).bind(words).fetch_optional(connection).await
}

fn too_large(limits: Limits) -> StoreError {
    let bytes = limits.bytes;
    guest::refused(format!(
        "the answer has a row of more than {bytes} bytes\nhint: select fewer columns, or parts of long texts: `left(…, 100)`"
    ))
}

fn reading(options: PgConnectOptions, time: Duration) -> PgConnectOptions {
    let time = time.as_millis().max(1).to_string();
    options.options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", &time),
        ("idle_in_transaction_session_timeout", &time),
    ])
}

async fn table(connection: &mut PgConnection, sql: &str, limits: Limits) -> sqlx::Result<Table> {
    let text = || AssertSqlSafe(sql.to_owned());
    // Preparing refuses all but one statement, so that the form of query below, which takes many, gets one. That form
    // yields values of any type as text.
    let statement = connection.prepare(text().into_sql_str()).await?;
    let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut filling = Filling::new(columns, limits);
    let mut rows = sqlx::raw_sql(text()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let row = values::row(&row)?.0;
        if !filling.admit(row.iter().map(Cell::bytes).sum()) {
            break;
        }
        filling.push(row);
    }
    Ok(filling.done())
}
