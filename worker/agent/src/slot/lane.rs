//! The jobs of the stage at work: which are not over, and the points not yet told of each.

use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use tombola_spec::{
    Attempt, JobId,
    outcome::Series,
    slot::{Stage, StageJob},
};

/// Jobs of a stage that are not over.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: BTreeMap<JobId, Lane>,
    /// When points are told next; `None` = there are none.
    pub(super) flush_at: Option<Instant>,
    flush_every: Duration,
    /// The stage was told to end.
    pub(super) yielding: bool,
}

#[derive(Debug)]
struct Lane {
    attempt: Attempt,
    series: Vec<Series>,
}

impl Lanes {
    pub(super) fn new(stage: &Stage, flush_every: Duration) -> Self {
        let lane = |job: &StageJob| (job.job, Lane { attempt: job.attempt, series: Vec::new() });
        let lanes = stage.jobs.iter().map(lane).collect();
        Self { lanes, flush_at: None, flush_every, yielding: false }
    }

    /// The attempt of a job that is not over.
    pub(super) fn attempt(&self, job: JobId) -> Option<Attempt> {
        self.lanes.get(&job).map(|lane| lane.attempt)
    }

    /// Jobs that are not over.
    pub(super) fn jobs(&self) -> Vec<(JobId, Attempt)> {
        self.lanes.iter().map(|(&job, lane)| (job, lane.attempt)).collect()
    }

    /// A job is over.
    pub(super) fn remove(&mut self, job: JobId) -> Option<Attempt> {
        self.lanes.remove(&job).map(|lane| lane.attempt)
    }

    /// Takes a job out of the stage. Returns whether others are left.
    pub(super) fn cancel(&mut self, job: JobId) -> bool {
        self.lanes.remove(&job);
        !self.is_empty()
    }

    /// Whether every job is over.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Keeps points for a while.
    pub(super) fn add(&mut self, job: JobId, series: Vec<Series>) {
        let Some(lane) = self.lanes.get_mut(&job) else { return };
        for new in series {
            let same = |old: &&mut Series| (&old.name, old.split) == (&new.name, new.split);
            match lane.series.iter_mut().find(same) {
                Some(old) => {
                    old.iterations.extend(new.iterations);
                    old.values.extend(new.values);
                }
                None => lane.series.push(new),
            }
        }
        let at = Instant::now() + self.flush_every;
        self.flush_at.get_or_insert(at);
    }

    /// Takes the points kept of one job.
    pub(super) fn take(&mut self, job: JobId) -> Vec<Series> {
        self.lanes.get_mut(&job).map(|lane| std::mem::take(&mut lane.series)).unwrap_or_default()
    }

    /// Takes the points kept of every job.
    pub(super) fn take_all(&mut self) -> Vec<(JobId, Vec<Series>)> {
        self.flush_at = None;
        let taken = self.lanes.iter_mut().map(|(&job, lane)| (job, std::mem::take(&mut lane.series)));
        taken.filter(|(_, series)| !series.is_empty()).collect()
    }
}
