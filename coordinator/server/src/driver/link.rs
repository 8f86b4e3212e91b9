//! Links to workers: bounded, so that a worker that does not read cannot hold up the leader.

use std::borrow::Cow;
use std::collections::HashMap;
use tokio::sync::mpsc;
use tombola_core::schedule::Message;
use tombola_spec::{Epoch, WorkerId};

/// One connection of a worker; a worker that reconnects gets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkId(u64);

/// What goes to a link's owner, in order.
#[derive(Debug)]
pub enum ToLink {
    /// The worker is accepted.
    Welcome {
        /// Its identity.
        worker: WorkerId,
        /// The leader's term.
        epoch: Epoch,
    },
    /// A message of the scheduler.
    Message(Message),
    /// Nothing follows.
    Close(Closing),
}

/// Why a link is closed. A link that ends without one is to be opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// The worker is not expected back.
    Done,
    /// The worker is to come back and say Hello again.
    Again(Cow<'static, str>),
    /// The worker said something that means nothing.
    Nonsense(String),
}

/// The open links.
#[derive(Debug, Default)]
pub(super) struct Links {
    open: HashMap<WorkerId, (LinkId, mpsc::Sender<ToLink>)>,
    last: u64,
}

impl Links {
    /// Opens a link; an earlier one of this worker is closed.
    pub(super) fn open(&mut self, worker: WorkerId, link: mpsc::Sender<ToLink>) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        if let Some((_, old)) = self.open.insert(worker, (id, link)) {
            // The newer link wins: the agent behind the old one is the same process or is gone.
            let _ = old.try_send(ToLink::Close(Closing::Done));
        }
        id
    }

    /// Whether this is still an open link.
    pub(super) fn is_open(&self, worker: WorkerId, link: LinkId) -> bool {
        self.open.get(&worker).is_some_and(|(id, _)| *id == link)
    }

    /// Sends without waiting. `false`: the worker reads too slowly or is gone, and its link was closed.
    pub(super) fn send(&mut self, worker: WorkerId, message: ToLink) -> bool {
        let Some((_, link)) = self.open.get(&worker) else { return true };
        let sent = link.try_send(message).is_ok();
        if !sent {
            self.open.remove(&worker);
        }
        sent
    }

    /// Closes a link.
    pub(super) fn close(&mut self, worker: WorkerId, closing: Closing) {
        if let Some((_, link)) = self.open.remove(&worker) {
            // A full or closed link ends all the same, because its sender is dropped here.
            let _ = link.try_send(ToLink::Close(closing));
        }
    }

    /// Closes all links.
    pub(super) fn close_all(&mut self, why: &'static str) {
        for (_, (_, link)) in self.open.drain() {
            let _ = link.try_send(ToLink::Close(Closing::Again(why.into())));
        }
    }
}
