//! Single jobs: what they work for, what became of their attempts, what they cost.

use super::{BYTES, Row, TIME, first, quoted};
use crate::store::{Cell, Limits, Result, Store};
use serde_json::Value;
use std::collections::HashMap;
use tombola_spec::JobId;

/// Most attempts of one job that are looked at.
const ATTEMPTS: usize = 100;

/// A place in a sweep: a round of a trial or of a branch, or an analysis of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Trial number.
    pub trial: u32,
    /// Branch name, empty on the own line.
    pub branch: String,
    /// Copy of the branch.
    pub copy: u32,
    /// Prunings done.
    pub round: u32,
    /// Name of the analysis; empty for the round itself.
    pub analysis: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { trial, branch, copy, round, analysis } = self;
        write!(f, "trial {trial}, round {round}")?;
        if !branch.is_empty() {
            write!(f, ", {branch}")?;
        }
        // Most branches have one copy, which needs no number.
        if *copy > 0 {
            write!(f, ", copy {copy}")?;
        }
        if analysis.is_empty() { Ok(()) } else { write!(f, ", for {analysis}") }
    }
}

/// The first `most` places a job works for, each with its sweep's name.
pub async fn places(store: &dyn Store, job: JobId, most: usize) -> Result<Vec<(String, Place)>> {
    let sql = format!(
        "select sweep, trial, branch, copy, round, analysis from round_job where job = {} \
         order by sweep, trial, branch, copy, round, analysis limit {most}",
        job.0
    );
    let used = |row: &Row| Ok((row.text(0)?.to_owned(), place(row, 1)?));
    first(store, &sql, most).await?.iter().map(used).collect()
}

/// Whether outputs of a job were dropped.
pub async fn is_dropped(store: &dyn Store, job: JobId) -> Result<bool> {
    let sql = format!("select job from dropped_output where job = {} limit 1", job.0);
    Ok(!first(store, &sql, 1).await?.is_empty())
}

/// The first `most` jobs whose dropped outputs a job makes again.
pub async fn made_again(store: &dyn Store, job: JobId, most: usize) -> Result<Vec<JobId>> {
    let sql = format!(
        "select distinct job from dropped_output where made_again_by = {} order by job limit {most}",
        job.0
    );
    first(store, &sql, most).await?.iter().map(|row| row.unsigned(0).map(JobId)).collect()
}

/// A place in five columns.
fn place(row: &Row, at: usize) -> Result<Place> {
    let (trial, copy, round) = (row.small(at)?, row.small(at + 2)?, row.small(at + 3)?);
    let (branch, analysis) = (row.text(at + 1)?.to_owned(), row.text(at + 4)?.to_owned());
    Ok(Place { trial, branch, copy, round, analysis })
}

/// One attempt of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its number.
    pub attempt: u32,
    /// State of the job now.
    pub state: String,
    /// Who tried.
    pub worker: String,
    /// On what, and under which plan.
    pub device: String,
    /// Moments, for people; empty = not (yet).
    pub started: String,
    /// See `started`.
    pub ended: String,
    /// How it ended; empty while it runs.
    pub how: String,
    /// Why, if it failed.
    pub message: String,
}

/// The attempts of a job, the newest first.
pub async fn history(store: &dyn Store, job: JobId) -> Result<Vec<Tried>> {
    let sql = format!(
        "select attempt, state, worker, device, started, ended, how, message from job_history where job = {} \
         order by attempt desc",
        job.0
    );
    let tried = |row: &Row| {
        let word = |column| row.maybe_text(column).unwrap_or_default().to_owned();
        Ok(Tried {
            attempt: row.small(0)?,
            state: word(1),
            worker: word(2),
            device: word(3),
            started: word(4),
            ended: word(5),
            how: word(6),
            message: word(7),
        })
    };
    first(store, &sql, ATTEMPTS).await?.iter().map(tried).collect()
}

/// A job that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The job.
    pub job: JobId,
    /// What it works for.
    pub place: Place,
    /// `failed` or `quarantined`.
    pub state: String,
    /// Class of the last failure; empty if it was only ever lost.
    pub class: String,
    /// Its message.
    pub message: String,
    /// Attempts that failed or were lost.
    pub tries: u32,
    /// Who tried last.
    pub worker: String,
}

