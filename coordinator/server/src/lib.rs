//! The coordinator: keeps sweeps in a database, hands their jobs to workers, answers people.
//!
//! ```text
//!   access (who may ask)
//!    ▼
//!   rpc ──► driver (one task: scheduler and writer) ──► store (SQLite, Postgres)
//!    │      ▲                                             ▲
//!    │    judge: results to verdicts                      │
//!    └──► artifacts ◄── collect ──────────────────────────┘
//! ```
//!
//! `app` puts it together. Nothing here decides about jobs: that is `tombola-core`.

#![forbid(unsafe_code)]

mod access;
pub mod app;
pub mod artifacts;
mod aside;
pub mod backup;
mod clock;
mod collect;
pub mod config;
pub mod doctor;
pub mod driver;
mod error;
pub mod finding;
#[doc(hidden)]
pub mod fuzz;
mod judge;
pub mod progress;
mod rpc;
mod state;
pub mod store;
mod transport;

pub use access::Connection;
pub use error::Error;
