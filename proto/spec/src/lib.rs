//! The words both sides of Tombola share, and nothing else.
//!
//! Ids, steps, settings, jobs and their results, architectures as layer lists, density ladders, fingerprints,
//! component versions. Pure data and arithmetic: no files, clocks, randomness, network, SQL or libtorch, so that the
//! coordinator knows weights, FLOPs, memory and density ladders without training anything.

#![forbid(unsafe_code)]

pub mod arch;
pub mod data;
pub mod digest;
pub mod error;
pub mod fingerprint;
mod float;
pub mod flops;
pub mod ids;
pub mod job;
pub mod ladder;
pub mod outcome;
pub mod settings;
pub mod slot;
pub mod step;
pub mod version;
pub mod worker;

pub use digest::Digest;
pub use error::SpecError;
pub use fingerprint::Fingerprint;
pub use ids::{Attempt, Epoch, JobId, LeaseId, SweepId, TrialId, WorkerId};
pub use step::Steps;

/// Whether a setting has its default, which is then left out of what is stored and fingerprinted: so a default is for ever the
/// value that a setting had before it could be set. For serde's `skip_serializing_if`.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
