//! Laws of the end: everything came to one, and to the right one.

use crate::{
    store::Store,
    truth::{Nature, Temper, Truth},
};
use std::collections::BTreeSet;
use tombola_core::record::{Ending, JobRow, JobState, SweepState};
use tombola_spec::JobId;

/// Jobs that stand behind a failed one.
fn blocked(store: &Store) -> BTreeSet<JobId> {
    let mut blocked = BTreeSet::new();
    // A job may have been put under later ones.
    loop {
        let failed = |parent: &JobId| {
            matches!(store.jobs[parent].state, JobState::Failed | JobState::Quarantined)
                || blocked.contains(parent)
        };
        let behind = |row: &&JobRow| row.state == JobState::Open && row.parents.iter().any(failed);
        let more: BTreeSet<JobId> = store.jobs.values().filter(behind).map(|row| row.id).collect();
        if more.len() == blocked.len() {
            return blocked;
        }
        blocked = more;
    }
}

/// Jobs of active sweeps.
fn wanted(store: &Store) -> BTreeSet<JobId> {
    let active = |sweep| store.sweeps[sweep].state == SweepState::Active;
    store.claims.iter().filter(|(sweep, _)| active(sweep)).map(|(_, job)| *job).collect()
}

/// What is not over: wanted and open with nothing failed before it, or in somebody's hands.
pub(crate) fn left(store: &Store) -> Vec<&JobRow> {
    let (blocked, wanted) = (blocked(store), wanted(store));
    let left = |row: &&JobRow| match row.state {
        JobState::Leased => true,
        JobState::Open => wanted.contains(&row.id) && !blocked.contains(&row.id),
        _ => false,
    };
    store.jobs.values().filter(left).collect()
}

/// Whether everything came to its end.
pub(crate) fn is_over(store: &Store) -> bool {
    left(store).is_empty()
}

/// What failed or is quarantined says why, in the store.
pub(crate) fn has_reasons(store: &Store) {
    let failed = |row: &&JobRow| matches!(row.state, JobState::Failed | JobState::Quarantined);
    for row in store.jobs.values().filter(failed) {
        let last = store.attempts.get(&(row.id, row.attempt)).and_then(|attempt| attempt.ended.as_ref());
        let said = last.is_some_and(|(how, failure)| failure.is_some() || *how == Ending::Lost);
        assert!(said, "{} is {}, and nobody knows why", row.id, row.state.name());
    }
}

/// Sound jobs are done, others came to the end they had to; nothing is open that nobody wants.
pub(crate) fn ended_well(store: &Store, nature: &Nature, truth: &Truth) {
    let (blocked, wanted) = (blocked(store), wanted(store));
    for row in store.jobs.values() {
        if !wanted.contains(&row.id) {
            let claimed = || store.claims.iter().any(|(_, job)| *job == row.id);
            let over = !matches!(row.state, JobState::Open | JobState::Leased);
            assert!(over || claimed(), "{} is {}, and no sweep claims it", row.id, row.state.name());
            continue;
        }
        let nature = nature.of(&store.born(row));
        let due = match nature {
            _ if blocked.contains(&row.id) => JobState::Open,
            Temper::Sound => JobState::Done,
            Temper::Poison => JobState::Quarantined,
            Temper::NotFinite | Temper::Huge => JobState::Failed,
        };
        assert_eq!(row.state, due, "{}, which is {nature:?}", row.id);
        if row.state == JobState::Done {
            let run = &truth.runs[&(row.id, row.attempt)];
            let stored = store.attempts[&(row.id, row.attempt)].batches.len() as u32;
            assert_eq!(stored, run.batches, "metrics of {}", row.id);
        }
    }
}
