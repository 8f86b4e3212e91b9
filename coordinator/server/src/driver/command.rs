//! What the leader's queue holds.

use super::link::{Closing, LinkId, ToLink};
use crate::Error;
use tokio::sync::{mpsc, oneshot};
use tombola_core::{
    plan::Plan,
    schedule::{Event, Scheduler},
};
use tombola_spec::{SweepId, WorkerId};

/// Where an answer goes. Dropped without one, it means that the outcome is unknown.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A look at the scheduler.
pub(super) type Look = Box<dyn FnOnce(&Scheduler) + Send>;

/// Something for the leader to do.
pub(super) enum Command {
    /// Store a new sweep.
    Submit { plan: Box<Plan>, source: String, reply: Reply<Accepted> },
    /// Store more of a sweep.
    Extend { sweep: SweepId, plan: Box<Plan>, source: String, reply: Reply<Accepted> },
    /// People ask for something.
    Tell { event: Event, reply: Reply<u64> },
    /// A worker introduces itself.
    Connect { hello: Event, link: mpsc::Sender<ToLink>, reply: Reply<Connected> },
    /// A worker says something.
    Hear { worker: WorkerId, link: LinkId, event: Event },
    /// A worker's link ended.
    Disconnect { worker: WorkerId, link: LinkId, closing: Closing },
    /// Show the scheduler to someone.
    Read(Look),
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
    /// False when this very text was there already.
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
