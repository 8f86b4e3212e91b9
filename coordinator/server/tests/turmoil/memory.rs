//! What is stored, in memory: the store of the scheduler's simulation behind the coordinator's trait. It outlives coordinators, as
//! a database does, and hands the lead on when the process that had it is gone.

use crate::{chance::Chance, rows};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tombola_core::{
    record::{
        AnalysisRow, JobRow, JobState, Millis, RoundRow, Snapshot, SweepRow, TokenRow, TrialRow, Write,
    },
    verdict::{Seen, Verdicts},
};
use tombola_server::store::{Limits, Outputs, Result, Store, StoreError, Table};
use tombola_spec::{
    Digest, Epoch, Fingerprint, JobId, SweepId, TrialId,
    job::{JobSpec, Output},
    outcome::{Artifact, Summary},
};

/// How often a standby looks whether the lead is free.
const LOOK: Duration = Duration::from_millis(50);

/// What becomes of the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is not stored, and the leader is told that nobody knows.
    Lost,
    /// It is stored, and the leader is told that nobody knows.
    Unknown,
}

/// A job that is done, as people find it: what it made, what it learned, and every point it logged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    outputs: BTreeMap<Output, Artifact>,
    summary: Summary,
    points: BTreeMap<(String, String, u64), f64>,
}

impl Made {
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        self.outputs.values()
    }
}

/// The memory. One for all coordinators of a run.
pub(crate) struct Memory {
    inner: Mutex<Inner>,
}

struct Inner {
    rows: rows::Store,
    summaries: BTreeMap<JobId, Summary>,
    pins: BTreeMap<Digest, Millis>,
    chance: Chance,
    trouble: Option<Trouble>,
    course: blake3::Hasher,
    commits: u64,
    refused: Option<String>,
}

impl Memory {
    pub(crate) fn new(chance: Chance) -> Arc<Self> {
        let inner = Inner {
            rows: rows::Store::default(),
            summaries: BTreeMap::new(),
            pins: BTreeMap::new(),
            chance,
            trouble: None,
            course: blake3::Hasher::new(),
            commits: 0,
            refused: None,
        };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next commit goes wrong.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.lock().trouble = Some(trouble);
    }

    /// A condition of a write that did not hold, if one did not: nothing may ever be asked of the store that it refuses.
    pub(crate) fn refused(&self) -> Option<String> {
        self.lock().refused.clone()
    }

    /// Whether there are so many sweeps and all their jobs are done.
    pub(crate) fn is_done(&self, sweeps: usize) -> bool {
        let inner = self.lock();
        inner.rows.sweeps.len() == sweeps && inner.rows.jobs.values().all(|job| job.state == JobState::Done)
    }

    /// Jobs by state, for people.
    pub(crate) fn standing(&self) -> String {
        let inner = self.lock();
        let mut standing: BTreeMap<&str, Vec<JobId>> = BTreeMap::new();
        inner.rows.jobs.values().for_each(|job| standing.entry(job.state.name()).or_default().push(job.id));
        let counts: Vec<_> = standing
            .iter()
            .map(|(state, jobs)| format!("{} {state} {:?}", jobs.len(), &jobs[..jobs.len().min(4)]))
            .collect();
        counts.join(", ")
    }

    /// How many commits there were, how many attempts began, and the digest of all commits with their times.
    pub(crate) fn course(&self) -> (u64, usize, String) {
        let inner = self.lock();
        let begun = inner.rows.attempts.values().filter(|attempt| attempt.started).count();
        (inner.commits, begun, inner.course.finalize().to_hex()[..16].to_owned())
    }

    /// Every job that is done, by what it is.
    pub(crate) fn results(&self) -> BTreeMap<Fingerprint, Made> {
        let inner = self.lock();
        let done = inner.rows.jobs.values().filter(|job| job.state == JobState::Done);
        done.map(|job| (job.fingerprint, inner.result(job))).collect()
    }
}

