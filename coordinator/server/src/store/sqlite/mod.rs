//! SQLite: one connection that writes, a few that only read, and a lock file that says who leads.

mod archive;
mod fault;
mod folder;
mod guest;
mod values;
mod vitals;

use super::{
    Limits, Result, StoreError, Table,
    archive::{Batches, Sink},
    cell::Row,
    checkup::Vitals,
    guest::AT_ONCE,
    migrate::{self, Migration},
    sql::{SqlDatabase, about, check},
    verb::{Arg, Expect, Step, Stride, Verb},
};
use async_trait::async_trait;
pub(crate) use folder::network_file_system;
use folder::{Folder, Lock};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::{Mutex, Semaphore};
use tombola_spec::Epoch;

/// Connections for our own reads.
const READERS: u32 = 4;
/// How long a statement waits for a lock that a reader or another program holds.
const BUSY: Duration = Duration::from_secs(5);

/// A database in a folder.
pub(super) struct Sqlite {
    folder: Folder,
    lead: Mutex<Lead>,
    readers: SqlitePool,
    /// Room for users' queries.
    guests: Arc<Semaphore>,
}

/// The lock goes last: until it does, nobody else writes.
#[derive(Default)]
struct Lead {
    writer: Option<Writer>,
    lock: Option<Lock>,
}

