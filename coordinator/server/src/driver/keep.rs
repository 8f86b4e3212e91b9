//! Outputs that no sweep keeps: dropped when nobody reads them any more, made again when somebody asks for them.

use super::{
    Driver,
    command::Command,
    expansion::{aside, certain},
};
use crate::Error;
use std::collections::{BTreeSet, HashMap};
use tombola_core::{
    plan::Plan,
    record::{AuditRow, JobRow, JobState, Millis, SweepRow},
    schedule::{Again, Event},
    sweep,
};
use tombola_spec::Fingerprint;

impl Driver {
    /// Drops what nobody keeps of jobs done before `before`. Returns of how many jobs.
    ///
    /// # Errors
    /// A store that cannot be read, a refused commit.
    pub async fn drop_unkept(&self, before: Millis) -> Result<usize, Error> {
        let mut dropped = 0;
        loop {
            // A submission that has read what is there must not find it gone when it is stored.
            let turn = self.turn().await;
            let jobs = self.store.droppable(before).await?;
            if jobs.is_empty() {
                return Ok(dropped);
            }
            let count = jobs.len();
            let left: usize = self.ask(|reply| Command::Drop { jobs, turn, reply }).await?;
            dropped += count - left;
            // What something began to read since is left alone, and would be found again and again.
            if left > 0 {
                return Ok(dropped);
            }
        }
    }

    /// Makes sure that what `pick` points at in a sweep's plan is there, or will be. Returns how many jobs are still to be
    /// done for it.
    ///
    /// # Errors
    /// Nothing is there to be made; one of those jobs failed; a refused commit.
    pub async fn make_again(
        &self,
        sweep: SweepRow,
        pick: impl Fn(&Plan) -> Option<Fingerprint>,
        audit: AuditRow,
    ) -> Result<u64, Error> {
        let turn = self.turn().await;
        let source = sweep.source.clone();
        let file = aside(move || sweep::parse(&source)).await?;
        let plan = certain(self.store.as_ref(), file).await?;
        let wanted = pick(&plan).ok_or_else(|| Error::Internal("a stored round is in no plan".to_owned()))?;
        let known = self.known(&plan).await?;
        let living = living(&plan, &known, wanted)?;
        if living > 0 {
            return Ok(living);
        }
        let done = self.store.done(sweep.id).await?;
        let again = Again { sweep, plan, known, done, wanted: BTreeSet::from([wanted]) };
        Ok(self.accept(turn, Event::Again(Box::new(again)), Some(audit)).await?.new)
    }
}

/// How many jobs are not done of those that a job stands on, and itself.
fn living(plan: &Plan, known: &[JobRow], wanted: Fingerprint) -> Result<u64, Error> {
    let known: HashMap<Fingerprint, &JobRow> = known.iter().map(|row| (row.fingerprint, row)).collect();
    let mut behind = BTreeSet::from([wanted]);
    let mut living = 0;
    for job in plan.jobs.iter().rev().filter(|job| known.contains_key(&job.fingerprint)) {
        let row = known[&job.fingerprint];
        if !behind.contains(&job.fingerprint) || row.state == JobState::Done {
            continue;
        }
        if matches!(row.state, JobState::Failed | JobState::Quarantined) {
            return Err(Error::Precondition(format!(
                "{} has failed, which this stands on\nhint: `tombola explain {}` says why, `tombola retry SWEEP` opens it again",
                row.id, row.id
            )));
        }
        behind.extend(&job.parents);
        living += 1;
    }
    Ok(living)
}
