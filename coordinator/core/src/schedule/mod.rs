//! The scheduler: which job runs where, next, again, or not at all.

mod effect;
mod event;

pub use effect::{Effect, Lease, LeasedJob, Message};
pub use event::{Event, Fact, Held, Now, StoredTrial};
