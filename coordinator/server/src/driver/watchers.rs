//! Who waits for news of which sweep. News are coalesced: a watcher that is slow sees one change, not all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;
use tombola_spec::SweepId;

/// One channel for each watched sweep.
#[derive(Debug, Clone, Default)]
pub(super) struct Watchers(Arc<Mutex<HashMap<SweepId, watch::Sender<()>>>>);

impl Watchers {
    /// Ticks at every change of the sweep.
    pub(super) fn watch(&self, sweep: SweepId) -> watch::Receiver<()> {
        self.with(|channels| channels.entry(sweep).or_default().subscribe())
    }

    /// Something about the sweep changed.
    pub(super) fn notify(&self, sweep: SweepId) {
        self.with(|channels| {
            let nobody = channels.get(&sweep).is_some_and(|channel| channel.send(()).is_err());
            if nobody {
                channels.remove(&sweep);
            }
        });
    }

    /// Something about every sweep may have changed.
    pub(super) fn notify_all(&self) {
        self.with(|channels| channels.retain(|_, channel| channel.send(()).is_ok()));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SweepId, watch::Sender<()>>) -> T) -> T {
        // No code that can panic runs under the lock, so a poisoned map is still whole.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
