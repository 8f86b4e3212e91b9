//! Values that have a form of their own, and defaults that depend on this machine.

use serde::{Deserialize, Deserializer};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Addresses of coordinators: a list, or one text with commas.
#[derive(Debug, PartialEq)]
pub(super) struct Coordinators(pub(super) Vec<String>);

impl Default for Coordinators {
    fn default() -> Self {
        Self(vec!["127.0.0.1:7654".to_owned()])
    }
}

impl<'de> Deserialize<'de> for Coordinators {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an address such as `lab.example:7654`, or a list of them")]
        enum Written {
            Text(String),
            List(Vec<String>),
        }
        let list = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.split(',').map(|address| address.trim().to_owned()).collect(),
            Written::List(list) => list,
        };
        Ok(Self(list))
    }
}

/// This machine's name.
pub(super) fn default_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What is left until Slurm ends the job this worker runs in. `end` is SLURM_JOB_END_TIME, in seconds since 1970.
pub(super) fn until_slurm_ends(end: &str, now: SystemTime) -> Option<Duration> {
    let end = UNIX_EPOCH.checked_add(Duration::from_secs(end.parse().ok()?))?;
    end.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurm_says_when_its_job_ends() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(until_slurm_ends("1800003600", now), Some(Duration::from_secs(3600)));
        // Without a limit, or long ago: nothing to go by.
        for nothing in ["", "UNLIMITED", "0", "18446744073709551615"] {
            assert_eq!(until_slurm_ends(nothing, now), None, "{nothing}");
        }
    }
}
