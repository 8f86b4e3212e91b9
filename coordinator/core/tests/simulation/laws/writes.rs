//! Laws of single writes, against what is stored before them and what really happened.

use super::messages::is_stuck;
use crate::{store::Store, truth::Truth, worker::Lane};
use tombola_core::{
    record::{Ending, JobState, PackRow, SweepState, Write},
    schedule::Config,
};
use tombola_spec::{
    JobId,
    outcome::{Failure, FailureClass},
};

/// A write is about to be stored.
pub(crate) fn stored(store: &Store, truth: &Truth, config: &Config, write: &Write) {
    match write {
        Write::Lease(pack) => leased(store, pack),
        Write::Start { job, attempt, .. } => {
            assert!(truth.runs.contains_key(&(*job, *attempt)), "{job} {attempt} never began");
        }
        Write::Checkpoint { job, attempt, .. } => stands_on_what_is_stored(store, truth, (*job, *attempt)),
        Write::Finish { job, attempt, .. } => {
            stands_on_what_is_stored(store, truth, (*job, *attempt));
            measured_all(store, truth, (*job, *attempt));
        }
        Write::End { job, attempt, failure, how, next, tries, losses } => {
            // What stands on nothing is not let go on to its end.
            let grounded =
                store.jobs[job].parents.iter().all(|parent| store.jobs[parent].state == JobState::Done);
            let told = !failure.as_ref().is_some_and(is_stuck);
            if grounded && told && matches!(how, Ending::Failed | Ending::Drained) {
                measured_all(store, truth, (*job, *attempt));
                told_of_death(truth, (*job, *attempt), failure.as_ref());
            }
            charged(store, config, *job, (*how, failure.as_ref()), (*tries, *losses), *next);
        }
        _ => {}
    }
}

fn leased(store: &Store, pack: &PackRow) {
    let mut before: Vec<JobId> = Vec::new();
    for stage in &pack.stages {
        for (job, attempt) in stage {
            let row = &store.jobs[job];
            let active = |sweep| store.sweeps[sweep].state == SweepState::Active;
            let wanted = store.claims.iter().any(|(sweep, claimed)| claimed == job && active(sweep));
            assert!(wanted, "{job} is leased, and no active sweep wants it");
            assert_eq!(attempt.0, row.attempt.0 + 1, "{job} is leased under a number that is not the next");
            let there =
                |parent: &JobId| store.jobs[parent].state == JobState::Done || before.contains(parent);
            assert!(row.parents.iter().all(there), "{job} is leased before its parents");
            for input in row.spec.inputs() {
                let makers = row.parents.iter().map(|parent| &store.jobs[parent]);
                let gone = makers
                    .filter(|maker| maker.state == JobState::Done && maker.fingerprint == input.job)
                    .find(|maker| !maker.outputs.contains_key(&input.output));
                assert!(gone.is_none(), "{job} is leased, and what it reads was dropped: {gone:?}");
            }
        }
        before.extend(stage.iter().map(|(job, _)| *job));
    }
}

fn stands_on_what_is_stored(store: &Store, truth: &Truth, lane: Lane) {
    let run = truth.runs.get(&lane).unwrap_or_else(|| panic!("{} {} never began", lane.0, lane.1));
    for (input, read) in &run.reads {
        let maker = store.jobs.values().find(|row| row.fingerprint == input.job).expect("the job it reads");
        let kept = maker.outputs.get(&input.output).map(|artifact| artifact.digest);
        assert_eq!(kept, Some(*read), "{} stands on something of {} that is not stored", lane.0, maker.id);
    }
}

fn measured_all(store: &Store, truth: &Truth, lane: Lane) {
    let batches = truth.runs.get(&lane).map_or(0, |run| run.batches);
    let stored = store.attempts.get(&lane).map(|row| row.batches.keys().copied().collect::<Vec<_>>());
    let stored = stored.unwrap_or_default();
    assert!(
        stored.iter().copied().eq(1..=batches),
        "{} {} measured {batches} batches: {stored:?}",
        lane.0,
        lane.1
    );
}

/// What ran when its machine went down was present at an abrupt loss, and that is what is said of it.
fn told_of_death(truth: &Truth, lane: Lane, failure: Option<&Failure>) {
    let class = failure.map(|failure| failure.class);
    let told = !truth.killed.contains(&lane) || class == Some(FailureClass::Crashed);
    assert!(told, "{} {} ran when its machine went down, and ended as {class:?}", lane.0, lane.1);
}

/// Only failures of the job itself cost tries; only abrupt ends count as losses; what has failed or is quarantined has used
/// up what it had.
fn charged(
    store: &Store,
    config: &Config,
    job: JobId,
    (how, failure): (Ending, Option<&Failure>),
    (tries, losses): (u32, u32),
    next: JobState,
) {
    let row = &store.jobs[&job];
    let class = failure.map(|failure| failure.class);
    let width = store.leases.get(&job).map_or(1, |lease| store.packs[lease].width);
    let own = match class {
        Some(FailureClass::User | FailureClass::NotFinite | FailureClass::Internal) => true,
        Some(FailureClass::OutOfMemory) => width == 1,
        Some(FailureClass::DataMissing | FailureClass::Crashed | FailureClass::Infrastructure) | None => {
            false
        }
    };
    assert_eq!(tries, row.tries + u32::from(own), "tries of {job}, which ended as {how:?} ({class:?})");
    let abrupt = how == Ending::Lost || class == Some(FailureClass::Crashed);
    assert_eq!(losses, row.losses + u32::from(abrupt), "losses of {job}, which ended as {how:?} ({class:?})");
    let due = match (abrupt && losses >= config.max_losses, own, class) {
        (true, ..) => JobState::Quarantined,
        (_, true, Some(FailureClass::Internal)) if tries < config.max_tries => JobState::Open,
        (_, true, _) => JobState::Failed,
        _ if how == Ending::Cancelled => JobState::Unwanted,
        _ => JobState::Open,
    };
    assert_eq!(next, due, "what becomes of {job}, which ended as {how:?} ({class:?})");
}
