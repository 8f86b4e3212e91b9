//! Who leads: an advisory lock that the server gives up with the connection that holds it.
//!
//! A leader whose process is stopped keeps its connection, and says nothing over it. Its standby ends that connection:
//! whatever the old leader had begun is rolled back, and when it goes on it finds that it leads no more.

use super::{Postgres, fault};
use crate::store::{Result, SILENCE, StoreError};
use sqlx::PgConnection;
use std::time::Duration;

/// Advisory locks are numbers of a database; the second half of each is the schema's.
const LEADING: i32 = 0x746f_6d01;

/// The connection that leads: `$1` is [`LEADING`].
const LEADER: &str = "from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.classid = $1::int4::oid
      and l.objid = current_schema()::regnamespace::oid
      and l.database = (select oid from pg_database where datname = current_database())";

impl Postgres {
    /// Takes the leadership for a connection, within `patience`.
    pub(super) async fn lock(&self, connection: &mut PgConnection, patience: Duration) -> Result<()> {
        let sql = "select pg_try_advisory_lock($1, current_schema()::regnamespace::oid::int4)";
        let locked = sqlx::query_scalar(sql).bind(LEADING).fetch_one(&mut *connection);
        match self.answer_to(locked).await? {
            Some(true) => Ok(()),
            Some(false) if self.end_silent(connection).await? || !patience.is_zero() => {
                self.wait_for_lock(connection, patience.max(Duration::from_secs(1))).await
            }
            Some(false) => Err(self.held(connection).await),
            None => Err(self.no_schema()),
        }
    }

    /// The server wakes whoever waits as soon as the leader's connection ends.
    async fn wait_for_lock(&self, connection: &mut PgConnection, patience: Duration) -> Result<()> {
        self.limit_waits(connection, patience).await?;
        let sql = "select pg_advisory_lock($1, current_schema()::regnamespace::oid::int4)";
        let waited = sqlx::query(sql).bind(LEADING).execute(&mut *connection);
        match tokio::time::timeout(super::PATIENCE + patience, waited).await {
            Ok(Ok(_)) => self.limit_waits(connection, Duration::ZERO).await,
            Ok(Err(error)) if fault::code(&error).as_deref() == Some(fault::LOCK_NOT_AVAILABLE) => {
                Err(self.held(connection).await)
            }
            Ok(Err(error)) => Err(self.fault(&error)),
            Err(_) => {
                let why = "no answer while waiting for the leadership".to_owned();
                Err(StoreError::Unavailable { place: self.place.clone(), why })
            }
        }
    }

    /// How long a statement of this connection waits for a lock; zero = for ever, as usual.
    async fn limit_waits(&self, connection: &mut PgConnection, limit: Duration) -> Result<()> {
        let limit = sqlx::query("select set_config('lock_timeout', $1, false)")
            .bind(limit.as_millis().to_string())
            .execute(connection);
        self.answer_to(limit).await.map(|_| ())
    }

    /// Ends the connection of a leader that has said nothing for too long, and says whether there was one. One whose
    /// statement the server is still working at is no such leader.
    async fn end_silent(&self, connection: &mut PgConnection) -> Result<bool> {
        let sql = format!(
            "select a.application_name, pg_terminate_backend(a.pid) {LEADER} and a.state <> 'active'
             and a.state_change < clock_timestamp() - make_interval(secs => $2)"
        );
        let ended = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(LEADING).bind(SILENCE.as_secs_f64());
        let ended: Option<(String, bool)> = self.answer_to(ended.fetch_optional(connection)).await?;
        if let Some((name, _)) = &ended {
            tracing::warn!(
                leader = name,
                "store.silent: the leader says nothing any more; its connection was ended"
            );
        }
        Ok(ended.is_some_and(|(_, done)| done))
    }

    async fn held(&self, connection: &mut PgConnection) -> StoreError {
        let sql = format!("select a.application_name {LEADER}");
        let found: sqlx::Result<Option<String>> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(LEADING).fetch_optional(connection).await;
        let holder = found.ok().flatten().map_or_else(String::new, |name| format!(" ({name})"));
        StoreError::Held { place: self.place.clone(), holder }
    }
}
