//! The worker's agent: keeps the session with the coordinator, feeds the engine of each slot, and loses nothing.
//!
//! It never trains: engines run behind [`executor::Executor`], in processes of their own. `session` decides (its
//! `state` is pure) and talks to the coordinator; `slot` drives one engine; `artifacts` moves bytes; `spool` keeps
//! reports until they are acknowledged; `folder` is where all of it lies, and `disk` how it survives a power loss. It may
//! see neither SQL nor libtorch.

#![forbid(unsafe_code)]

mod artifacts;
mod aside;
pub mod config;
mod disk;
pub mod error;
pub mod executor;
mod folder;
#[doc(hidden)]
pub mod fuzz;
mod progress;
mod session;
mod slot;
mod spool;

#[cfg(test)]
mod samples;

pub use config::{Limits, Options, SlotSpec};
pub use error::{AgentError, Result};
pub use session::{Exit, Inventory, Stop, inventory, run};
