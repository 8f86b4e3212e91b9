//! What every store must do, as scenarios that run on SQLite and on Postgres alike.
//!
//! Postgres is the server that `TOMBOLA_TEST_POSTGRES` names; `cargo xtask test` starts one.

#![expect(clippy::unwrap_used, reason = "a panic is how a scenario fails")]
#![expect(clippy::print_stdout, reason = "a scenario that cannot run says why")]

mod archive;
mod artifacts;
mod attacks;
mod attempts;
mod crash;
mod folding;
mod graph;
mod keep;
mod leading;
mod queries;
mod readme;
mod rig;
mod schema;
mod searches;
mod silence;
mod states;
mod tokens;
mod verdicts;
mod views;
