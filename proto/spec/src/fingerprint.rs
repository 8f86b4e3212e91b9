//! A job's identity: a BLAKE3 hash of everything that decides its result.
//!
//! Hashed is the job's JSON with sorted keys, plus the versions of the components that compute it. A field added to a
//! settings struct later must be left out of that JSON at its frozen introduction value (`skip_serializing_if`), so
//! that results recorded earlier stay valid; the golden tests of `tests/golden.rs` fail if an old job's hash moves.

use crate::{Digest, JobId, SpecError, job::JobSpec, version};
use serde::{Deserialize, Serialize};

/// A job's fingerprint. Two jobs with one fingerprint are one job, inside a sweep and across sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Digest);

impl Fingerprint {
    /// The fingerprint of a job. The job's inputs are named by their own fingerprints, so the hash covers all
    /// ancestors.
    pub fn of(job: &JobSpec) -> Self {
        let canonical = canonical_json(job);
        let mut hasher = blake3::Hasher::new_derive_key("tombola job fingerprint v1");
        hasher.update(canonical.as_bytes());
        for (component, version) in version::components_of(job) {
            hasher.update(format!("\n{component}={version}").as_bytes());
        }
        Self(Digest(*hasher.finalize().as_bytes()))
    }

    /// What a job is called whose place another took, to make again what was dropped of it. No job's own fingerprint.
    pub fn replaced(self, job: JobId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tombola replaced job v1");
        hasher.update(&self.0.0).update(&job.0.to_le_bytes());
        Self(Digest(*hasher.finalize().as_bytes()))
    }
}

/// The text that is hashed: JSON with sorted keys and shortest round-trip floats.
pub fn canonical_json(job: &JobSpec) -> String {
    canonical(job)
}

fn canonical(value: &impl Serialize) -> String {
    let mut value = serde_json::to_value(value).expect("a job has string keys and finite numbers only");
    // Maps are sorted as they are, unless some dependency turns serde_json's `preserve_order` on.
    value.sort_all_objects();
    value.to_string()
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Before {
        rate: f64,
        batch: u32,
    }

    /// Fields moved, and one added that is left out at its introduction value.
    #[derive(Serialize)]
    struct After {
        batch: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        clip: Option<f64>,
        rate: f64,
    }

    #[test]
    fn neither_a_moved_nor_an_added_field_changes_what_is_hashed() {
        let before = canonical(&Before { rate: 0.1, batch: 60 });
        assert_eq!(before, r#"{"batch":60,"rate":0.1}"#);
        assert_eq!(canonical(&After { batch: 60, clip: None, rate: 0.1 }), before);
        assert_ne!(canonical(&After { batch: 60, clip: Some(1.0), rate: 0.1 }), before);
    }
}
