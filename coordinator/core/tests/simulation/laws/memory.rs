//! Laws of the scheduler's memory.

use crate::{store::Store, worker::Named, world::Scene};
use std::{collections::BTreeMap, time::Duration};
use tombola_core::{
    record::{JobRow, JobState, SweepState},
    schedule::{Config, Now, Scheduler},
};
use tombola_spec::{JobId, LeaseId, WorkerId};

/// A leader ticks twice a second, and a step may take as long before its clock stands still.
const SLACK: Duration = Duration::from_secs(2);

/// What is counted of each sweep is what is stored.
pub(crate) fn remembered(scheduler: &Scheduler, store: &Store) {
    for sweep in store.sweeps.values().filter(|sweep| sweep.state != SweepState::Cancelled) {
        let count = |states: &[JobState]| {
            store.claimed(sweep.id).filter(|row| states.contains(&row.state)).count() as u64
        };
        let stored =
            [count(&[JobState::Open, JobState::Leased]), count(&[JobState::Failed, JobState::Quarantined])];
        let progress = scheduler.progress(sweep.id);
        let counted = progress.map_or([0, 0], |all| [all.waiting + all.ready + all.running, all.failed]);
        assert_eq!(counted, stored, "jobs of `{}` that are to be done and that failed", sweep.name);
        if let Some(progress) = progress {
            assert_eq!(progress.done, count(&[JobState::Done]), "jobs of `{}` that are done", sweep.name);
        }
    }
}

/// No lease outlives its worker's term.
pub(crate) fn in_term(heard: &BTreeMap<WorkerId, Now>, now: Now, scene: &Scene) {
    for (job, lease) in &scene.store.leases {
        let worker = scene.store.packs[lease].worker;
        let last = heard.get(&worker).copied().unwrap_or_default();
        let over = last + scene.config.term + SLACK;
        assert!(now <= over, "{job} is still leased to {worker}, which was heard at {last:?}; it is {now:?}");
    }
}

/// What its worker names in every heartbeat and says nothing else of is taken back in time. `standing`: leases of which the same
/// was said from one moment to another, on the leader's clock. Whoever is silent since then is lost after a term.
pub(crate) fn moves(standing: &BTreeMap<LeaseId, (Named, [Now; 2])>, scene: &Scene) {
    for (job, lease) in &scene.store.leases {
        let Some((at, [since, last])) = standing.get(lease) else { continue };
        let over = *since + scene.config.stuck_after + SLACK;
        assert!(*last <= over, "{job} of {lease} stands still at {at:?} from {since:?} to {last:?}");
    }
}

/// Nothing is remembered of what is over.
pub(crate) fn forgotten(scheduler: &Scheduler, now: Now, store: &Store) {
    let lives = |row: &&JobRow| !matches!(row.state, JobState::Done | JobState::Unwanted);
    let read: Vec<JobId> = store.jobs.values().filter(lives).flat_map(|row| row.parents.clone()).collect();
    for row in store.jobs.values().filter(|row| !lives(row) && !read.contains(&row.id)) {
        assert!(
            scheduler.explain_job(now, row.id).is_none(),
            "{} is {} and remembered",
            row.id,
            row.state.name()
        );
    }
    for sweep in store.sweeps.keys() {
        if !store.claimed(*sweep).any(|row| lives(&row)) {
            let there = scheduler.progress(*sweep);
            let read = store.claimed(*sweep).any(|row| read.contains(&row.id));
            assert!(there.is_none() || read, "{sweep} is over and remembered");
        }
    }
}

/// At rest, memory is what a new leader would make of the store.
pub(crate) fn as_folded(scheduler: &Scheduler, store: &Store, config: Config) {
    let fresh = Scheduler::fold(config, store.snapshot());
    for sweep in store.sweeps.keys() {
        if let (Some(fresh), there) = (fresh.progress(*sweep), scheduler.progress(*sweep)) {
            assert_eq!(there, Some(fresh), "progress of {sweep} in memory, and as folded");
        }
    }
}
