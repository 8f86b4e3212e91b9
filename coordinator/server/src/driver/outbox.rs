//! What waits for the next commit: its records, and what is done once they are on disk.

use super::{
    backlog::Taken,
    command::{Accepted, Connected, Look, Reply, Turn},
    link::ToLink,
};
use crate::Error;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tombola_core::{record::Write, schedule::Message};
use tombola_spec::{Digest, SweepId, WorkerId};

/// Done after the commit, in order.
pub(super) enum After {
    /// A message to a worker.
    Send(WorkerId, Message),
    /// A worker's new link, before the first message over it.
    Open(WorkerId, mpsc::Sender<ToLink>, Reply<Connected>),
    /// A worker that is not accepted.
    Refuse(Message, mpsc::Sender<ToLink>, Reply<Connected>),
    /// A worker left on purpose.
    Left(WorkerId),
    /// A sweep changed.
    Changed(SweepId),
    /// Something for the log.
    Warn(String),
    /// An answer to Submit or Extend; the next submission may read the store.
    Accept(Result<Accepted, Error>, Reply<Accepted>, Turn),
    /// An answer to anything else people ask for.
    Answer(Result<u64, Error>, Reply<u64>, Option<Turn>),
    /// Outputs are dropped; the next submission may read the store.
    Dropped(usize, Reply<usize>, Turn),
    /// Uploads are pinned, records stored.
    Stored(Reply<()>),
    /// Records of somebody who had the turn are stored.
    Recorded(Reply<()>, Option<OwnedMutexGuard<()>>),
    /// A look at the scheduler.
    Read(Look),
}

/// The next commit.
#[derive(Default)]
pub(super) struct Outbox {
    /// Uploads to pin, before the records that may name them.
    pub(super) pins: Vec<Digest>,
    /// It is made even if it has no records: that the store takes it shows who leads.
    pub(super) proof: bool,
    /// Its records.
    pub(super) writes: Vec<Write>,
    /// What follows.
    pub(super) after: Vec<After>,
    /// The room its records take of the backlog.
    pub(super) rooms: Vec<Taken>,
}

impl Outbox {
    /// Nothing to commit and nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        !self.proof
            && self.pins.is_empty()
            && self.writes.is_empty()
            && self.after.is_empty()
            && self.rooms.is_empty()
    }
}
