//! Garbage collection: uploads that no record names and nobody waits for are removed; before that, what no sweep keeps is
//! dropped from the records.
//!
//! Never removed is what an output, a checkpoint or a living pin names. Nothing may come to be named between that
//! question and the removal, so both happen with the [`Gate`] closed, and whoever is about to name an artifact that is
//! there already holds it open. A backup, which is a process of its own, keeps the collector away with a lock on the folder.

use crate::{Error, artifacts::Artifacts, clock, driver::Driver, store::Store};
use std::{collections::HashSet, sync::Arc};
use tokio::{
    sync::{OwnedRwLockReadGuard, RwLock},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tombola_core::record::Millis;
use tombola_spec::Digest;

/// Most artifacts removed while uploads wait.
const BATCH: usize = 1024;
/// How long it stays true that nothing names an artifact: less than a leader is silent before it is replaced
/// ([`crate::store::SILENCE`]). A process that was stopped in the middle may have been, and the other leader named what it
/// likes.
const TRUE: Duration = Duration::from_secs(8);

/// Keeps the collector apart from those who name artifacts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// Nothing is removed while the guard lives. Keep it from finding an artifact until the leader was told of it.
    pub(crate) async fn hold(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.0).read_owned().await
    }
}

/// The collector.
pub(crate) struct Collector {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shelf: Artifacts,
    pub(crate) driver: Driver,
    pub(crate) gate: Gate,
    /// How often it looks; younger artifacts are left alone.
    pub(crate) every: Duration,
    /// How long what no sweep keeps stays all the same.
    pub(crate) unkept: Duration,
}

impl Collector {
    /// Collects now and then, until it is stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let looks = async {
            loop {
                tokio::time::sleep(self.every).await;
                // The leader collects; its standbys see the same folder.
                if !*self.driver.leads().borrow() {
                    continue;
                }
                self.drop_unkept().await;
                match self.collect(clock::before(self.every)).await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(removed, "collect.done: uploads nobody names were removed"),
                    Err(error) => tracing::warn!(%error, "collect.failed: trying again later"),
                }
            }
        };
        // Stopping in the middle is harmless: what is left is found the next time.
        stop.run_until_cancelled(looks).await;
    }

    /// What no sweep keeps is nobody's from here on.
    async fn drop_unkept(&self) {
        match self.driver.drop_unkept(clock::before(self.unkept)).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "collect.dropped: outputs that no sweep keeps were dropped"),
            Err(error) => tracing::warn!(%error, "collect.drop_failed: trying again later"),
        }
    }

    /// Removes what is older than `moment` and not kept. Returns how many were removed.
    async fn collect(&self, moment: Millis) -> Result<u64, Error> {
        let mut garbage = self.shelf.older(moment).await?;
        let kept = self.kept().await?;
        garbage.retain(|digest| !kept.contains(digest));
        let Some(_unread) = self.shelf.unread()? else {
            tracing::info!("collect.put_off: a backup reads the artifacts");
            return Ok(0);
        };
        let mut removed = 0;
        for batch in garbage.chunks(BATCH) {
            removed += self.remove(batch).await?;
        }
        Ok(removed)
    }

    async fn remove(&self, candidates: &[Digest]) -> Result<u64, Error> {
        let _closed = self.gate.0.write().await;
        let asked = Instant::now();
        // Whatever the leader was told before the gate closed is committed once it answers.
        self.driver.prove().await?;
        let kept = self.kept().await?;
        let mut removed = 0;
        for digest in candidates.iter().filter(|digest| !kept.contains(digest)) {
            if asked.elapsed() > TRUE || !*self.driver.leads().borrow() {
                // What is left is found the next time.
                break;
            }
            self.shelf.remove(digest).await?;
            removed += 1;
        }
        Ok(removed)
    }

    async fn kept(&self) -> Result<HashSet<Digest>, Error> {
        Ok(self.store.kept(clock::now()).await?.into_iter().collect())
    }
}
