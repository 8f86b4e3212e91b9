//! What the coordinator decides, and nothing it does.
//!
//! `sweep` turns a sweep file into a plan of trials, rounds and jobs; `schedule` turns events into stored records and
//! messages; `describe` says what a job does; `record` is the vocabulary between the decisions and the store; `keep` says which weights outlive their use; `verdict` has the words of decisions about how
//! far trials go. Pure: events and `now` in, effects out. No async, clock, randomness, SQL, wire types or files
//! (`clippy.toml` bans what Cargo cannot).

#![forbid(unsafe_code)]
#![deny(clippy::iter_over_hash_type)] // The same events must give the same effects, and such a map's order is random.

pub mod describe;
pub mod keep;
pub mod plan;
pub mod record;
pub mod schedule;
pub mod sweep;
pub mod verdict;
