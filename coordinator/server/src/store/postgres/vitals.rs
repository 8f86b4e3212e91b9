//! What Postgres says of itself.

use super::Postgres;
use crate::{
    clock,
    finding::{Finding, Grade},
    store::{Result, checkup::Vitals, migrate},
};
use sqlx::{AssertSqlSafe, Row as _};
use tombola_core::record::Millis;

/// Connections that a coordinator may want at once: its writer, its readers, its guests.
const WANTED: i64 = 16;

const ABOUT: &str = "select current_setting('server_version'), current_setting('server_encoding'),
    current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
    current_setting('synchronous_commit') <> 'off', pg_is_in_recovery(),
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
      - (select count(*) from pg_stat_activity where backend_type = 'client backend'),
    (extract(epoch from clock_timestamp()) * 1000)::bigint";
const ABOUT_JOBS: &str = "select c.table_name::text from information_schema.columns c
    join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = current_schema() and t.table_type = 'BASE TABLE' and c.column_name = 'job' order by 1";

/// Some settings of a server.
struct About {
    version: String,
    encoding: String,
    /// fsync, full_page_writes.
    safe: [bool; 2],
    waits: bool,
    standby: bool,
    left: i64,
    /// Of the server's clock, against this machine's.
    skew: Millis,
}

impl Postgres {
    pub(super) async fn look_over(&self) -> Result<Vitals> {
        let schema = self.answer_to(sqlx::query_scalar(migrate::VERSION).fetch_one(&self.readers)).await?;
        let about = self.about().await?;
        let about_jobs = self.answer_to(sqlx::query_scalar(ABOUT_JOBS).fetch_all(&self.readers)).await?;
        Ok(Vitals { schema, skew: Some(about.skew), findings: about.findings(&self.place), about_jobs })
    }

    /// A large table takes its time.
    pub(super) async fn count_rows(&self, sql: &str) -> Result<i64> {
        let counted = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.readers).await;
        counted.map_err(|error| self.fault(&error))
    }

    async fn about(&self) -> Result<About> {
        let before = clock::now();
        let row = self.answer_to(sqlx::query(ABOUT).fetch_one(&self.readers)).await?;
        let asked = before.midpoint(clock::now());
        let read = || {
            Ok(About {
                version: row.try_get(0)?,
                encoding: row.try_get(1)?,
                safe: [row.try_get(2)?, row.try_get(3)?],
                waits: row.try_get(4)?,
                standby: row.try_get(5)?,
                left: row.try_get(6)?,
                skew: row.try_get::<Millis, _>(7)? - asked,
            })
        };
        read().map_err(|error: sqlx::Error| self.fault(&error))
    }
}

impl About {
    fn findings(&self, place: &str) -> Vec<Finding> {
        let found = format!("PostgreSQL {} at {place}, {} connections left", self.version, self.left);
        let mut findings = vec![Finding::new("database", Grade::Fine, found)];
        let names = ["fsync", "full_page_writes"];
        findings.extend(names.iter().zip(self.safe).filter(|(_, on)| !on).map(|(name, _)| {
            Finding::new("database", Grade::Fault, format!("the server runs with `{name} = off`")).so(
                "what a coordinator acknowledged can be lost or damaged when the server's machine loses power",
                format!("set `{name} = on` in postgresql.conf and reload the server"),
            )
        }));
        if !self.waits {
            findings.push(
                Finding::new("database", Grade::Note, "the server's default is `synchronous_commit = off`")
                    .so("a coordinator sets it to `on` for its own connection: nothing is lost", "nothing"),
            );
        }
        if self.standby {
            findings.push(
                Finding::new("database", Grade::Fault, "the server is a standby that only reads")
                    .so("no coordinator can lead on it", "name the primary server in --database"),
            );
        }
        if self.left < WANTED {
            findings.push(Finding::new("database", Grade::Warning, format!("{} connections are left", self.left)).so(
                format!("a coordinator wants up to {WANTED} of its own"),
                "raise max_connections, or close what holds connections open (pg_stat_activity shows them)",
            ));
        }
        if self.encoding != "UTF8" {
            findings.push(
                Finding::new(
                    "database",
                    Grade::Warning,
                    format!("the database's encoding is {}", self.encoding),
                )
                .so(
                    "names and messages outside of it cannot be stored, and their commits fail",
                    "make a database with encoding UTF8, and restore a backup into it",
                ),
            );
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lose_data_are_faults_and_few_connections_a_warning() {
        let good = || About {
            version: "15.3".into(),
            encoding: "UTF8".into(),
            safe: [true, true],
            waits: true,
            standby: false,
            left: 90,
            skew: 0,
        };
        let grades =
            |about: About| about.findings("lab/tombola").iter().map(|found| found.grade).collect::<Vec<_>>();
        assert_eq!(grades(good()), [Grade::Fine]);
        assert_eq!(grades(About { safe: [false, true], ..good() }), [Grade::Fine, Grade::Fault]);
        assert_eq!(
            grades(About { standby: true, left: 3, ..good() }),
            [Grade::Fine, Grade::Fault, Grade::Warning]
        );
        assert_eq!(
            grades(About { waits: false, encoding: "LATIN1".into(), ..good() }),
            [Grade::Fine, Grade::Note, Grade::Warning]
        );
    }
}
