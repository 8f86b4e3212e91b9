//! What must hold at every step. A law that is broken panics, and the schedule is told again.
//!
//! | law | checked |
//! |---|---|
//! | conditions of writes: one fingerprint one job, one result of a job, attempts only grow | by the store, at every write |
//! | a job is leased only if somebody wants it, and its parents are done or before it in its lease | `stored` |
//! | nothing is dropped that a living job reads, nothing leased that reads what was dropped | by the store, `stored` |
//! | a result and a checkpoint stand on what is committed of their parents | `stored` |
//! | no metric point is lost or doubled | `stored`, by the store |
//! | only failures of the job itself are charged; quarantine comes with the last loss, and a failed job has its reason | `stored`, `has_reasons` |
//! | nobody is blamed for the loss of a worker that was heard | `decided` |
//! | nothing is sent or acknowledged that is not committed | `sent`, `acknowledged` |
//! | no worker is told to drop what is its own | `heard` |
//! | no lease outlives its term | `in_term` |
//! | nothing that stands still is left where it is, although its worker is heard; nothing is taken back that gets on | `moves`, `decided` |
//! | what the scheduler counts is what is stored | `remembered` |
//! | once nothing goes wrong, everything ends, and well if it can | `is_over`, `ended_well` |
//! | memory does not grow with history, and is what a new leader would fold | `forgotten`, `as_folded` |

mod ends;
mod memory;
mod messages;
mod writes;

pub(crate) use ends::{ended_well, has_reasons, is_over, left};
pub(crate) use memory::{as_folded, forgotten, in_term, moves, remembered};
pub(crate) use messages::{acknowledged, decided, heard, sent};
pub(crate) use writes::stored;
