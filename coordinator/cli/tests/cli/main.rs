//! The `tombola` command as people and scripts meet it: the real binary against a stand-in coordinator.
#![expect(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]

mod access;
mod commands;
mod fetch;
mod rig;
mod up;
mod upkeep;
