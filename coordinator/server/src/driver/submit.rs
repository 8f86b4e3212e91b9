//! Submissions: what the store has to say about a plan is read here, so that the leader never waits for it.
//!
//! One at a time: what is read still has to hold when the leader stores the plan.

use super::{
    Driver,
    command::{Accepted, Command, Turn},
    expansion::{self, aside, dense},
};
use crate::Error;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};
use tombola_core::{
    plan::Plan,
    record::{AuditRow, JobRow, SweepRow, SweepState},
    schedule::{Event, Extension, StoredTrial},
    sweep::{self, Extent, SweepFile},
};
use tombola_spec::{SweepId, TrialId};

/// Most differences named in one message.
const MOST_NAMED: usize = 12;

impl Driver {
    /// Stores a new sweep and starts it. A file that asks for what is there already under its name is answered with what
    /// is there.
    ///
    /// # Errors
    /// Another sweep under that name, a cancelled one; a refused commit.
    pub async fn submit(&self, file: SweepFile, source: String, audit: AuditRow) -> Result<Accepted, Error> {
        let turn = self.turn().await;
        let there = self.store.sweep(file.name()).await?;
        if let Some(there) = there {
            let plan = expansion::plan(self.store.as_ref(), file).await?;
            return self.resubmitted(there, plan, source).await;
        }
        let plan = expansion::certain(self.store.as_ref(), file).await?;
        let known = self.known(&plan).await?;
        self.accept(turn, Event::Submit { plan, source, known }, Some(audit)).await
    }

    async fn resubmitted(&self, there: SweepRow, plan: Plan, source: String) -> Result<Accepted, Error> {
        // Another text may still ask for the same: comments and order do not matter.
        let same = there.source == source || self.plan_of(&there).await? == plan;
        let SweepRow { id, name, state, .. } = there;
        if !same {
            return Err(Error::Exists(format!(
                "there is a sweep `{name}` ({id}) already, and its file asks for something else\nhint: `tombola extend \
                 {name} FILE` gives it more to do; for another experiment choose another `name`, what both have in \
                 common is trained once"
            )));
        }
        if state == SweepState::Cancelled {
            return Err(Error::Precondition(format!(
                "sweep `{name}` ({id}) was cancelled\nhint: `tombola extend {name} FILE` starts it again; what was \
                 trained is not trained twice"
            )));
        }
        Ok(unchanged(id, &plan))
    }

    /// Gives a sweep a file that asks for more; a stopped or cancelled sweep becomes active again.
    ///
    /// # Errors
    /// No such sweep; a file of another sweep, or one that asks for less; a refused commit.
    pub async fn extend(
        &self,
        sweep: SweepId,
        file: SweepFile,
        source: String,
        audit: AuditRow,
    ) -> Result<Accepted, Error> {
        let turn = self.turn().await;
        let there = self.store.sweep(file.name()).await?.filter(|there| there.id == sweep);
        let Some(there) = there else {
            let what = format!("the file is of a sweep `{}`, not of the one to extend", file.name());
            return Err(Error::Invalid(format!("{what}\nhint: write the sweep's own `name` into it")));
        };
        let plan = expansion::plan(self.store.as_ref(), file.clone()).await?;
        let over = matches!(there.state, SweepState::Cancelled | SweepState::Stopped);
        if there.source == source && !over {
            return Ok(unchanged(sweep, &plan));
        }
        let old = self.plan_of(&there).await?;
        let lost = aside(move || Ok(sweep::lost(&old, &plan))).await?;
        keeps_all(&there, &lost)?;
        let plan = expansion::certain(self.store.as_ref(), file).await?;
        let trials = self.stored(sweep).await?;
        let (known, done) = (self.known(&plan).await?, self.store.done(sweep).await?);
        let extension = Extension { sweep: there, plan, source, known, trials, done };
        self.accept(turn, Event::Extend(Box::new(extension)), Some(audit)).await
    }

    /// What a stored sweep asks for, planned as a file is that extends it.
    async fn plan_of(&self, there: &SweepRow) -> Result<Plan, Error> {
        let stored = dense(self.store.as_ref(), there).await?;
        let source = there.source.clone();
        let plan = aside(move || sweep::expand_onto(&sweep::parse(&source)?, &stored, Extent::Whole)).await;
        plan.map_err(|error| Error::Internal(format!("the stored file of sweep `{}`: {error}", there.name)))
    }

    pub(super) async fn turn(&self) -> Turn {
        let _guard = Arc::clone(&self.turns).lock_owned().await;
        Turn { _guard, folds: self.folds.load(Ordering::SeqCst) }
    }

    pub(super) async fn accept(
        &self,
        turn: Turn,
        event: Event,
        audit: Option<AuditRow>,
    ) -> Result<Accepted, Error> {
        self.ask(|reply| Command::Accept { event: Box::new(event), audit, turn, reply }).await
    }

    pub(super) async fn known(&self, plan: &Plan) -> Result<Vec<JobRow>, Error> {
        let fingerprints: Vec<_> = plan.jobs.iter().map(|job| job.fingerprint).collect();
        Ok(self.store.find_jobs(&fingerprints).await?)
    }

    /// The trials of a sweep with the places of their rounds.
    pub(super) async fn stored(&self, sweep: SweepId) -> Result<Vec<StoredTrial>, Error> {
        let trials = self.store.trials(sweep).await?;
        let ids: Vec<TrialId> = trials.iter().map(|trial| trial.id).collect();
        let mut rounds: HashMap<TrialId, Vec<_>> = HashMap::new();
        for round in self.store.rounds(&ids).await? {
            rounds.entry(round.trial).or_default().push((round.branch, round.copy, round.round));
        }
        let stored = trials.into_iter().map(|row| {
            let rounds = rounds.remove(&row.id).unwrap_or_default();
            StoredTrial { row, rounds }
        });
        Ok(stored.collect())
    }
}

fn unchanged(sweep: SweepId, plan: &Plan) -> Accepted {
    Accepted { sweep, new: 0, known: plan.jobs.len() as u64, created: false }
}

/// Refuses a file that asks for less than the stored one, and says what is missing.
fn keeps_all(there: &SweepRow, lost: &[sweep::Change]) -> Result<(), Error> {
    if lost.is_empty() {
        return Ok(());
    }
    let say = |change: &sweep::Change| {
        let sweep::Change { trial, setting, old, new } = change;
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "missing".to_owned());
        let whose = if trial.is_empty() { String::new() } else { format!("trial `{trial}`: ") };
        format!("\n  {whose}{setting}: {} -> {}", side(old), side(new))
    };
    let more = match lost.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    Err(Error::Precondition(format!(
        "the file does not extend sweep `{}`: it takes away or changes{}{more}\n\
         hint: an extension keeps all trials, rounds and settings, and adds seeds, rounds, axis values, branches or \
         copies; for anything else submit it under another `name`",
        there.name,
        lost.iter().take(MOST_NAMED).map(say).collect::<String>()
    )))
}
