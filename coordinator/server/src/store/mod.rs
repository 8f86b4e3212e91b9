//! Where state lives: SQLite or Postgres behind one trait, in the words of the domain.
//!
//! The scheduler hands over [`Write`]s; `steps` turns them into statements, which are shared; `sqlite` and `postgres`
//! run them. No other room writes SQL, and nothing here decides anything.

mod access;
pub mod archive;
mod batch;
mod cell;
pub mod checkup;
mod checkup_sql;
mod error;
mod guest;
mod migrate;
pub(crate) mod postgres;
mod read;
mod read_sql;
mod sql;
mod sqlite;
mod steps;
pub(crate) mod time;
mod verb;
mod verdicts;
pub mod views;

pub use cell::{Cell, Limits, Table};
pub use error::{Result, StoreError};
pub use guest::AT_ONCE;
pub use sql::SqlStore;
pub(crate) use sqlite::network_file_system;
pub(crate) use time::iso;

use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tombola_core::{
    record::{AnalysisRow, JobRow, Millis, RoundRow, Snapshot, SweepRow, TokenRow, TrialRow, Write},
    verdict::{Seen, Verdicts},
};
use tombola_spec::{
    Digest, Epoch, Fingerprint, JobId, SweepId, TrialId,
    job::{JobSpec, Output},
    outcome::Artifact,
};

/// A leader silent for so long is taken for dead, were it only stopped: its standby ends its connection.
pub const SILENCE: Duration = Duration::from_secs(10);

/// Outputs of jobs.
pub type Outputs = BTreeMap<JobId, BTreeMap<Output, Artifact>>;

/// Durable state.
///
/// One leader writes: [`Store::lead`] first, then [`Store::commit`] with its epoch. Anyone reads. After
/// [`StoreError::Unavailable`] the outcome of a commit is unknown: lead again, fold a new snapshot.
#[async_trait]
pub trait Store: Send + Sync {
    /// Brings the schema up to this build's. Does nothing where it is.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Held`] (SQLite: a leader is at work), [`StoreError::ReadOnly`], …
    async fn migrate(&self) -> Result<()>;

    /// Names this state: the same for as long as it lives, another for every other. Call it after [`Store::migrate`].
    async fn identity(&self) -> Result<String>;

    /// Becomes leader, or leads on under a new epoch. The connection that writes holds the leadership. Where there are
    /// standbys (Postgres), waits for at most `patience` for another leader to go.
    ///
    /// # Errors
    /// [`StoreError::Held`] while another coordinator leads.
    async fn lead(&self, patience: Duration) -> Result<Epoch>;

    /// Shows that the leader lives. One that does not for [`SILENCE`] is taken for dead where there are standbys, and
    /// loses the leadership.
    ///
    /// # Errors
    /// When it leads no more, or nobody can know.
    async fn beat(&self, epoch: Epoch) -> Result<()>;

    /// Applies all writes in one transaction, or none of them. Returns once it is on disk.
    ///
    /// Writes name what exists: jobs come before rounds and claims that name them, workers before leases.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if `epoch` is not the leader's, [`StoreError::Conflict`] if a condition of a write
    /// failed.
    async fn commit(&self, epoch: Epoch, at: Millis, writes: &[Write]) -> Result<()>;

    /// What a new leader folds. Call it as leader.
    async fn snapshot(&self) -> Result<Snapshot>;

    /// What these jobs do; unknown ids are left out.
    async fn job_specs(&self, jobs: &[JobId]) -> Result<BTreeMap<JobId, Arc<JobSpec>>>;

    /// Those of these jobs that exist, in any state, with their outputs.
    async fn find_jobs(&self, fingerprints: &[Fingerprint]) -> Result<Vec<JobRow>>;

    /// Outputs of those of these jobs that are done; where some were dropped, those of the job that made them again.
    async fn outputs(&self, jobs: &[JobId]) -> Result<Outputs>;

    /// Jobs beyond `after`, done before `before`, that have outputs nobody keeps or reads; the next few thousand by id: see
    /// [`Write::Drop`].
    async fn droppable(&self, before: Millis, after: JobId) -> Result<Vec<JobId>>;

    /// What a sweep claims and is done, with the iterations it trained.
    async fn done(&self, sweep: SweepId) -> Result<Vec<(JobId, u64)>>;

    /// A sweep by name.
    async fn sweep(&self, name: &str) -> Result<Option<SweepRow>>;

    /// Trials of a sweep, by number.
    async fn trials(&self, sweep: SweepId) -> Result<Vec<TrialRow>>;

    /// Verdicts on trials of a sweep, by trial key.
    async fn verdicts(&self, sweep: SweepId) -> Result<Verdicts>;

    /// What verdicts are made of: validation measures of a sweep's own lines, and which of their trainings diverged.
    async fn seen(&self, sweep: SweepId) -> Result<Seen>;

    /// A sweep by its identity.
    async fn sweep_by_id(&self, sweep: SweepId) -> Result<Option<SweepRow>>;

    /// Rounds of these trials, by trial, branch, copy, round.
    async fn rounds(&self, trials: &[TrialId]) -> Result<Vec<RoundRow>>;

    /// Jobs of analyses of these trials, by trial, analysis, branch, copy, round and pair.
    async fn analyses(&self, trials: &[TrialId]) -> Result<Vec<AnalysisRow>>;

    /// Protects uploads from garbage collection until `expires`, or until a commit names them. Protections that have
    /// expired by `now` are forgotten.
    async fn pin(&self, epoch: Epoch, artifacts: &[Digest], now: Millis, expires: Millis) -> Result<()>;

    /// Every artifact that must be kept: outputs, checkpoints, and pins that have not expired at `now`.
    async fn kept(&self, now: Millis) -> Result<Vec<Digest>>;

    /// Every token, also those that have ended, by identity.
    async fn tokens(&self) -> Result<Vec<TokenRow>>;

    /// Answers a user's query on a connection that can only read.
    ///
    /// # Errors
    /// [`StoreError::Query`] for mistakes, statements other than queries, and too much time.
    async fn query(&self, sql: &str, limits: Limits) -> Result<Table>;
}
