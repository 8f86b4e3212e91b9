//! Values that have a form of their own, and defaults that depend on this machine.

use serde::{Deserialize, Deserializer};
use std::{env, path::PathBuf};

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

/// `$STATE_DIRECTORY` under systemd, else `tombola-worker` in the user's state folder.
pub(super) fn default_dir() -> PathBuf {
    let folder = |name| absolute(name);
    folder("STATE_DIRECTORY")
        .unwrap_or_else(|| user_folder("XDG_STATE_HOME", ".local/state").join("tombola-worker"))
}

/// Where `cargo xtask setup` puts data sets.
pub(super) fn default_data() -> PathBuf {
    user_folder("XDG_DATA_HOME", ".local/share").join("tombola/data")
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A per-user folder by the XDG rules; without a home, below the folder the worker was started in.
fn user_folder(variable: &str, fallback: &str) -> PathBuf {
    absolute(variable).unwrap_or_else(|| absolute("HOME").unwrap_or_default().join(fallback))
}
