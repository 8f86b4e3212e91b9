//! Writes about attempts: conditional on (job, attempt).

use super::{AttemptRow, Refusal, Store, demand};
use tombola_core::record::{Ending, JobRow, JobState, PackRow};
use tombola_spec::{
    Attempt, JobId, LeaseId, WorkerId,
    outcome::{Failure, Outcome, Series},
};

impl Store {
    pub(super) fn leased(
        &mut self,
        job: JobId,
        attempt: Attempt,
        what: &str,
    ) -> Result<&mut JobRow, Refusal> {
        let row = self.jobs.get_mut(&job).ok_or_else(|| Refusal::Conflict(format!("{what} of no job")))?;
        let (state, current) = (row.state, row.attempt);
        demand(state == JobState::Leased && current == attempt, || {
            format!("{what} of {job} {attempt}, which is {} {current}", state.name())
        })?;
        Ok(row)
    }

    fn attempt(&mut self, job: JobId, attempt: Attempt) -> &mut AttemptRow {
        self.attempts.entry((job, attempt)).or_default()
    }

    pub(super) fn lease(&mut self, pack: PackRow) -> Result<(), Refusal> {
        let lease = pack.lease;
        demand(lease > LeaseId(self.last.lease), || format!("{lease} was given out before"))?;
        demand(self.workers.contains_key(&pack.worker), || format!("{lease} for no worker"))?;
        demand(
            pack.stages.iter().all(|stage| stage.len() as u32 <= pack.width && !stage.is_empty()),
            || format!("{lease} has a stage that does not fit its width"),
        )?;
        self.last.lease = lease.0;
        for &(job, attempt) in pack.stages.iter().flatten() {
            let row =
                self.jobs.get_mut(&job).ok_or_else(|| Refusal::Conflict(format!("{lease} of no job")))?;
            demand(row.state == JobState::Open, || {
                format!("{lease} of {job}, which is {}", row.state.name())
            })?;
            demand(row.attempt < attempt, || format!("{lease} of {job} under an old attempt"))?;
            (row.state, row.attempt) = (JobState::Leased, attempt);
            self.leases.insert(job, lease);
        }
        self.packs.insert(lease, pack);
        Ok(())
    }

    pub(super) fn start(
        &mut self,
        job: JobId,
        attempt: Attempt,
        worker: WorkerId,
        lease: LeaseId,
    ) -> Result<(), Refusal> {
        self.leased(job, attempt, "a start")?;
        let granted = self.leases.get(&job) == Some(&lease) && self.packs[&lease].worker == worker;
        demand(granted, || format!("a start of {job} by {worker} under {lease}, which was not granted"))?;
        self.attempt(job, attempt).started = true;
        Ok(())
    }

    pub(super) fn metrics(
        &mut self,
        job: JobId,
        attempt: Attempt,
        batch: u32,
        series: &[Series],
    ) -> Result<(), Refusal> {
        let current = self.is_leased(job, attempt) || self.is_done_by(job, attempt);
        demand(current, || format!("metrics of {job} {attempt}, which is not current"))?;
        let stored = self.attempt(job, attempt).batches.entry(batch).or_insert_with(|| series.to_vec());
        demand(*stored == series, || format!("batch {batch} of {job} {attempt} with other points"))
    }

    pub(super) fn finish(&mut self, job: JobId, attempt: Attempt, outcome: Outcome) -> Result<(), Refusal> {
        let row = self.leased(job, attempt, "a result")?;
        demand(row.outputs.is_empty(), || format!("a second result of {job}"))?;
        (row.state, row.outputs, row.checkpoint) = (JobState::Done, outcome.outputs, None);
        self.attempt(job, attempt);
        self.leases.remove(&job);
        Ok(())
    }

    pub(super) fn end(
        &mut self,
        (job, attempt): (JobId, Attempt),
        how: (Ending, Option<Failure>),
        next: JobState,
        (tries, losses): (u32, u32),
    ) -> Result<(), Refusal> {
        demand(!matches!(next, JobState::Leased | JobState::Done), || {
            format!("{job} ends without a result as {}", next.name())
        })?;
        let row = self.leased(job, attempt, "an end")?;
        (row.state, row.tries, row.losses) = (next, tries, losses);
        self.attempt(job, attempt).ended = Some(how);
        self.leases.remove(&job);
        Ok(())
    }
}
