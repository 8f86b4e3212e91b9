//! From a sweep file to a plan, given what is trained already under its name.

use crate::{Error, store::Store};
use std::collections::HashMap;
use tokio::sync::Semaphore;
use tombola_core::{
    plan::Plan,
    record::{RoundRow, SweepRow},
    sweep::{self, Dense, Diagnostics, Extent, SweepFile},
    verdict::Verdicts,
};
use tombola_spec::{JobId, TrialId};

/// Sweep files that are worked on at once: a large one takes some hundred mebibytes.
static ROOM: Semaphore = Semaphore::const_new(2);

/// Does work on sweep files away from the tasks that answer others: a large sweep takes seconds.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Diagnostics> + Send + 'static,
) -> Result<T, Error> {
    // Nobody closes it.
    let _room = ROOM.acquire().await.ok();
    let done = crate::aside::aside(work).await;
    let done = done.map_err(|error| Error::Internal(format!("work on a sweep file: {error}")))?;
    done.map_err(|mistakes| Error::Invalid(mistakes.to_string()))
}

/// The whole plan of a file: on top of the stored sweep of its name, if there is one.
///
/// # Errors
/// It asks for too much; a store that cannot be read.
pub(crate) async fn plan(store: &dyn Store, file: SweepFile) -> Result<Plan, Error> {
    let (stored, _) = past(store, &file).await?;
    aside(move || sweep::expand_onto(&file, &stored, Extent::Whole)).await
}

/// The largest plan that a file can come to, likewise.
///
/// # Errors
/// As [`plan`].
pub(crate) async fn most(store: &dyn Store, file: SweepFile) -> Result<Plan, Error> {
    let (stored, verdicts) = past(store, &file).await?;
    aside(move || sweep::most(&file, &stored, &verdicts)).await
}

/// What is certain of a plan by the verdicts given so far.
///
/// # Errors
/// As [`plan`].
pub(super) async fn certain(store: &dyn Store, file: SweepFile) -> Result<Plan, Error> {
    let (stored, verdicts) = past(store, &file).await?;
    aside(move || sweep::expand_onto(&file, &stored, Extent::Decided(&verdicts))).await
}

/// What there is of the stored sweep of a file's name: its dense trainings and the verdicts on its trials.
async fn past(store: &dyn Store, file: &SweepFile) -> Result<(Dense, Verdicts), Error> {
    Ok(match store.sweep(file.name()).await? {
        Some(there) => (dense(store, &there).await?, store.verdicts(there.id).await?),
        None => Default::default(),
    })
}

/// What a sweep trains before anything is pruned.
pub(super) async fn dense(store: &dyn Store, sweep: &SweepRow) -> Result<Dense, Error> {
    let trials = store.trials(sweep.id).await?;
    let ids: Vec<TrialId> = trials.iter().map(|trial| trial.id).collect();
    let unpruned = |round: &RoundRow| round.round == 0 && round.branch.is_empty();
    let rounds = store.rounds(&ids).await?.into_iter().filter(unpruned);
    let segments: HashMap<TrialId, Vec<JobId>> = rounds.map(|round| (round.trial, round.train)).collect();
    let jobs: Vec<JobId> = segments.values().flatten().copied().collect();
    let specs = store.job_specs(&jobs).await?;
    let of =
        |trial: &TrialId| segments.get(trial).into_iter().flatten().filter_map(|job| specs.get(job).cloned());
    Ok(trials.into_iter().map(|trial| (trial.key, of(&trial.id).collect())).collect())
}
