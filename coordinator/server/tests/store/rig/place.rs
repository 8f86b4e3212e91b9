//! Somewhere to keep state: a folder, or a schema of the Postgres that `TOMBOLA_TEST_POSTGRES` names.

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};
use std::{env, path::Path};
use tempfile::TempDir;
use tombola_server::store::SqlStore;

/// Somewhere to keep state.
pub(crate) enum Place {
    /// SQLite in this folder.
    Sqlite(TempDir),
    /// Postgres in a schema of its own.
    Postgres {
        /// Leads to the schema.
        url: String,
        /// Its name.
        schema: String,
    },
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    /// A new schema for this test; nothing where no server is given.
    pub(crate) async fn postgres(test: &str) -> Option<Self> {
        let Ok(server) = env::var("TOMBOLA_TEST_POSTGRES") else {
            untested("TOMBOLA_TEST_POSTGRES is not set (`cargo xtask test` sets it)");
            return None;
        };
        // The last letters tell tests apart; a name has room for 63.
        let name: String = test.chars().filter(char::is_ascii_alphanumeric).collect();
        let schema =
            format!("t{}_{}", std::process::id(), &name[name.len().saturating_sub(40)..]).to_lowercase();
        admin_postgres(&server, &format!("drop schema if exists {schema} cascade; create schema {schema}"))
            .await;
        let mark = if server.contains('?') { '&' } else { '?' };
        Some(Self::Postgres { url: format!("{server}{mark}options=-csearch_path={schema}"), schema })
    }

    /// Another coordinator on the same state.
    pub(crate) fn open(&self) -> SqlStore {
        match self {
            Self::Sqlite(folder) => SqlStore::sqlite(folder.path()).unwrap(),
            Self::Postgres { url, .. } => SqlStore::postgres(url).unwrap(),
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Takes away a schema that nobody needs any more.
    pub(crate) async fn remove(&self) {
        if let Self::Postgres { schema, .. } = self {
            admin(self, &format!("drop schema {schema} cascade")).await;
        }
    }
}

/// A test that cannot run here says why, and passes unless everything was asked for.
#[track_caller]
pub(crate) fn untested(why: &str) {
    assert!(env::var("TOMBOLA_TEST_REQUIRE").as_deref() != Ok("1"), "nothing was tested: {why}");
    println!("nothing was tested: {why}");
}

/// Statements of an operator who does as he likes.
pub(crate) async fn admin(place: &Place, sql: &str) {
    match place {
        Place::Sqlite(folder) => admin_sqlite(folder.path(), sql).await,
        Place::Postgres { url, .. } => admin_postgres(url, sql).await,
    }
}

async fn admin_sqlite(folder: &Path, sql: &str) {
    let url = format!("sqlite://{}?mode=rwc", folder.join("tombola.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn admin_postgres(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What a role counts in transactions that may only read, and in others. On Postgres.
pub(crate) async fn as_role(place: &Place, role: &str, count: &str) -> Vec<(String, i64)> {
    let Place::Postgres { url, .. } = place else { return Vec::new() };
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut counted = Vec::new();
    for mode in ["read only", "read write"] {
        let begin = format!("begin {mode}; set local role {role}");
        raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.unwrap();
        let count = sqlx::query_scalar(AssertSqlSafe(count.to_owned())).fetch_one(&mut connection).await;
        counted.push((mode.to_owned(), count.unwrap()));
        raw_sql("rollback").execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    counted
}

/// Every table of a place, as its operator sees them.
pub(crate) async fn tables(place: &Place) -> Vec<String> {
    match place {
        Place::Sqlite(folder) => {
            let url = format!("sqlite://{}", folder.path().join("tombola.db").display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let sql = "select name from sqlite_schema where type = 'table' and name not like 'sqlite%'";
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        }
        Place::Postgres { url, .. } => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let sql = "select tablename::text from pg_tables where schemaname = current_schema()";
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        }
    }
}
