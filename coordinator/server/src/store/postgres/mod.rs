//! Postgres: one connection that writes and holds the leadership, a few that read.

mod archive;
mod fault;
mod guest;
mod leading;
mod relay;
mod silence;
mod stride;
mod values;
mod vitals;
pub(crate) mod words;

use super::{
    Limits, Result, StoreError, Table,
    archive::{Batches, Sink},
    cell::Row,
    checkup::Vitals,
    guest::AT_ONCE,
    migrate::{self, Migration},
    sql::SqlDatabase,
    verb::{Arg, Stride, Verb},
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tombola_spec::Epoch;

/// Longest wait for the answer to what may take the server a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// An advisory lock is a number of a database; its second half is the schema's.
const MIGRATING: i32 = 0x746f_6d02;

/// A schema of a database.
pub(super) struct Postgres {
    options: PgConnectOptions,
    place: String,
    writer: Mutex<Option<Writer>>,
    readers: PgPool,
    /// Room for users' queries.
    guests: Semaphore,
}

struct Writer {
    connection: PgConnection,
    epoch: Epoch,
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self> {
        // The text may hold a password, so it is not repeated.
        let wrong =
            |error: sqlx::Error| StoreError::Unavailable { place: "Postgres".into(), why: error.to_string() };
        let options: PgConnectOptions = url.parse().map_err(wrong)?;
        let options = silence::noticed(options.application_name(&name()).disable_statement_logging());
        let place = format!("{}/{}", options.get_host(), options.get_database().unwrap_or_default());
        let readers = silence::readers(options.clone());
        Ok(Self { options, place, writer: Mutex::default(), readers, guests: Semaphore::new(AT_ONCE) })
    }

    fn fault(&self, error: &sqlx::Error) -> StoreError {
        fault::fault(self.place.clone(), error)
    }

    /// What the server answers, in time.
    async fn answer_to<T>(&self, question: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        silence::within(PATIENCE, question).await.map_err(|error| self.fault(&error))
    }

    /// A connection that writes. A commit is on disk when it returns, whatever the server's default is.
    async fn connect(&self) -> Result<PgConnection> {
        let options = writing(self.options.clone());
        let mut connection = self.answer_to(silence::soon(Box::pin(options.connect()))).await?;
        let durable = "select set_config('synchronous_commit', 'on', false)
                       where current_setting('synchronous_commit') = 'off'";
        self.answer_to(sqlx::query(durable).execute(&mut connection)).await?;
        Ok(connection)
    }

    /// Applies what is missing of the schema, after whoever is at it.
    async fn bring_up(&self, connection: &mut PgConnection) -> Result<()> {
        let mut transaction = self.answer_to(connection.begin()).await?;
        self.wait_for_others(&mut transaction).await?;
        self.answer_to(sqlx::query(migrate::VERSION_TABLE).execute(&mut *transaction)).await?;
        let found = sqlx::query_scalar(migrate::VERSION).fetch_one(&mut *transaction);
        let found = self.answer_to(found).await?;
        if found > migrate::known() {
            let oldest = sqlx::query_scalar(migrate::PROMISED).fetch_one(&mut *transaction);
            migrate::may_work(found, self.answer_to(oldest).await?)?;
        }
        self.upgrade(&mut transaction, migrate::missing(found)).await?;
        let promise = sqlx::query(migrate::PROMISE).bind(migrate::OLDEST).bind(migrate::known());
        self.answer_to(promise.execute(&mut *transaction)).await?;
        self.answer_to(transaction.commit()).await
    }

    /// Until the transaction ends, nobody else changes the schema.
    async fn wait_for_others(&self, transaction: &mut PgConnection) -> Result<()> {
        let lock = "select current_schema()::text
                    from (select pg_advisory_xact_lock($1, current_schema()::regnamespace::oid::int4)) as l";
        let lock = sqlx::query_scalar(lock).bind(MIGRATING);
        let schema: Option<String> = self.answer_to(lock.fetch_one(transaction)).await?;
        if schema.is_none() { Err(self.no_schema()) } else { Ok(()) }
    }

    async fn upgrade(&self, connection: &mut PgConnection, migrations: &[Migration]) -> Result<()> {
        self.answer_to(sqlx::query(migrate::VERSION_TABLE).execute(&mut *connection)).await?;
        for migration in migrations {
            self.answer_to(sqlx::raw_sql(migration.postgres).execute(&mut *connection)).await?;
            let applied =
                sqlx::query("insert into schema_version (version, applied) values ($1, now()::text)");
            self.answer_to(applied.bind(migration.number).execute(&mut *connection)).await?;
        }
        self.run(connection, &[migrate::metric_kinds()]).await
    }

    fn no_schema(&self) -> StoreError {
        StoreError::Unavailable {
            place: self.place.clone(),
            why: "the schema that the url's search_path names does not exist".to_owned(),
        }
    }

    async fn next_epoch(&self, connection: &mut PgConnection) -> Result<Epoch> {
        let next = sqlx::query_scalar("update leader set epoch = epoch + 1 returning epoch");
        let epoch: i64 = self.answer_to(silence::soon(next.fetch_one(connection))).await?;
        Ok(Epoch(epoch.cast_unsigned()))
    }

    async fn apply_all(&self, writer: &mut Writer, strides: &[Stride<'_>]) -> Result<()> {
        // Dropped on any error, and with this future: then all of it is rolled back.
        let mut transaction = self.answer_to(silence::soon(writer.connection.begin())).await?;
        let epoch = sqlx::query_scalar("select epoch from leader").fetch_one(&mut *transaction);
        let epoch: i64 = self.answer_to(silence::soon(epoch)).await?;
        if epoch.cast_unsigned() != writer.epoch.0 {
            return Err(StoreError::Fenced { epoch: writer.epoch });
        }
        for stride in strides {
            self.run(&mut transaction, stride).await?;
        }
        self.answer_to(transaction.commit()).await
    }
}

#[async_trait]
impl SqlDatabase for Postgres {
    async fn migrate(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        self.bring_up(&mut connection).await?;
        self.answer_to(connection.close()).await
    }

    /// A connection that still answers leads on. One that does not is given up, and another can lead once the server
    /// has noticed: at once if this process ended, within half a minute if its machine did.
    async fn lead(&self, patience: Duration) -> Result<Epoch> {
        let mut leading = self.writer.lock().await;
        if let Some(mut writer) = leading.take()
            && let Ok(epoch) = self.next_epoch(&mut writer.connection).await
        {
            *leading = Some(Writer { epoch, ..writer });
            return Ok(epoch);
        }
        let mut connection = self.connect().await?;
        self.lock(&mut connection, patience).await?;
        let epoch = self.next_epoch(&mut connection).await?;
        *leading = Some(Writer { connection, epoch });
        Ok(epoch)
    }

    async fn beat(&self, epoch: Epoch) -> Result<()> {
        self.apply(epoch, &[]).await
    }

    async fn apply(&self, epoch: Epoch, strides: &[Stride<'_>]) -> Result<()> {
        let mut leading = self.writer.lock().await;
        match leading.as_mut().filter(|writer| writer.epoch == epoch) {
            Some(writer) => self.apply_all(writer, strides).await,
            None => Err(StoreError::Fenced { epoch }),
        }
    }

    async fn fetch(&self, verb: &Verb, rows: &[Vec<Arg<'_>>]) -> Result<Vec<Row>> {
        let query = values::bind(sqlx::query(AssertSqlSafe(verb.postgres(0))), verb, rows);
        let rows = self.answer_to(query.fetch_all(&self.readers)).await?;
        rows.iter().map(values::row).collect::<sqlx::Result<_>>().map_err(|error| self.fault(&error))
    }

    async fn query(&self, sql: &str, limits: Limits) -> Result<Table> {
        self.answer(sql, limits).await
    }

    async fn vitals(&self) -> Result<Vitals> {
        self.look_over().await
    }

    async fn count(&self, sql: &str) -> Result<i64> {
        self.count_rows(sql).await
    }

    async fn vacant(&self) -> Result<bool> {
        self.is_vacant().await
    }

    async fn dump(&self, to: Sink<'_>) -> Result<i64> {
        self.dump_all(to).await
    }

    async fn load(&self, version: i64, now: &str, batches: Batches<'_>) -> Result<()> {
        self.load_all(version, now, batches).await
    }
}

/// Settings of the connection that writes.
fn writing(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("idle_in_transaction_session_timeout", "30000"),
        // Every statement of a commit reaches its rows by key. A plan made while a table was small, those of foreign keys
        // included, must not go on scanning it when it has grown.
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("jit", "off"),
        ("plan_cache_mode", "force_generic_plan"),
    ])
}

/// This process, for those who find that it leads.
fn name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let host: String = host.chars().take(30).collect();
    format!("tombola process {} on {host}", std::process::id())
}
