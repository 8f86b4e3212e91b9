//! Versions: of the wire protocol, and of each component whose change would change results.

use crate::job::JobSpec;

/// Version of the worker protocol this build speaks. A worker of another version is refused with a clear error.
pub const PROTOCOL: u32 = 1;

/// Raised when the random streams (`engine::random`) give other numbers for the same key.
pub const RANDOM: u32 = 1;
/// Raised when training arithmetic changes results (beyond rounding of a plan, which is recorded as provenance).
pub const TRAINING: u32 = 1;
/// Raised when a criterion or the selector picks other weights for the same input.
pub const SELECTION: u32 = 1;
/// Raised when an analysis finds other figures for the same inputs.
pub const ANALYSIS: u32 = 1;
/// Raised when jobs can say what earlier builds cannot read: a new criterion, optimizer, kind of layer, …
pub const VOCABULARY: u32 = 4;

/// Everything that coordinator and workers must agree on, by name.
pub const fn components() -> [(&'static str, u32); 5] {
    [
        ("random", RANDOM),
        ("training", TRAINING),
        ("selection", SELECTION),
        ("analysis", ANALYSIS),
        ("vocabulary", VOCABULARY),
    ]
}

/// The components that decide a job's result, by name; part of its fingerprint.
pub fn components_of(job: &JobSpec) -> Vec<(&'static str, u32)> {
    match job {
        JobSpec::Train(_) => vec![("random", RANDOM), ("training", TRAINING)],
        JobSpec::Prune(_) => vec![("random", RANDOM), ("selection", SELECTION)],
        JobSpec::RandomMask(_) => vec![("random", RANDOM)],
        JobSpec::Join(_) | JobSpec::Import(_) => vec![("selection", SELECTION)],
        // What its ends depend on is in their fingerprints.
        JobSpec::Connectivity(_) | JobSpec::MaskDistance(_) | JobSpec::Slim(_) => {
            vec![("analysis", ANALYSIS)]
        }
        JobSpec::Collapse(_) => vec![("random", RANDOM), ("selection", SELECTION), ("analysis", ANALYSIS)],
    }
}