/// The newest `most` failed and quarantined jobs of a sweep.
pub async fn failures(store: &dyn Store, sweep: &str, most: usize) -> Result<Vec<Failed>> {
    let sql = format!(
        "select r.job, r.trial, r.branch, r.copy, r.round, r.analysis, r.job_state, h.failure_class, h.message, h.worker \
         from round_job r left join job_history h on h.job = r.job and h.how in ('failed', 'lost') \
         where r.sweep = {} and r.job_state in ('failed', 'quarantined') \
         order by h.ended desc nulls last, r.job, h.attempt desc",
        quoted(sweep)
    );
    let mut failures: Vec<Failed> = Vec::new();
    let mut seen: HashMap<JobId, usize> = HashMap::new();
    // A job has few attempts; those beyond the limit belong to failures beyond it.
    for row in first(store, &sql, most * ATTEMPTS).await? {
        let failed = failed(&row)?;
        match seen.get(&failed.job) {
            Some(at) => failures[*at].add(failed),
            None if failures.len() == most => {}
            None => {
                seen.insert(failed.job, failures.len());
                failures.push(failed);
            }
        }
    }
    Ok(failures)
}

fn failed(row: &Row) -> Result<Failed> {
    let word = |column| row.maybe_text(column).unwrap_or_default().to_owned();
    let worker = word(9);
    Ok(Failed {
        job: JobId(row.unsigned(0)?),
        place: place(row, 1)?,
        state: word(6),
        class: word(7),
        message: word(8),
        tries: u32::from(!worker.is_empty()),
        worker,
    })
}

impl Failed {
    /// Adds an earlier attempt of the same job; the same attempt comes once for each place the job works for.
    fn add(&mut self, earlier: Self) {
        if earlier.place != self.place {
            return;
        }
        self.tries += earlier.tries;
        if self.class.is_empty() {
            (self.class, self.message) = (earlier.class, earlier.message);
        }
    }
}

/// A training that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The job.
    pub job: JobId,
    /// Iterations it trained.
    pub iterations: u64,
    /// Seconds it took on its device.
    pub device_seconds: f64,
    /// Share of the weights that lived, as it was planned; 1 where no round is trained by it.
    pub density: f64,
}

/// The newest `most` trainings that took measurable time.
pub async fn measured(store: &dyn Store, most: usize) -> Result<Vec<Measured>> {
    let sql = format!(
        "select n.job, n.iterations, n.device_seconds, coalesce(max(r.density), 1.0) as density \
         from (select job, iterations, device_seconds from job_result \
               where kind = 'train' and iterations > 0 and device_seconds > 0 order by job desc limit {most}) as n \
         left join round_jobs x on x.job = n.job \
         left join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round \
         group by n.job, n.iterations, n.device_seconds order by n.job desc"
    );
    let measured = |row: &Row| {
        let (iterations, device_seconds) = (row.unsigned(1)?, row.float(2)?);
        let (job, density) = (JobId(row.unsigned(0)?), row.float(3)?);
        Ok(Measured { job, iterations, device_seconds, density })
    };
    first(store, &sql, most).await?.iter().map(measured).collect()
}

/// How results were computed: every column of `job_result` of these jobs, an object each.
pub async fn provenance(store: &dyn Store, jobs: &[JobId]) -> Result<Vec<Value>> {
    let jobs = jobs.iter().map(|job| job.0.to_string()).collect::<Vec<_>>().join(", ");
    let sql = format!("select * from job_result where job in ({jobs}) order by job");
    let table = store.query(&sql, Limits { rows: ATTEMPTS, bytes: BYTES, time: TIME }).await?;
    let object = |row: Vec<Cell>| table.columns.iter().cloned().zip(row.into_iter().map(value)).collect();
    Ok(table.rows.into_iter().map(object).map(Value::Object).collect())
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) => value.into(),
        Cell::Float(value) => value.into(),
        Cell::Text(value) => value.into(),
        Cell::Bool(value) => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_told_where_there_are_several() {
        let told = |branch: &str, copy, analysis: &str| {
            let (branch, analysis) = (branch.into(), analysis.into());
            Place { trial: 2, branch, copy, round: 3, analysis }.to_string()
        };
        let place = |branch: &str, copy| told(branch, copy, "");
        assert_eq!(place("", 0), "trial 2, round 3");
        assert_eq!(place("random", 0), "trial 2, round 3, random");
        assert_eq!(place("random", 1), "trial 2, round 3, random, copy 1");
        assert_eq!(told("random", 0, "lmc"), "trial 2, round 3, random, for lmc");
    }
}
