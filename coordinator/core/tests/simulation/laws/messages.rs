//! Laws of decisions and messages.

use crate::{
    store::Store,
    worker::{Agent, Report},
    world::Scene,
};
use std::time::Duration;
use tombola_core::{
    record::{Ending, Write},
    schedule::{Fact, Message},
};
use tombola_spec::{Epoch, outcome::Failure};

/// How much earlier than after a whole term a worker may be given up: what it said last is under way.
const SLACK: Duration = Duration::from_secs(1);

/// Whether an attempt was ended because it stood still: its worker did not say so, and may have more to say.
pub(crate) fn is_stuck(failure: &Failure) -> bool {
    failure.message.starts_with("stuck: ")
}

/// A leader decided on a write. A job is taken back only if it stands still. It is blamed for a loss only if its worker's process is gone, or was not heard for a term:
/// words that reached the leader's door in time count, however late it opens.
pub(crate) fn decided(who: (usize, u64), write: &Write, scene: &Scene) {
    if let Write::End { job, attempt, failure: Some(failure), .. } = write
        && is_stuck(failure)
    {
        let stood = scene.truth.stood((*job, *attempt));
        // Heartbeats may be late by as much as a term.
        let enough = stood + scene.config.term >= scene.config.stuck_after;
        assert!(enough, "{job} {attempt} is taken back, and stood still for {stood:?}");
    }
    let Write::End { job, attempt, how: Ending::Lost, .. } = write else { return };
    let Some(lease) = scene.store.leases.get(job) else { return };
    let worker = scene.store.packs[lease].worker;
    let Some(last) = scene.truth.last_reached(who, worker) else { return };
    let silent = scene.now - last;
    assert!(
        !scene.truth.lives((*job, *attempt)) || silent + SLACK >= scene.config.term,
        "{job} {attempt} is blamed for the loss of {worker}, which lives and was heard {silent:?} ago"
    );
}

/// A leader sends a message: what it is about is stored.
pub(crate) fn sent(message: &Message, epoch: Epoch, store: &Store) {
    if let Message::Lease(lease) = message {
        let stored = store.packs.get(&lease.pack.lease);
        assert!(stored == Some(&lease.pack), "{} is sent under {epoch} and not stored", lease.pack.lease);
    }
}

/// A worker is told that a report is committed.
pub(crate) fn acknowledged(store: &Store, report: &Report) {
    let (job, attempt) = (report.held.job, report.held.attempt);
    let leased = store.is_leased(job, attempt);
    match &report.fact {
        Fact::Metrics { batch, .. } if leased || store.is_done_by(job, attempt) => {
            let stored =
                store.attempts.get(&(job, attempt)).is_some_and(|row| row.batches.contains_key(batch));
            assert!(stored, "batch {batch} of {job} {attempt} is acknowledged and not stored");
        }
        Fact::Started { .. } if leased => {
            let started = store.attempts.get(&(job, attempt)).is_some_and(|row| row.started);
            assert!(started, "the start of {job} {attempt} is acknowledged and not stored");
        }
        Fact::Finished(_) | Fact::Failed(_) | Fact::GivenBack => {
            assert!(!leased, "the end of {job} {attempt} is acknowledged and not stored");
        }
        _ => {}
    }
}

/// A worker is told to give something up: it is not its own any more, and nothing it holds reads it. What is done and long
/// forgotten may be fenced, too.
pub(crate) fn heard(store: &Store, agent: &Agent, message: &Message) {
    let lanes = match message {
        Message::Fenced(lanes) => lanes.clone(),
        Message::Cancel(job, attempt) => vec![(*job, *attempt)],
        _ => return,
    };
    let leased = |job| store.leases.get(&job).map(|lease| store.packs[lease].worker);
    let name = &agent.name;
    for (job, attempt) in lanes {
        let own = store.is_leased(job, attempt) && leased(job) == agent.id;
        assert!(!own, "{name} is told to drop {job} {attempt}, its own");
        let mut read =
            agent.holds().filter(|held| store.jobs[held].parents.contains(&job) && leased(*held) == agent.id);
        let needed = store.is_done_by(job, attempt) && read.next().is_some();
        assert!(!needed, "{name} is told to drop {job} {attempt}, which what it holds may read");
    }
}
