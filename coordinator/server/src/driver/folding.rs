//! How a coordinator comes to lead: it folds the store into a memory. Until it can, it answers everybody that it does not.

use super::{
    command::Command,
    leader::{BEAT, Leader},
    outbox::Outbox,
    time::Time,
};
use crate::{
    aside::aside,
    store::{Store, StoreError},
};
use std::sync::{Arc, atomic::Ordering};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tombola_core::schedule::{self, Scheduler};
use tombola_spec::Epoch;

/// How long a standby waits at a time; it wakes as soon as the leader goes.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: &str = "the coordinator forgot its memory after a failed commit; say Hello again";

impl Leader {
    /// Forgets everything and folds the store again, until that works (`true`) or the coordinator stops (`false`). While
    /// another coordinator leads, this one is its standby.
    pub(super) async fn recover(&mut self, inbox: &mut mpsc::Receiver<Command>) -> bool {
        // Dropped replies tell their callers to ask again.
        self.outbox = Outbox::default();
        // Some of them may be named by now: by a commit of which no answer came, or by another leader.
        self.hears.unnamed.forget_all();
        self.hears.leading.send_replace(false);
        self.links.close_all(AGAIN);
        // A coordinator that begins as a standby has said so.
        let mut held = self.epoch == Epoch(0);
        loop {
            // Who waits for another leader has waited already.
            let wait = if held { Duration::ZERO } else { self.backoff.next(Instant::now()) };
            let (store, terms) = (Arc::clone(&self.store), self.terms);
            let folding = async move {
                tokio::time::sleep(wait).await;
                fold(store.as_ref(), terms, PATIENCE).await
            };
            match without_a_memory(&self.stop, inbox, &self.why, folding).await {
                None => return false,
                Some(Ok((epoch, scheduler))) => {
                    self.lead(epoch, scheduler);
                    return true;
                }
                Some(Err(error)) => {
                    let first = !std::mem::replace(&mut held, matches!(error, StoreError::Held { .. }));
                    self.why = error.to_string();
                    match held {
                        true if first => {
                            tracing::info!(
                                why = self.why,
                                "leader.standby: this coordinator waits for its turn"
                            );
                        }
                        true => {}
                        false => tracing::error!(why = self.why, "leader.lost: cannot lead; trying again"),
                    }
                }
            }
        }
    }

    fn lead(&mut self, epoch: Epoch, scheduler: Scheduler) {
        self.hears.folds.fetch_add(1, Ordering::SeqCst);
        tracing::warn!(%epoch, "leader.folded: leading");
        (self.epoch, self.scheduler, self.time) = (epoch, scheduler, Time::start());
        self.proven = Instant::now();
        self.hears.leading.send_replace(true);
        self.hears.watchers.notify_all();
    }
}

/// Answers everybody that nobody leads here, until `folding` is done. Nothing when the coordinator stops.
async fn without_a_memory<T>(
    stop: &CancellationToken,
    inbox: &mut mpsc::Receiver<Command>,
    why: &str,
    folding: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(folding);
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            folded = &mut folding => return Some(folded),
            command = inbox.recv() => command?.refuse(why),
        }
    }
}

pub(super) async fn fold(
    store: &dyn Store,
    terms: schedule::Config,
    patience: Duration,
) -> Result<(Epoch, Scheduler), StoreError> {
    let epoch = store.lead(patience).await?;
    let memory = remember(store, terms);
    tokio::pin!(memory);
    // A state with many open jobs takes its time, and whoever says nothing meanwhile is taken for dead.
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            scheduler = &mut memory => return Ok((epoch, scheduler?)),
            _ = beat.tick() => store.beat(epoch).await?,
        }
    }
}

async fn remember(store: &dyn Store, terms: schedule::Config) -> Result<Scheduler, StoreError> {
    let snapshot = store.snapshot().await?;
    // Nobody else would get a turn meanwhile.
    let folded = aside(move || Scheduler::fold(terms, snapshot)).await;
    folded.map_err(|error| StoreError::Corrupt { why: format!("it cannot be folded: {error}") })
}
