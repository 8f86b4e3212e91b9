//! Versions: of the wire protocol, and of each component whose change would change results.

use crate::job::JobSpec;
use std::ops::RangeInclusive;

/// Newest version of the worker protocol this build speaks.
pub const PROTOCOL: u32 = 1;
/// Oldest version of it that this build still speaks. A release keeps that of the release before, so that coordinators and
/// workers can be upgraded one by one, in any order.
pub const OLDEST_PROTOCOL: u32 = 1;

/// The version two builds speak with each other: the newest that both know. `None` if there is none.
pub fn agreed(ours: RangeInclusive<u32>, theirs: RangeInclusive<u32>) -> Option<u32> {
    let newest = *ours.end().min(theirs.end());
    (ours.contains(&newest) && theirs.contains(&newest)).then_some(newest)
}

/// The version to speak with a coordinator that has welcomed a worker, and so speaks one of the worker's, and says which is the
/// newest it knows; 0 = it does not say, as the first release. `None` if that is older than all of the worker's.
pub fn welcomed(ours: RangeInclusive<u32>, theirs: u32) -> Option<u32> {
    let newest = *ours.end().min(&theirs.max(1));
    ours.contains(&newest).then_some(newest)
}

/// Raised when the random streams (`engine::random`) give other numbers for the same key.
pub const RANDOM: u32 = 1;
/// Raised when training arithmetic changes results (beyond rounding of a plan, which is recorded as provenance).
pub const TRAINING: u32 = 1;
/// Raised when a criterion or the selector picks other weights for the same input.
pub const SELECTION: u32 = 1;
/// Raised when an analysis finds other figures for the same inputs.
pub const ANALYSIS: u32 = 1;
/// Raised when jobs can say what earlier builds cannot read: a new criterion, optimizer, kind of layer, …
pub const VOCABULARY: u32 = 5;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_welcome_says_which_protocol_is_spoken_from_then_on() {
        assert_eq!(welcomed(1..=3, 2), Some(2));
        assert_eq!(welcomed(1..=3, 7), Some(3));
        assert_eq!(welcomed(1..=3, 0), Some(1));
        assert_eq!(welcomed(2..=3, 1), None);
        assert_eq!(welcomed(2..=3, 0), None);
    }

    #[test]
    fn neighbouring_releases_find_a_protocol_that_both_speak() {
        assert_eq!(agreed(1..=2, 2..=3), Some(2));
        assert_eq!(agreed(1..=2, 1..=1), Some(1));
        assert_eq!(agreed(3..=4, 1..=2), None);
        assert_eq!(agreed(1..=1, 2..=2), None);
        // A peer that says nonsense.
        assert_eq!(agreed(1..=1, RangeInclusive::new(2, 1)), None);
    }
}
