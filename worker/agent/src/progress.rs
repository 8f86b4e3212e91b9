//! How far running attempts are: slots write it, heartbeats read it, neither waits for the other's work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tombola_spec::{Attempt, JobId};

/// Iterations done, from the start of the schedule, of every attempt in training. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<BTreeMap<(JobId, Attempt), u64>>>);

impl Progress {
    /// Notes where an attempt is; true if that is news.
    pub(crate) fn note(&self, job: JobId, attempt: Attempt, iteration: u64) -> bool {
        self.lock().insert((job, attempt), iteration) != Some(iteration)
    }

    /// An attempt is over.
    pub(crate) fn forget(&self, job: JobId, attempt: Attempt) {
        self.lock().remove(&(job, attempt));
    }

    /// Where every attempt is.
    pub(crate) fn all(&self) -> Vec<(JobId, Attempt, u64)> {
        self.lock().iter().map(|(&(job, attempt), &iteration)| (job, attempt, iteration)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(JobId, Attempt), u64>> {
        // Every change under the lock is a single one, so a panic cannot leave half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