impl Inner {
    fn result(&self, job: &JobRow) -> Made {
        let mut points = BTreeMap::new();
        let attempts = self.rows.attempts.iter().filter(|((id, _), _)| *id == job.id);
        for series in attempts.flat_map(|(_, attempt)| attempt.batches.values().flatten()) {
            for (iteration, value) in series.iterations.iter().zip(&series.values) {
                let place = (series.name.clone(), format!("{:?}", series.split), *iteration);
                let before = points.insert(place, *value);
                assert!(before.is_none_or(|before| before == *value), "{}: a point with two values", job.id);
            }
        }
        Made { outputs: job.outputs.clone(), summary: self.summaries[&job.id].clone(), points }
    }

    fn apply(&mut self, epoch: Epoch, writes: &[Write]) -> Result<()> {
        let mut kept = Vec::with_capacity(writes.len());
        for write in writes {
            match write {
                // For people alone.
                Write::Audit(_) => {}
                write => kept.push(write.clone()),
            }
        }
        match self.rows.commit(epoch, kept, |_, _| ()) {
            Ok(()) => {}
            Err(rows::Refusal::Fenced) => return Err(StoreError::Fenced { epoch }),
            Err(rows::Refusal::Conflict(what)) => {
                self.refused.get_or_insert(what.clone());
                return Err(StoreError::Conflict { what });
            }
        }
        for write in writes {
            if let Write::Finish { job, outcome, .. } = write {
                self.summaries.insert(*job, outcome.summary.clone());
                self.pins
                    .retain(|pinned, _| outcome.outputs.values().all(|artifact| artifact.digest != *pinned));
            }
        }
        self.commits += 1;
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.course.update(format!("{at:?} {epoch:?} {writes:?}").as_bytes());
        Ok(())
    }
}

/// The memory as a process of a coordinator reaches it. The lead goes with it.
pub(crate) struct Seat {
    memory: Arc<Memory>,
    /// The process by its number and life.
    process: (usize, u64),
}

impl Seat {
    pub(crate) fn new(memory: &Arc<Memory>, process: (usize, u64)) -> Self {
        Self { memory: Arc::clone(memory), process }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.memory.lock()
    }

    async fn takes_time(&self) {
        let time = self.lock().chance.millis(0..4);
        sleep(time).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lock().rows.let_go(self.process);
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable { place: "memory".to_owned(), why: "it is simulated to be away".to_owned() }
}

fn not_kept(what: &str) -> StoreError {
    StoreError::Query { why: format!("this memory keeps no {what}: simulated runs have no need of it") }
}

#[async_trait]
impl Store for Seat {
    async fn migrate(&self) -> Result<()> {
        Ok(())
    }

    async fn identity(&self) -> Result<String> {
        Ok("memory".to_owned())
    }

    async fn lead(&self, patience: Duration) -> Result<Epoch> {
        let until = Instant::now() + patience;
        loop {
            if let Some(epoch) = self.lock().rows.lead(self.process) {
                return Ok(epoch);
            }
            if Instant::now() >= until {
                return Err(StoreError::Held { place: "memory".to_owned(), holder: String::new() });
            }
            sleep(LOOK).await;
        }
    }

    async fn beat(&self, epoch: Epoch) -> Result<()> {
        if self.lock().rows.epoch == epoch { Ok(()) } else { Err(StoreError::Fenced { epoch }) }
    }

    async fn commit(&self, epoch: Epoch, _at: Millis, writes: &[Write]) -> Result<()> {
        // Its process may be gone before the commit is stored, or before it hears of it.
        self.takes_time().await;
        let trouble = self.lock().trouble.take();
        if trouble != Some(Trouble::Lost) {
            self.lock().apply(epoch, writes)?;
        }
        self.takes_time().await;
        trouble.map_or(Ok(()), |_| Err(unavailable()))
    }

