//! Scenarios of the scheduler, in the style of HyperQueue's rig: what happens is said, what follows is checked, and a
//! store that checks every condition stands behind each of them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod explain;
mod failures;
mod judging;
mod keep;
mod leases;
mod random;
mod restart;
mod rig;
mod service;
mod stuck;
mod sweeps;
mod workers;
