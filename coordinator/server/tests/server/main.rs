//! A coordinator from outside: real gRPC, real state, a worker that follows a script. On SQLite, and on the Postgres
//! that `TOMBOLA_TEST_POSTGRES` names.

#![expect(clippy::unwrap_used, reason = "a panic is how a scenario fails")]
#![expect(clippy::print_stdout, reason = "a scenario that cannot run says why")]

mod access;
mod artifacts;
mod backup;
mod binary;
mod config;
mod crash;
mod deciding;
mod doctor;
mod fuzz;
mod keep;
mod limits;
mod rig;
mod standby;
mod standby_access;
mod start;
mod steering;
mod stock;
mod sweeps;
mod tls;
mod workers;
