//! Work that takes its time, done where it holds up nobody.

use std::io;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::spawn_blocking,
};

/// Does it on a thread of its own. A runtime that has one thread gets no other: it does it at once, and the order of
/// everything follows from that thread alone.
///
/// # Errors
/// When the work panicked, or the runtime ends.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => Ok(work()),
        _ => spawn_blocking(work).await.map_err(io::Error::other),
    }
}
