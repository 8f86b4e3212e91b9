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
    record::{AuditRow, JobRow, JobState, Millis, SweepRow, SweepState},
    schedule::{Again, Event},
    sweep,
};
use tombola_spec::{Fingerprint, JobId, SweepId};

impl Driver {
    /// Drops what nobody keeps of jobs done before `before`. Returns of how many jobs.
    ///
    /// # Errors
    /// A store that cannot be read, a refused commit.
    pub async fn drop_unkept(&self, before: Millis) -> Result<usize, Error> {
        let (mut dropped, mut after) = (0, JobId(0));
        loop {
            // A submission that has read what is there must not find it gone when it is stored.
            let turn = self.turn().await;
            let jobs = self.store.droppable(before, after).await?;
            let Some(last) = jobs.last() else { return Ok(dropped) };
            after = *last;
            dropped += self.ask(|reply| Command::Drop { jobs, turn, reply }).await?;
        }
    }

    /// Makes sure that what `pick` points at in a sweep's plan is there, or will be. Returns how many jobs are still to be
    /// done for it.
    ///
    /// # Errors
    /// A sweep that is not active, or was planned by a build that trained otherwise; a job behind it that failed; a refused
    /// commit.
    pub async fn make_again(
        &self,
        id: SweepId,
        pick: impl Fn(&Plan) -> Option<Fingerprint>,
        audit: AuditRow,
    ) -> Result<u64, Error> {
        // From here on nobody gives the sweep up.
        let turn = self.turn().await;
        let there = self.store.sweep_by_id(id).await?;
        let sweep = there.ok_or_else(|| Error::NotFound(format!("there is no sweep {id}")))?;
        is_active(&sweep)?;
        let source = sweep.source.clone();
        let file = aside(move || sweep::parse(&source)).await?;
        let plan = certain(self.store.as_ref(), file).await?;
        let known = self.known(&plan).await?;
        let there: HashMap<Fingerprint, &JobRow> = known.iter().map(|row| (row.fingerprint, row)).collect();
        let wanted = pick(&plan).filter(|wanted| there.contains_key(wanted));
        let wanted = wanted.filter(|_| plan.jobs.iter().all(|job| there.contains_key(&job.fingerprint)));
        let wanted = wanted.ok_or_else(|| planned_otherwise(&sweep.name))?;
        let living = living(&plan, &there, wanted)?;
        if living > 0 || is_whole(there[&wanted]) {
            return Ok(living);
        }
        let done = self.store.done(id).await?;
        let again = Again { sweep, plan, known, done, wanted: BTreeSet::from([wanted]) };
        Ok(self.accept(turn, Event::Again(Box::new(again)), Some(audit)).await?.new)
    }
}

/// Only an active sweep has anything done for it.
fn is_active(sweep: &SweepRow) -> Result<(), Error> {
    let (name, state) = (&sweep.name, sweep.state.name());
    let hint = match sweep.state {
        SweepState::Active => return Ok(()),
        SweepState::Paused => format!("`tombola resume {name}` lets it go on"),
        SweepState::Stopped | SweepState::Cancelled => {
            format!(
                "`tombola extend {name} FILE` starts it again, the same file too; what was trained is not trained twice"
            )
        }
    };
    Err(Error::Precondition(format!("sweep `{name}` was {state}, and nothing of it is made\nhint: {hint}")))
}

fn planned_otherwise(name: &str) -> Error {
    Error::Precondition(format!(
        "sweep `{name}` was trained by a release that computes otherwise than this one, or its plan lacks this round: what was \
         dropped cannot be made again as it was\nhint: `tombola extend {name} FILE` trains it anew, the same file too"
    ))
}

/// Whether nothing was dropped of a job.
fn is_whole(row: &JobRow) -> bool {
    row.spec.outputs().iter().all(|output| row.outputs.contains_key(output))
}

/// How many jobs are not done of those that a job stands on, and itself.
fn living(plan: &Plan, known: &HashMap<Fingerprint, &JobRow>, wanted: Fingerprint) -> Result<u64, Error> {
    let mut behind = BTreeSet::from([wanted]);
    let mut living = 0;
    for job in plan.jobs.iter().rev() {
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
