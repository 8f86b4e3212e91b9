//! How a worker is asked to leave.

use tokio_util::sync::CancellationToken;

/// Asks a worker to leave; cheap to clone. Nothing is lost either way, but what is not drained is done again.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Stop {
    /// Checkpoint, give everything back, then leave.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Leave at once.
    pub fn now(&self) {
        self.now.cancel();
    }

    /// Resolves when the worker is asked to drain.
    pub(super) async fn wants_drain(&self) {
        self.drain.cancelled().await;
    }

    /// Resolves when the worker is asked to leave at once.
    pub(super) async fn wants_now(&self) {
        self.now.cancelled().await;
    }
}
