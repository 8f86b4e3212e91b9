//! A whole state out of SQLite, and into it.

use super::{Sqlite, reading, values};
use crate::store::{
    Result, StoreError,
    archive::{self, Batch, Batches, Piece, Sink, Table},
    cell::Row,
    migrate,
};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

const COLUMNS: &str = "select t.name, c.name, c.type from sqlite_schema t join pragma_table_info(t.name) c
    where t.type = 'table' and t.name not like 'sqlite\\_%' escape '\\' order by t.name, c.cid";
const REFERENCES: &str =
    "select t.name, f.\"table\" from sqlite_schema t join pragma_foreign_key_list(t.name) f
    where t.type = 'table'";

impl Sqlite {
    /// Everything, as it was at one moment; returns the schema's version then.
    pub(super) async fn dump_all(&self, to: Sink<'_>) -> Result<i64> {
        let fault = |error: sqlx::Error| self.fault(&error);
        let mut connection = reading(&self.folder).connect().await.map_err(fault)?;
        // What the first statement sees all of them see, whatever is committed meanwhile.
        let mut moment = connection.begin().await.map_err(fault)?;
        let version = sqlx::query_scalar(migrate::VERSION).fetch_one(&mut *moment).await.map_err(fault)?;
        migrate::until(version)?;
        let tables = self.tables(&mut moment).await?;
        for table in &tables {
            to(Piece::Table(table.head()))?;
            let sql = format!("select {} from {}", list(&table.head().columns), quoted(&table.name));
            self.rows(&mut moment, &sql, &mut |row| to(Piece::Row(row.0))).await?;
        }
        self.rows(&mut moment, &archive::named(&tables), &mut |row| {
            to(Piece::Artifact(archive::artifact(&row)?))
        })
        .await?;
        Ok(version)
    }

    /// Fills a vacant place, in one transaction and under the leader's lock.
    pub(super) async fn load_all(&self, version: i64, now: &str, batches: Batches<'_>) -> Result<()> {
        let fault = |error: sqlx::Error| self.fault(&error);
        let _lock = self.folder.lock()?;
        if !self.is_vacant().await? {
            return Err(StoreError::Occupied { place: self.folder.place() });
        }
        let mut connection = self.connect().await?;
        let mut whole = connection.begin_with("begin immediate").await.map_err(fault)?;
        // The rows are of this version; what later ones change, they change in them.
        self.upgrade(&mut whole, migrate::until(version)?).await?;
        let tables = self.tables(&mut whole).await?;
        for table in tables.iter().rev() {
            let sql = format!("delete from {}", quoted(&table.name));
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *whole).await.map_err(fault)?;
        }
        for batch in batches {
            self.insert(&mut whole, &tables, &batch?).await?;
        }
        self.upgrade(&mut whole, migrate::missing(version)).await?;
        for step in archive::settle(now) {
            self.run(&mut whole, &step).await?;
        }
        whole.commit().await.map_err(fault)?;
        connection.close().await.map_err(fault)
    }

    /// Whether there is no state here. Makes no file.
    pub(super) async fn is_vacant(&self) -> Result<bool> {
        if !self.folder.database().exists() {
            return Ok(true);
        }
        let fault = |error: sqlx::Error| self.fault(&error);
        let mut connection = reading(&self.folder).connect().await.map_err(fault)?;
        let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
            .fetch_one(&mut connection)
            .await
            .map_err(fault)?;
        connection.close().await.map_err(fault)?;
        Ok(tables == 0)
    }

    async fn tables(&self, connection: &mut SqliteConnection) -> Result<Vec<Table>> {
        let columns = self.all_rows(connection, COLUMNS).await?;
        archive::tables(&columns, &self.all_rows(connection, REFERENCES).await?)
    }

    async fn all_rows(&self, connection: &mut SqliteConnection, sql: &str) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let keep = &mut |row| {
            rows.push(row);
            Ok(())
        };
        self.rows(connection, sql, keep).await?;
        Ok(rows)
    }

    /// Hands out the rows of a query one by one.
    async fn rows(
        &self,
        connection: &mut SqliteConnection,
        sql: &str,
        to: &mut (dyn FnMut(Row) -> Result<()> + Send),
    ) -> Result<()> {
        let fault = |error: sqlx::Error| self.fault(&error);
        let mut rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(connection);
        while let Some(row) = rows.try_next().await.map_err(fault)? {
            to(values::row(&row).map_err(fault)?)?;
        }
        Ok(())
    }

    async fn insert(&self, connection: &mut SqliteConnection, tables: &[Table], batch: &Batch) -> Result<()> {
        Table::of(tables, &batch.table)?;
        let (table, columns) = (quoted(&batch.table.name), list(&batch.table.columns));
        let values: Vec<_> = (0..batch.table.columns.len()).map(|at| format!("value ->> {at}")).collect();
        let sql = format!("insert into {table} ({columns}) select {} from json_each($1)", values.join(", "));
        let done = sqlx::query(AssertSqlSafe(sql)).bind(&batch.json).execute(connection).await;
        batch.check(done.map_err(|error| self.fault(&error))?.rows_affected())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}
