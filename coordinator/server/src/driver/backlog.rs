//! Room for what workers said and nobody has committed yet: bounded in bytes, so that workers that send faster than the
//! disk takes are read no further, whatever the size of their messages. A session holds one message more while it waits.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Granularity of the room, so that the largest fits a semaphore's count.
const UNIT: u64 = 1 << 10;

/// The room. Cheap to clone.
#[derive(Clone)]
pub(super) struct Backlog {
    room: Arc<Semaphore>,
    units: u32,
}

/// A part of the room, free again once this is dropped.
pub(super) type Taken = OwnedSemaphorePermit;

impl Backlog {
    pub(super) fn new(bytes: u64) -> Self {
        let units = u32::try_from((bytes / UNIT).max(1)).unwrap_or(u32::MAX);
        Self { room: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Waits for room for a message, first come, first served. One that is larger than all of it waits for all of it.
    pub(super) async fn take(&self, bytes: u64) -> Option<Taken> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        // Nobody closes it.
        Arc::clone(&self.room).acquire_many_owned(units).await.ok()
    }
}