struct Writer {
    connection: SqliteConnection,
    epoch: Epoch,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = Folder::open(path)?;
        let pool = SqlitePoolOptions::new().max_connections(READERS).idle_timeout(None).max_lifetime(None);
        Ok(Self {
            readers: pool.connect_lazy_with(reading(&folder)),
            folder,
            lead: Mutex::default(),
            guests: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Options of a connection that writes.
    fn writing(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(self.folder.database())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on disk when it returns.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            // 32 MiB of log: the same pages change in commit after commit, and are copied and flushed once for many.
            .pragma("wal_autocheckpoint", "8000")
            .disable_statement_logging()
    }

    fn fault(&self, error: &sqlx::Error) -> StoreError {
        fault::fault(self.folder.place(), error)
    }

    /// Applies what is missing of the schema.
    async fn bring_up(&self, connection: &mut SqliteConnection) -> Result<()> {
        let fault = |error: sqlx::Error| self.fault(&error);
        let mut transaction = connection.begin_with("begin immediate").await.map_err(fault)?;
        sqlx::query(migrate::VERSION_TABLE).execute(&mut *transaction).await.map_err(fault)?;
        let found = sqlx::query_scalar(migrate::VERSION).fetch_one(&mut *transaction).await.map_err(fault)?;
        if found > migrate::known() {
            let oldest = sqlx::query_scalar(migrate::PROMISED).fetch_one(&mut *transaction);
            migrate::may_work(found, oldest.await.map_err(fault)?)?;
        }
        self.upgrade(&mut transaction, migrate::missing(found)).await?;
        let promise = sqlx::query(migrate::PROMISE).bind(migrate::OLDEST).bind(migrate::known());
        promise.execute(&mut *transaction).await.map_err(fault)?;
        transaction.commit().await.map_err(fault)
    }

    async fn upgrade(&self, connection: &mut SqliteConnection, migrations: &[Migration]) -> Result<()> {
        let fault = |error: sqlx::Error| self.fault(&error);
        sqlx::query(migrate::VERSION_TABLE).execute(&mut *connection).await.map_err(fault)?;
        for migration in migrations {
            sqlx::raw_sql(migration.sqlite).execute(&mut *connection).await.map_err(fault)?;
            let applied = sqlx::query(
                "insert into schema_version (version, applied) values ($1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
            );
            applied.bind(migration.number).execute(&mut *connection).await.map_err(fault)?;
        }
        self.run(connection, &migrate::metric_kinds()).await
    }

    async fn connect(&self) -> Result<SqliteConnection> {
        self.writing().connect().await.map_err(|error| self.fault(&error))
    }

    async fn apply_all(&self, writer: &mut Writer, strides: &[Stride<'_>]) -> Result<()> {
        let fault = |error: sqlx::Error| self.fault(&error);
        // Dropped on any error, and with this future: then all of it is rolled back.
        let mut transaction = writer.connection.begin_with("begin immediate").await.map_err(fault)?;
        let epoch: i64 = sqlx::query_scalar("select epoch from leader")
            .fetch_one(&mut *transaction)
            .await
            .map_err(fault)?;
        if epoch.cast_unsigned() != writer.epoch.0 {
            return Err(StoreError::Fenced { epoch: writer.epoch });
        }
        for step in strides.iter().flatten() {
            self.run(&mut transaction, step).await?;
        }
        transaction.commit().await.map_err(fault)
    }

    async fn run(&self, connection: &mut SqliteConnection, step: &Step<'_>) -> Result<()> {
        let sql = AssertSqlSafe(step.verb.sqlite());
        let rows = values::json(&step.rows);
        let reached = if step.verb.expect == Expect::Count {
            let counted: sqlx::Result<i64> = sqlx::query_scalar(sql).bind(rows).fetch_one(connection).await;
            counted.map(i64::cast_unsigned)
        } else {
            sqlx::query(sql).bind(rows).execute(connection).await.map(|done| done.rows_affected())
        };
        check(step, reached.map_err(|error| about(step, self.fault(&error)))?)
    }
}

#[async_trait]
impl SqlDatabase for Sqlite {
    /// Under the leader's lock: the schema never changes under a leader's feet, nor twice at once.
    async fn migrate(&self) -> Result<()> {
        let lead = self.lead.lock().await;
        let _lock = lead.lock.is_none().then(|| self.folder.lock()).transpose()?;
        let mut connection = self.connect().await?;
        self.bring_up(&mut connection).await?;
        connection.close().await.map_err(|error| self.fault(&error))
    }

    /// The kernel gives the lock up with its process: nobody has to wait, and a leader that is stopped keeps it.
    async fn lead(&self, _patience: Duration) -> Result<Epoch> {
        let mut lead = self.lead.lock().await;
        if lead.lock.is_none() {
            lead.lock = Some(self.folder.lock()?);
        }
        // What an earlier connection had begun is rolled back, or waited for by the write below.
        lead.writer = None;
        let mut connection = self.connect().await?;
        let next = sqlx::query_scalar("update leader set epoch = epoch + 1 returning epoch");
        let epoch: i64 = next.fetch_one(&mut connection).await.map_err(|error| self.fault(&error))?;
        let epoch = Epoch(epoch.cast_unsigned());
        lead.writer = Some(Writer { connection, epoch });
        Ok(epoch)
    }

    async fn beat(&self, _epoch: Epoch) -> Result<()> {
        Ok(())
    }

    async fn apply(&self, epoch: Epoch, strides: &[Stride<'_>]) -> Result<()> {
        let mut lead = self.lead.lock().await;
        match lead.writer.as_mut().filter(|writer| writer.epoch == epoch) {
            Some(writer) => self.apply_all(writer, strides).await,
            None => Err(StoreError::Fenced { epoch }),
        }
    }

    async fn fetch(&self, verb: &Verb, rows: &[Vec<Arg<'_>>]) -> Result<Vec<Row>> {
        let query = sqlx::query(AssertSqlSafe(verb.sqlite())).bind(values::json(rows));
        let rows = query.fetch_all(&self.readers).await;
        let rows = rows.and_then(|rows| rows.iter().map(values::row).collect());
        rows.map_err(|error| self.fault(&error))
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

/// Options of a connection that cannot write.
fn reading(folder: &Folder) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(folder.database())
        .read_only(true)
        .pragma("query_only", "on")
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{read_sql::KEPT, steps, verb::row};
    use tombola_spec::Digest;

    /// A leader, after a statement on its connection.
    async fn leader(folder: &Path, statement: &'static str) -> (Sqlite, Epoch) {
        let store = Sqlite::open(folder).unwrap();
        store.migrate().await.unwrap();
        let epoch = store.lead(Duration::ZERO).await.unwrap();
        let mut lead = store.lead.lock().await;
        sqlx::query(statement).execute(&mut lead.writer.as_mut().unwrap().connection).await.unwrap();
        drop(lead);
        (store, epoch)
    }

    fn digests(count: u32) -> Vec<Digest> {
        (0..count).map(|number| Digest::of(&number.to_le_bytes())).collect()
    }

    async fn pragma(connection: &mut SqliteConnection, name: &str) -> String {
        let sql = AssertSqlSafe(format!("select cast({name} as text) from pragma_{name}"));
        sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
    }

    #[tokio::test]
    async fn every_connection_that_writes_is_durable_and_no_other_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = leader(folder.path(), "select 1").await;
        let mut lead = store.lead.lock().await;
        let leading = &mut lead.writer.as_mut().unwrap().connection;
        // The leader's, and those that migrate.
        for writer in [leading, &mut store.connect().await.unwrap()] {
            assert_eq!(pragma(writer, "journal_mode").await, "wal");
            assert_eq!(pragma(writer, "synchronous").await, "2", "FULL: a commit is on disk when it returns");
            assert_eq!(pragma(writer, "foreign_keys").await, "1");
        }
        // Our own, and users'.
        let pooled = &mut *store.readers.acquire().await.unwrap();
        for reader in [pooled, &mut reading(&store.folder).connect().await.unwrap()] {
            assert_eq!(pragma(reader, "journal_mode").await, "wal");
            assert_eq!(pragma(reader, "query_only").await, "1");
            let refused = sqlx::query("delete from pins").execute(reader).await.unwrap_err();
            assert!(matches!(store.fault(&refused), StoreError::ReadOnly { .. }), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_recognized_and_nothing_is_applied() {
        let folder = tempfile::tempdir().unwrap();
        // SQLite answers as on a full disk once the file may not grow.
        let (store, epoch) = leader(folder.path(), "pragma max_page_count = 1").await;
        let error = store.apply(epoch, &steps::pin(&digests(4000), "1", "9")).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
        assert!(store.fetch(&KEPT, &[row!["0"]]).await.unwrap().is_empty());
        // Once there is room, the leader leads on.
        let epoch = store.lead(Duration::ZERO).await.unwrap();
        store.apply(epoch, &steps::pin(&digests(4000), "1", "9")).await.unwrap();
        assert_eq!(store.fetch(&KEPT, &[row!["0"]]).await.unwrap().len(), 4000);
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_recognized() {
        let folder = tempfile::tempdir().unwrap();
        let (store, epoch) = leader(folder.path(), "pragma query_only = on").await;
        let error = store.apply(epoch, &steps::pin(&digests(1), "1", "9")).await.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_database_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("tombola.db"),
            "not a database, but long enough to be one".repeat(99),
        )
        .unwrap();
        let error = Sqlite::open(folder.path()).unwrap().migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = Sqlite::open(&folder.path().join("file/state")).err().unwrap();
        assert!(error.to_string().contains("file/state") && error.to_string().contains("hint:"), "{error}");
    }
}
