//! Whole laboratories: the real coordinator, real workers with real engines, real kills.
//!
//! The binaries of the other crates are taken from beside this crate's own: `cargo nextest run --workspace` builds them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod connectivity;
mod given;
mod keep;
mod kills;
mod rig;
mod searches;
mod sharing;
mod slim;
mod tickets;
mod up;
mod verdicts;
