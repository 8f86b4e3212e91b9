//! What the leader's queue holds.

use super::{
    backlog::Taken,
    link::{Closing, LinkId, ToLink},
};
use crate::Error;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tombola_core::{
    record::{AuditRow, Write},
    schedule::{Event, Now, Scheduler},
};
use tombola_spec::{Digest, JobId, SweepId, WorkerId};

/// Where an answer goes. Dropped without one, it means that the outcome is unknown.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A look at the scheduler, or why there is none to look at.
pub(super) type Look = Box<dyn FnOnce(Result<(&Scheduler, Now), Error>) + Send>;

/// Held from the reading of the store until the commit: what a submission was made from still holds when it is stored.
pub(super) struct Turn {
    /// Keeps other submissions waiting.
    pub(super) _guard: OwnedMutexGuard<()>,
    /// How often the leader had folded the store before: what was read before it last did may be missing in its memory.
    pub(super) folds: u64,
}

/// Something for the leader to do.
pub(super) enum Command {
    /// Store a new sweep, or more of one.
    Accept { event: Box<Event>, audit: Option<AuditRow>, turn: Turn, reply: Reply<Accepted> },
    /// People ask for something, in their turn if others must not read the store meanwhile.
    Tell { event: Event, audit: AuditRow, turn: Option<Turn>, reply: Reply<u64> },
    /// Drop what nobody keeps of these jobs; answered with of how many it was.
    Drop { jobs: Vec<JobId>, turn: Turn, reply: Reply<usize> },
    /// Store records that the scheduler has no part in.
    Record { writes: Vec<Write>, turn: Option<OwnedMutexGuard<()>>, reply: Reply<()> },
    /// Protect uploads from garbage collection.
    Pin { artifacts: Vec<Digest>, reply: Reply<()> },
    /// A worker introduces itself.
    Connect { hello: Event, link: mpsc::Sender<ToLink>, reply: Reply<Connected> },
    /// A worker says something.
    Hear { worker: WorkerId, link: LinkId, event: Event, room: Option<Taken> },
    /// A worker's link ended.
    Disconnect { worker: WorkerId, link: LinkId, closing: Closing },
    /// Make sure that this coordinator leads, and that what was asked before is committed.
    Prove { reply: Reply<()> },
    /// Show the scheduler to someone.
    Read(Look),
}

impl Command {
    /// Answers that nobody leads here. What workers say needs no answer: their links are closed.
    pub(super) fn refuse(self, why: &str) {
        let error = Error::Unavailable(why.to_owned());
        // Whoever asked may have left meanwhile.
        match self {
            Self::Accept { reply, .. } => drop(reply.send(Err(error))),
            Self::Tell { reply, .. } => drop(reply.send(Err(error))),
            Self::Drop { reply, .. } => drop(reply.send(Err(error))),
            Self::Pin { reply, .. } | Self::Record { reply, .. } | Self::Prove { reply } => {
                drop(reply.send(Err(error)));
            }
            Self::Connect { reply, .. } => drop(reply.send(Err(error))),
            Self::Read(look) => look(Err(error)),
            Self::Hear { .. } | Self::Disconnect { .. } => {}
        }
    }
}

/// A stored sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its identity.
    pub sweep: SweepId,
    /// Jobs stored for the first time.
    pub new: u64,
    /// Jobs that were there already.
    pub known: u64,
    /// False when the sweep was there already and asks for the same.
    pub created: bool,
}

/// An introduced worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connected {
    /// It works under this identity, over this link.
    Welcome(WorkerId, LinkId),
    /// It was told why not.
    Refused,
}
