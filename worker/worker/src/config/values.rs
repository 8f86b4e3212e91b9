//! Values that have a form of their own, and defaults that depend on this machine.

use serde::{Deserialize, Deserializer};

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
