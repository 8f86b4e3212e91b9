//! How engines are started. The agent speaks [`tombola_spec::slot`] with them over channels and can kill them; what
//! they are (a child process, a test's fake) it does not know.

pub(crate) mod process;

pub use process::ProcessExecutor;

use crate::config::SlotSpec;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tombola_spec::slot::{Event, Request};

/// Starts engines.
pub trait Executor: Send + Sync + 'static {
    /// Starts the engine of slot number `slot`. Its first event is `Ready` or `Unable`.
    ///
    /// # Errors
    /// When nothing could be started.
    fn start(&self, slot: usize, spec: &SlotSpec) -> std::io::Result<Engine>;
}

/// A started engine. Dropping it ends it.
pub struct Engine {
    /// What to do; closing it tells the engine to leave. Unbounded: no order is ever dropped, nor does an engine that does
    /// not read hold up who gives it. They are few: a stage, and what is to become of its jobs.
    pub requests: mpsc::UnboundedSender<Request>,
    /// What it says; closed when the engine is gone.
    pub events: mpsc::Receiver<Event>,
    /// Resolves once the engine is gone: how it ended, for people.
    pub end: BoxFuture<'static, String>,
    /// Ends it at once.
    pub kill: CancellationToken,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}
