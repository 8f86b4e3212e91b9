//! Judgements: what was measured of a sweep is read here and made verdicts, so that the leader never waits for it.

use super::{
    Driver,
    expansion::{aside, dense},
};
use crate::Error;
use std::collections::BTreeMap;
use tombola_core::{
    record::SweepRow,
    schedule::{Event, Judgement, Scheduler},
    sweep::{self, Dense, Diagnostics, Extent, Growth},
    verdict::{Seen, Verdicts},
};
use tombola_spec::{SweepId, TrialId};

impl Driver {
    /// Waits until there are results that nobody has judged.
    pub async fn hear_bell(&self) {
        self.bell.notified().await;
    }

    /// Judges what is known of every sweep; how many jobs the verdicts add.
    ///
    /// # Errors
    /// A store that cannot be read, a refused commit.
    pub async fn judge_all(&self) -> Result<u64, Error> {
        let mut added = 0;
        for (sweep, news) in self.read(|scheduler: &Scheduler, _| scheduler.unjudged()).await? {
            added += self.judge(sweep, news).await?;
        }
        Ok(added)
    }

    async fn judge(&self, id: SweepId, seen: u64) -> Result<u64, Error> {
        let turn = self.turn().await;
        let store = self.store.as_ref();
        let Some(row) = store.sweep_by_id(id).await? else { return Ok(0) };
        let name = row.name.clone();
        let (dense, given, measured) =
            (dense(store, &row).await?, store.verdicts(id).await?, store.seen(id).await?);
        let verdict = aside(move || judged(&row, &dense, (&measured, &given))).await;
        let (verdicts, growth) = verdict
            .map_err(|error| Error::Internal(format!("the stored file of sweep `{name}`: {error}")))?;
        let trials = store.trials(id).await?;
        let trials: BTreeMap<String, TrialId> =
            trials.into_iter().map(|trial| (trial.key, trial.id)).collect();
        let of_trial = |(key, verdicts): (String, Vec<_>)| {
            let trial = trials.get(&key).copied();
            verdicts.into_iter().filter_map(move |verdict| Some((trial?, verdict)))
        };
        let verdicts: Vec<_> = verdicts.into_iter().flat_map(of_trial).collect();
        let known = self.known(&growth.plan).await?;
        let (given, jobs) = (verdicts.len(), growth.fresh.len());
        let judgement = Judgement { sweep: id, seen, verdicts, growth, known, trials };
        self.accept(turn, Event::Judge(Box::new(judgement))).await?;
        if given > 0 {
            tracing::info!(%id, name, verdicts = given, jobs, "sweep.judged: results decided how trials go on");
        }
        Ok(jobs as u64)
    }
}

/// The verdicts that can be given, and what they add.
fn judged(
    row: &SweepRow,
    dense: &Dense,
    (seen, given): (&Seen, &Verdicts),
) -> Result<(Verdicts, Growth), Diagnostics> {
    let file = sweep::parse(&row.source)?;
    let fresh = sweep::judge(&file, seen, given);
    let old = sweep::expand_onto(&file, dense, Extent::Decided(given))?;
    let mut all = given.clone();
    for (trial, verdicts) in &fresh {
        all.entry(trial.clone()).or_default().extend(verdicts.iter().cloned());
    }
    let new = sweep::expand_onto(&file, dense, Extent::Decided(&all))?;
    Ok((fresh, sweep::growth(&old, new)))
}
