//! Which jobs a sweep has, and what each of them works for.

use crate::{
    Error,
    store::{Store, views::Place},
};
use std::collections::HashMap;
use tombola_spec::{JobId, SweepId, TrialId};

/// The places of a sweep's jobs: the first one of each.
#[derive(Debug, Default)]
pub(super) struct Labels {
    places: HashMap<JobId, Place>,
    /// Number of trials.
    pub(super) trials: u32,
}

impl Labels {
    /// Reads a sweep's rounds and analyses.
    pub(super) async fn load(store: &dyn Store, sweep: SweepId) -> Result<Self, Error> {
        let trials = store.trials(sweep).await?;
        let ids: Vec<TrialId> = trials.iter().map(|trial| trial.id).collect();
        let numbers: HashMap<TrialId, u32> = trials.iter().map(|trial| (trial.id, trial.number)).collect();
        let mut places = HashMap::new();
        for row in store.rounds(&ids).await? {
            let trial = numbers.get(&row.trial).copied().unwrap_or_default();
            let (branch, analysis) = (row.branch, String::new());
            let place = Place { trial, branch, copy: row.copy, round: row.round, analysis };
            for job in row.train.into_iter().chain(row.mask) {
                places.entry(job).or_insert_with(|| place.clone());
            }
        }
        for row in store.analyses(&ids).await? {
            let trial = numbers.get(&row.trial).copied().unwrap_or_default();
            let (branch, copy, analysis) = (row.branch, row.copy, row.analysis);
            let place = Place { trial, branch, copy, round: row.round, analysis };
            places.entry(row.job).or_insert(place);
        }
        Ok(Self { places, trials: u32::try_from(trials.len()).unwrap_or(u32::MAX) })
    }

    /// What a job works for; `None` for a job of other sweeps.
    pub(super) fn get(&self, job: JobId) -> Option<String> {
        self.places.get(&job).map(Place::to_string)
    }
}
