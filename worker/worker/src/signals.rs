//! SIGTERM and Ctrl-C: the first drains, the second leaves at once. SIGUSR1, which Slurm sends ahead of a time limit
//! (`--signal=USR1@120`), drains.

use std::{convert::Infallible, io};
use tokio::signal::unix::{SignalKind, signal};
use tombola_agent::Stop;

/// Passes signals on for as long as the worker works.
///
/// # Errors
/// When the operating system does not let this process listen.
pub(crate) async fn pass_on(stop: &Stop) -> io::Result<Infallible> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut ahead = signal(SignalKind::user_defined1())?;
    let mut asked = false;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = ahead.recv() => {
                tracing::info!("worker.drain: the time limit is near; jobs are checkpointed and given back");
                stop.drain();
                asked = true;
                continue;
            }
        }
        if asked {
            stop.now();
        } else {
            tracing::info!(
                "worker.drain: jobs are checkpointed and given back; ask once more to leave at once"
            );
            stop.drain();
        }
        asked = true;
    }
}
