//! A whole state out of Postgres, and into it.

use super::{Postgres, values};
use crate::store::{
    Result, StoreError,
    archive::{self, Batch, Batches, Piece, Sink, Table, broken},
    cell::Row,
    migrate,
};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

const COLUMNS: &str = "select c.table_name::text, c.column_name::text, c.udt_name::text
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = current_schema() and t.table_type = 'BASE TABLE' order by 1, c.ordinal_position";
const REFERENCES: &str = "select child.relname::text, parent.relname::text from pg_constraint k
    join pg_class child on child.oid = k.conrelid join pg_class parent on parent.oid = k.confrelid
    where k.contype = 'f' and k.connamespace = current_schema()::regnamespace";
const COUNTED: &str = "select table_name::text, column_name::text from information_schema.columns
    where table_schema = current_schema() and is_identity = 'YES'";
const VACANT: &str = "select not exists (select 1 from pg_class
    where relname = 'schema_version' and relnamespace = current_schema()::regnamespace)";
/// Every statement of a dump sees what the first one saw.
const MOMENT: &str = "begin isolation level repeatable read, read only";

impl Postgres {
    /// Everything, as it was at one moment; returns the schema's version then.
    pub(super) async fn dump_all(&self, to: Sink<'_>) -> Result<i64> {
        let mut connection = self.answer_to(self.options.connect()).await?;
        let mut moment = self.answer_to(connection.begin_with(MOMENT)).await?;
        let version = self.answer_to(sqlx::query_scalar(migrate::VERSION).fetch_one(&mut *moment)).await?;
        migrate::until(version)?;
        let tables = self.tables(&mut moment).await?;
        for table in &tables {
            to(Piece::Table(table.head()))?;
            let columns = table.columns.iter().map(out).collect::<Result<Vec<_>>>()?.join(", ");
            let sql = format!("select {columns} from \"{}\"", table.name);
            self.rows(&mut moment, &sql, &mut |row| to(Piece::Row(row.0))).await?;
        }
        self.rows(&mut moment, &archive::named(&tables), &mut |row| {
            to(Piece::Artifact(archive::artifact(&row)?))
        })
        .await?;
        Ok(version)
    }

    /// Fills a vacant place, in one transaction; whoever wants to migrate it meanwhile waits.
    pub(super) async fn load_all(&self, version: i64, now: &str, batches: Batches<'_>) -> Result<()> {
        let mut connection = self.connect().await?;
        let mut whole = self.answer_to(connection.begin()).await?;
        self.wait_for_others(&mut whole).await?;
        let vacant: bool = self.answer_to(sqlx::query_scalar(VACANT).fetch_one(&mut *whole)).await?;
        if !vacant {
            return Err(StoreError::Occupied { place: self.place.clone() });
        }
        // The rows are of this version; what later ones change, they change in them.
        self.upgrade(&mut whole, migrate::until(version)?).await?;
        let tables = self.tables(&mut whole).await?;
        for table in tables.iter().rev() {
            let sql = AssertSqlSafe(format!("delete from \"{}\"", table.name));
            self.answer_to(sqlx::query(sql).execute(&mut *whole)).await?;
        }
        for batch in batches {
            self.insert(&mut whole, &tables, &batch?).await?;
        }
        self.upgrade(&mut whole, migrate::missing(version)).await?;
        self.count_on(&mut whole).await?;
        for step in archive::settle(now) {
            self.run(&mut whole, &[step]).await?;
        }
        self.answer_to(whole.commit()).await?;
        self.answer_to(connection.close()).await
    }

    /// Numbers that the database gives out go on behind those that were restored.
    async fn count_on(&self, connection: &mut PgConnection) -> Result<()> {
        let counted: Vec<(String, String)> =
            self.answer_to(sqlx::query_as(COUNTED).fetch_all(&mut *connection)).await?;
        for (table, column) in counted {
            let sql = format!(
                "select setval(pg_get_serial_sequence('\"{table}\"', '{column}'), coalesce(max(\"{column}\"), 0) + 1, false)
                 from \"{table}\""
            );
            self.answer_to(sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection)).await?;
        }
        Ok(())
    }

    /// Whether there is no state here.
    pub(super) async fn is_vacant(&self) -> Result<bool> {
        self.answer_to(sqlx::query_scalar(VACANT).fetch_one(&self.readers)).await
    }

    async fn tables(&self, connection: &mut PgConnection) -> Result<Vec<Table>> {
        let columns = self.all_rows(connection, COLUMNS).await?;
        archive::tables(&columns, &self.all_rows(connection, REFERENCES).await?)
    }

    async fn all_rows(&self, connection: &mut PgConnection, sql: &str) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let keep = &mut |row| {
            rows.push(row);
            Ok(())
        };
        self.rows(connection, sql, keep).await?;
        Ok(rows)
    }

    /// Hands out the rows of a query one by one. The first may take long to come: it is waited for without a limit.
    async fn rows(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        to: &mut (dyn FnMut(Row) -> Result<()> + Send),
    ) -> Result<()> {
        let mut rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(connection);
        while let Some(row) = rows.try_next().await.map_err(|error| self.fault(&error))? {
            to(values::row(&row).map_err(|error| self.fault(&error))?)?;
        }
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, tables: &[Table], batch: &Batch) -> Result<()> {
        let columns = Table::of(tables, &batch.table)?;
        let values =
            columns.iter().enumerate().map(|(at, column)| into(at, column)).collect::<Result<Vec<_>>>()?;
        let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let sql = format!(
            "insert into \"{}\" ({}) overriding system value select {} from json_array_elements($1::text::json) as r",
            batch.table.name,
            names.join(", "),
            values.join(", ")
        );
        let done =
            self.answer_to(sqlx::query(AssertSqlSafe(sql)).bind(&batch.json).execute(connection)).await?;
        batch.check(done.rows_affected())
    }
}

/// A column in the form that archives have.
fn out((name, kind): &(String, String)) -> Result<String> {
    Ok(match kind.as_str() {
        "int8" | "float8" | "text" | "bool" => format!("\"{name}\""),
        "int4" => format!("\"{name}\"::bigint"),
        "jsonb" => format!("\"{name}\"::text"),
        "timestamptz" => {
            format!("to_char(\"{name}\" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
        }
        "_int8" | "_float8" => format!("array_to_json(\"{name}\")::text"),
        other => return Err(unknown(name, other)),
    })
}

/// The value of a column out of a row `r` of an archive.
fn into(at: usize, (name, kind): &(String, String)) -> Result<String> {
    Ok(match kind.as_str() {
        "int8" | "int4" | "float8" | "text" | "bool" | "jsonb" | "timestamptz" => {
            format!("(r ->> {at})::{kind}")
        }
        // `[1,null]` is `{1,null}` there.
        "_int8" | "_float8" => format!("translate(r ->> {at}, '[]', '{{}}')::{kind}"),
        other => return Err(unknown(name, other)),
    })
}

fn unknown(name: &str, kind: &str) -> StoreError {
    broken(format!("column `{name}` has the type `{kind}`, which backups of this version cannot hold"))
}
