//! The store on a SQL database: the same statements for both, run by a driver.

use super::{
    Limits, Outputs, Result, Store, StoreError, Table,
    cell::Row,
    postgres::Postgres,
    read,
    sqlite::Sqlite,
    steps,
    time::iso,
    verb::{Arg, Expect, Step, Verb},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tombola_core::record::{JobRow, Millis, RoundRow, Snapshot, SweepRow, TrialRow, Write};
use tombola_spec::{Digest, Epoch, Fingerprint, JobId, SweepId, TrialId, job::JobSpec};

/// A database that runs statements.
#[async_trait]
pub(super) trait Driver: Send + Sync {
    /// See [`Store::migrate`].
    async fn migrate(&self) -> Result<()>;
    /// See [`Store::lead`].
    async fn lead(&self) -> Result<Epoch>;
    /// Runs the statements in one transaction that is conditional on the epoch and on what each expects.
    async fn apply(&self, epoch: Epoch, steps: &[Step<'_>]) -> Result<()>;
    /// Runs a query of ours over rows.
    async fn fetch(&self, verb: &Verb, rows: &[Vec<Arg<'_>>]) -> Result<Vec<Row>>;
    /// See [`Store::query`].
    async fn query(&self, sql: &str, limits: Limits) -> Result<Table>;
}

/// SQLite or Postgres.
pub struct SqlStore {
    driver: Box<dyn Driver>,
}

impl SqlStore {
    /// A store in `folder`, which is made if it is missing: `tombola.db`, and `tombola.lock` of the one that leads.
    /// Nothing is read or written yet.
    ///
    /// # Errors
    /// [`StoreError::Network`] on a network file system, [`StoreError::ReadOnly`], [`StoreError::Full`], or
    /// [`StoreError::Unavailable`] where no folder can be.
    pub fn sqlite(folder: &Path) -> Result<Self> {
        Ok(Self { driver: Box::new(Sqlite::open(folder)?) })
    }

    /// A store in the schema that `url` leads to (`?options=-csearch_path=NAME`; `public` without). Connects when
    /// first used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for a wrong url.
    pub fn postgres(url: &str) -> Result<Self> {
        Ok(Self { driver: Box::new(Postgres::open(url)?) })
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn migrate(&self) -> Result<()> {
        self.driver.migrate().await
    }

    async fn identity(&self) -> Result<String> {
        read::identity(&*self.driver).await
    }

    async fn lead(&self) -> Result<Epoch> {
        self.driver.lead().await
    }

    async fn commit(&self, epoch: Epoch, at: Millis, writes: &[Write]) -> Result<()> {
        let now = iso(at);
        self.driver.apply(epoch, &steps::steps(&now, writes)).await
    }

    async fn snapshot(&self) -> Result<Snapshot> {
        read::snapshot(&*self.driver).await
    }

    async fn job_specs(&self, jobs: &[JobId]) -> Result<BTreeMap<JobId, Arc<JobSpec>>> {
        read::job_specs(&*self.driver, jobs).await
    }

    async fn find_jobs(&self, fingerprints: &[Fingerprint]) -> Result<Vec<JobRow>> {
        read::find_jobs(&*self.driver, fingerprints).await
    }

    async fn outputs(&self, jobs: &[JobId]) -> Result<Outputs> {
        read::outputs(&*self.driver, jobs).await
    }

    async fn sweeps(&self) -> Result<Vec<SweepRow>> {
        read::sweeps(&*self.driver).await
    }

    async fn sweep(&self, name: &str) -> Result<Option<SweepRow>> {
        read::sweep(&*self.driver, name).await
    }

    async fn trials(&self, sweep: SweepId) -> Result<Vec<TrialRow>> {
        read::trials(&*self.driver, sweep).await
    }

    async fn rounds(&self, trials: &[TrialId]) -> Result<Vec<RoundRow>> {
        read::rounds(&*self.driver, trials).await
    }

    async fn pin(&self, epoch: Epoch, artifacts: &[Digest], now: Millis, expires: Millis) -> Result<()> {
        self.driver.apply(epoch, &steps::pin(artifacts, &iso(now), &iso(expires))).await
    }

    async fn unpin(&self, epoch: Epoch, artifacts: &[Digest]) -> Result<()> {
        self.driver.apply(epoch, &steps::unpin(artifacts)).await
    }

    async fn kept(&self, now: Millis) -> Result<Vec<Digest>> {
        read::kept(&*self.driver, now).await
    }

    async fn query(&self, sql: &str, limits: Limits) -> Result<Table> {
        self.driver.query(sql, limits).await
    }
}

/// Whether a statement reached the rows it must.
pub(super) fn check(step: &Step<'_>, reached: u64) -> Result<()> {
    let given = step.rows.len();
    if step.verb.expect == Expect::Any || reached == given as u64 {
        return Ok(());
    }
    Err(StoreError::Conflict {
        what: format!("{}: {reached} of {given} apply, of {}", step.verb.what, subjects(step)),
    })
}

/// A violated constraint, told as the condition of a statement.
pub(super) fn about(step: &Step<'_>, error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict { what } => {
            StoreError::Conflict { what: format!("{}: {what}, of {}", step.verb.what, subjects(step)) }
        }
        other => other,
    }
}

/// What the first rows of a statement are about: `job 3 attempt 1, job 4 attempt 2`.
fn subjects(step: &Step<'_>) -> String {
    let name = |row: &Vec<Arg<'_>>| {
        let named = step.verb.columns.iter().zip(row).take(2);
        named.map(|((column, _), value)| format!("{column} `{}`", short(value))).collect::<Vec<_>>().join(" ")
    };
    let more = if step.rows.len() > 3 { ", …" } else { "" };
    step.rows.iter().take(3).map(name).collect::<Vec<_>>().join(", ") + more
}

fn short(value: &Arg<'_>) -> String {
    match value {
        Arg::Int(value) => value.to_string(),
        Arg::Text(text) => text.chars().take(40).collect(),
        _ => String::new(),
    }
}
