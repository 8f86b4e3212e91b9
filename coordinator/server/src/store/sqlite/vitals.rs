//! What SQLite says of itself.

use super::{Sqlite, reading};
use crate::{
    finding::{Finding, Grade},
    store::{Result, StoreError, checkup::Vitals, migrate},
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _, SqliteConnection};

/// Most words of an integrity check that are told.
const TOLD: usize = 5;

impl Sqlite {
    pub(super) async fn look_over(&self) -> Result<Vitals> {
        let fault = |error: sqlx::Error| self.fault(&error);
        let mut connection = reading(&self.folder).connect().await.map_err(fault)?;
        let db = &mut connection;
        let schema = sqlx::query_scalar(migrate::VERSION).fetch_one(&mut *db).await.map_err(fault)?;
        let findings = vec![self.integrity(db).await?, self.keys(db).await?];
        let about_jobs = self
            .texts(
                db,
                "select t.name from sqlite_schema t join pragma_table_info(t.name) c
            where t.type = 'table' and c.name = 'job' order by t.name",
            )
            .await?;
        connection.close().await.map_err(fault)?;
        Ok(Vitals { schema, skew: None, findings, about_jobs })
    }

    pub(super) async fn count_rows(&self, sql: &str) -> Result<i64> {
        let counted = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.readers).await;
        counted.map_err(|error| self.fault(&error))
    }

    /// Every page is read.
    async fn integrity(&self, connection: &mut SqliteConnection) -> Result<Finding> {
        let size = std::fs::metadata(self.folder.database()).map_or(0, |file| file.len()) >> 20;
        let words = match self.texts(connection, "pragma integrity_check").await {
            // Damage may also show as an error of the check itself.
            Err(StoreError::Corrupt { why }) => vec![why],
            other => other?,
        };
        if words == ["ok"] {
            return Ok(Finding::new(
                "database",
                Grade::Fine,
                format!("SQLite, {size} MiB; every page is as it should be"),
            ));
        }
        let found = format!("SQLite finds its file damaged: {}", words[..words.len().min(TOLD)].join("; "));
        Ok(Finding::new("database", Grade::Fault, found).so(
            "records may be lost or wrong; the disk or the machine's memory may be failing",
            "stop the coordinator, keep a copy of the folder, and restore the last backup onto another disk",
        ))
    }

    async fn keys(&self, connection: &mut SqliteConnection) -> Result<Finding> {
        let broken = self
            .texts(connection, "select \"table\" || ' → ' || parent from pragma_foreign_key_check")
            .await?;
        if broken.is_empty() {
            return Ok(Finding::new("database", Grade::Fine, "every record that another names is there"));
        }
        let found = format!("{} records name others that are not there", broken.len());
        let mut about = broken;
        about.dedup();
        Ok(Finding::new("database", Grade::Fault, found)
            .so(
                "somebody changed tables by hand; a coordinator may not start",
                "restore a backup taken before",
            )
            .about(about))
    }

    async fn texts(&self, connection: &mut SqliteConnection, sql: &'static str) -> Result<Vec<String>> {
        let rows = sqlx::query(sql).fetch_all(connection).await;
        let texts = rows.and_then(|rows| rows.iter().map(|row| row.try_get::<String, _>(0)).collect());
        texts.map_err(|error| self.fault(&error))
    }
}
