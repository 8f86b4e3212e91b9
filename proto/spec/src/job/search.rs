//! Searching for an early-bird ticket while a network trains (arXiv 1909.11957, section 3).

use crate::{Fingerprint, job::Stream, settings::Prune};
use serde::{Deserialize, Serialize};

/// What a training looks for at the start of each epoch: a mask that no longer changes. It ends when every rule has
/// found its ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The prune steps that draw the masks, each looked for on its own.
    pub rules: Vec<Prune>,
    /// When a mask no longer changes.
    pub settled: Settled,
    /// Whether training goes on to its end all the same, so that the masks of all epochs are compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Key of the lots that equal scores draw.
    pub ties: Stream,
}

/// When the masks of an epoch and of those before it are one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// How many masks are compared: 5 in the paper.
    pub window: u32,
    /// The largest distance between two of them, as the share of units in which they differ: 0.1 in the paper.
    pub distance: f64,
    /// Which of them are compared.
    pub compared: Compared,
}

/// Which of the masks in the window are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The newest with each of the older ones (the code of arXiv 1909.11957).
    Newest,
    /// Each with the one before it, over as many distances as the window has masks (its words).
    Neighbours,
}

impl Settled {
    /// How many masks there must be.
    pub fn masks(&self) -> usize {
        self.window as usize
            + match self.compared {
                Compared::Newest => 0,
                Compared::Neighbours => 1,
            }
    }
}

/// A ticket that a search finds; the prune step that cuts it also keeps the weights it was found at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// The training that searches.
    pub search: Fingerprint,
    /// Which of its rules.
    pub rule: u32,
}