    async fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.lock().rows.snapshot())
    }

    async fn job_specs(&self, jobs: &[JobId]) -> Result<BTreeMap<JobId, Arc<JobSpec>>> {
        let inner = self.lock();
        Ok(jobs.iter().filter_map(|job| Some((*job, Arc::clone(&inner.rows.jobs.get(job)?.spec)))).collect())
    }

    async fn find_jobs(&self, fingerprints: &[Fingerprint]) -> Result<Vec<JobRow>> {
        Ok(self.lock().rows.find(fingerprints.iter()))
    }

    async fn outputs(&self, jobs: &[JobId]) -> Result<Outputs> {
        let inner = self.lock();
        let done =
            jobs.iter().filter_map(|job| inner.rows.jobs.get(job)).filter(|job| job.state == JobState::Done);
        Ok(done.map(|job| (job.id, job.outputs.clone())).collect())
    }

    async fn droppable(&self, _before: Millis, _after: JobId) -> Result<Vec<JobId>> {
        // Its sweeps keep everything.
        Ok(Vec::new())
    }

    async fn done(&self, sweep: SweepId) -> Result<Vec<(JobId, u64)>> {
        Ok(self.lock().rows.done(sweep))
    }

    async fn sweep(&self, name: &str) -> Result<Option<SweepRow>> {
        Ok(self.lock().rows.sweep(name).cloned())
    }

    async fn trials(&self, sweep: SweepId) -> Result<Vec<TrialRow>> {
        let mut trials: Vec<_> =
            self.lock().rows.trials.values().filter(|trial| trial.sweep == sweep).cloned().collect();
        trials.sort_by_key(|trial| trial.number);
        Ok(trials)
    }

    async fn verdicts(&self, _sweep: SweepId) -> Result<Verdicts> {
        // A commit that gives one is refused.
        Ok(Verdicts::default())
    }

    async fn seen(&self, _sweep: SweepId) -> Result<Seen> {
        Err(not_kept("measures for verdicts"))
    }

    async fn sweep_by_id(&self, sweep: SweepId) -> Result<Option<SweepRow>> {
        Ok(self.lock().rows.sweeps.get(&sweep).cloned())
    }

    async fn rounds(&self, trials: &[TrialId]) -> Result<Vec<RoundRow>> {
        Ok(self.lock().rows.rounds.values().filter(|round| trials.contains(&round.trial)).cloned().collect())
    }

    async fn analyses(&self, trials: &[TrialId]) -> Result<Vec<AnalysisRow>> {
        Ok(self.lock().rows.analyses.values().filter(|row| trials.contains(&row.trial)).cloned().collect())
    }

    async fn pin(&self, epoch: Epoch, artifacts: &[Digest], now: Millis, expires: Millis) -> Result<()> {
        self.takes_time().await;
        let mut inner = self.lock();
        if inner.rows.epoch != epoch {
            return Err(StoreError::Fenced { epoch });
        }
        inner.pins.retain(|_, until| *until > now);
        inner.pins.extend(artifacts.iter().map(|artifact| (*artifact, expires)));
        Ok(())
    }

    async fn kept(&self, now: Millis) -> Result<Vec<Digest>> {
        let inner = self.lock();
        let named = inner.rows.jobs.values().flat_map(|job| {
            let checkpoint = job.checkpoint.map(|checkpoint| checkpoint.artifact.digest);
            job.outputs.values().map(|artifact| artifact.digest).chain(checkpoint)
        });
        let pinned = inner.pins.iter().filter(|(_, until)| **until > now).map(|(digest, _)| *digest);
        Ok(named.chain(pinned).collect())
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>> {
        Ok(Vec::new())
    }

    async fn query(&self, sql: &str, _limits: Limits) -> Result<Table> {
        // What is told of a sweep to those who submit it, and which they do not look at here: its number of trials, and how
        // far it is once the scheduler has forgotten it.
        match sql.contains(" from sweep where ") || sql.contains(" from sweep_progress ") {
            true => Ok(Table::default()),
            false => Err(not_kept("tables")),
        }
    }
}
