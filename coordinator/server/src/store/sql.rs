//! The store on a SQL database: the same statements for both, run by a [`SqlDatabase`].

use super::{
    Limits, Outputs, Result, Store, StoreError, Table, access,
    archive::{Batches, Sink},
    cell::Row,
    checkup::Vitals,
    postgres::Postgres,
    read,
    sqlite::Sqlite,
    steps,
    time::iso,
    verb::{Arg, Expect, Step, Stride, Verb},
    verdicts,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tombola_core::{
    record::{AnalysisRow, JobRow, Millis, RoundRow, Snapshot, SweepRow, TokenRow, TrialRow, Write},
    verdict::{Seen, Verdicts},
};
use tombola_spec::{Digest, Epoch, Fingerprint, JobId, SweepId, TrialId, job::JobSpec};

/// A database that runs statements, in its own dialect.
#[async_trait]
pub(super) trait SqlDatabase: Send + Sync {
    /// See [`Store::migrate`].
    async fn migrate(&self) -> Result<()>;
    /// See [`Store::lead`].
    async fn lead(&self, patience: Duration) -> Result<Epoch>;
    /// See [`Store::beat`].
    async fn beat(&self, epoch: Epoch) -> Result<()>;
    /// Runs the statements in one transaction that is conditional on the epoch and on what each expects.
    async fn apply(&self, epoch: Epoch, strides: &[Stride<'_>]) -> Result<()>;
    /// Runs a query of ours over rows.
    async fn fetch(&self, verb: &Verb, rows: &[Vec<Arg<'_>>]) -> Result<Vec<Row>>;
    /// See [`Store::query`].
    async fn query(&self, sql: &str, limits: Limits) -> Result<Table>;
    /// See [`SqlStore::vitals`].
    async fn vitals(&self) -> Result<Vitals>;
    /// The number that a query of ours yields.
    async fn count(&self, sql: &str) -> Result<i64>;
    /// See [`SqlStore::vacant`].
    async fn vacant(&self) -> Result<bool>;
    /// See [`SqlStore::dump`].
    async fn dump(&self, to: Sink<'_>) -> Result<i64>;
    /// See [`SqlStore::load`].
    async fn load(&self, version: i64, now: &str, batches: Batches<'_>) -> Result<()>;
}

/// SQLite or Postgres.
pub struct SqlStore {
    pub(super) database: Box<dyn SqlDatabase>,
}

impl SqlStore {
    /// A store in `folder`, which is made if it is missing: `tombola.db`, and `tombola.lock` of the one that leads.
    /// Nothing is read or written yet.
    ///
    /// # Errors
    /// [`StoreError::Network`] on a network file system, [`StoreError::ReadOnly`], [`StoreError::Full`], or
    /// [`StoreError::Unavailable`] where no folder can be.
    pub fn sqlite(folder: &Path) -> Result<Self> {
        Ok(Self { database: Box::new(Sqlite::open(folder)?) })
    }

    /// A store in the schema that `url` leads to (`?options=-csearch_path=NAME`; `public` without). Connects when
    /// first used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for a wrong url.
    pub fn postgres(url: &str) -> Result<Self> {
        Ok(Self { database: Box::new(Postgres::open(url)?) })
    }

    /// Whether there is no state at this place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn vacant(&self) -> Result<bool> {
        self.database.vacant().await
    }

    /// Hands out everything that is stored, as it was at one moment, while others read and write. Returns the version of
    /// the schema.
    ///
    /// # Errors
    /// [`StoreError::Newer`], or what the receiver says.
    pub async fn dump(&self, to: Sink<'_>) -> Result<i64> {
        self.database.dump(to).await
    }

    /// Fills a vacant place with what was dumped of a schema of this version: all of it or nothing. It becomes a state of
    /// its own, with another identity and a later epoch, in which no worker has a lease.
    ///
    /// # Errors
    /// [`StoreError::Occupied`], [`StoreError::Newer`], [`StoreError::Archive`] for rows that do not fit the schema.
    pub async fn load(&self, version: i64, at: Millis, batches: Batches<'_>) -> Result<()> {
        self.database.load(version, &iso(at), batches).await
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn migrate(&self) -> Result<()> {
        self.database.migrate().await
    }

    async fn identity(&self) -> Result<String> {
        read::identity(&*self.database).await
    }

    async fn lead(&self, patience: Duration) -> Result<Epoch> {
        self.database.lead(patience).await
    }

    async fn beat(&self, epoch: Epoch) -> Result<()> {
        self.database.beat(epoch).await
    }

    async fn commit(&self, epoch: Epoch, at: Millis, writes: &[Write]) -> Result<()> {
        let now = iso(at);
        self.database.apply(epoch, &steps::steps(&now, writes)).await
    }

    async fn snapshot(&self) -> Result<Snapshot> {
        read::snapshot(&*self.database).await
    }

    async fn job_specs(&self, jobs: &[JobId]) -> Result<BTreeMap<JobId, Arc<JobSpec>>> {
        read::job_specs(&*self.database, jobs).await
    }

    async fn find_jobs(&self, fingerprints: &[Fingerprint]) -> Result<Vec<JobRow>> {
        read::find_jobs(&*self.database, fingerprints).await
    }

    async fn outputs(&self, jobs: &[JobId]) -> Result<Outputs> {
        read::outputs_now(&*self.database, jobs).await
    }

    async fn droppable(&self, before: Millis, after: JobId) -> Result<Vec<JobId>> {
        read::droppable(&*self.database, before, after).await
    }

    async fn done(&self, sweep: SweepId) -> Result<Vec<(JobId, u64)>> {
        read::done(&*self.database, sweep).await
    }

    async fn sweep(&self, name: &str) -> Result<Option<SweepRow>> {
        read::sweep(&*self.database, name).await
    }

    async fn sweep_by_id(&self, sweep: SweepId) -> Result<Option<SweepRow>> {
        read::sweep_by_id(&*self.database, sweep).await
    }

    async fn verdicts(&self, sweep: SweepId) -> Result<Verdicts> {
        verdicts::verdicts(&*self.database, sweep).await
    }

    async fn seen(&self, sweep: SweepId) -> Result<Seen> {
        verdicts::seen(&*self.database, sweep).await
    }

    async fn trials(&self, sweep: SweepId) -> Result<Vec<TrialRow>> {
        read::trials(&*self.database, sweep).await
    }

    async fn analyses(&self, trials: &[TrialId]) -> Result<Vec<AnalysisRow>> {
        read::analyses(&*self.database, trials).await
    }

    async fn rounds(&self, trials: &[TrialId]) -> Result<Vec<RoundRow>> {
        read::rounds(&*self.database, trials).await
    }

    async fn pin(&self, epoch: Epoch, artifacts: &[Digest], now: Millis, expires: Millis) -> Result<()> {
        self.database.apply(epoch, &steps::pin(artifacts, &iso(now), &iso(expires))).await
    }

    async fn kept(&self, now: Millis) -> Result<Vec<Digest>> {
        read::kept(&*self.database, now).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>> {
        access::tokens(&*self.database).await
    }

    async fn query(&self, sql: &str, limits: Limits) -> Result<Table> {
        self.database.query(sql, limits).await
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
