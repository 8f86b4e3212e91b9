//! Where things are by default: the state folder, the data folder, the coordinator's address.

use std::{env, path::PathBuf};

/// A per-user folder by the XDG rules.
fn user_folder(variable: &str, fallback: &str) -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_else(|| ".".into())).join(fallback);
    env::var_os(variable).filter(|value| !value.is_empty()).map_or_else(home, PathBuf::from).join("tombola")
}

/// State of a local coordinator: `$XDG_STATE_HOME/tombola`.
pub(crate) fn state_folder() -> PathBuf {
    user_folder("XDG_STATE_HOME", ".local/state")
}

/// Data sets of local workers: `$XDG_DATA_HOME/tombola/data`.
pub(crate) fn data_folder() -> PathBuf {
    user_folder("XDG_DATA_HOME", ".local/share").join("data")
}

/// File in a state folder that holds the address its coordinator listens on, while it runs.
pub(crate) const ADDRESS_FILE: &str = "address";

/// The address used when none is given: the local coordinator's, else the default port.
pub(crate) fn default_address() -> String {
    std::fs::read_to_string(state_folder().join(ADDRESS_FILE))
        .map_or_else(|_| "http://127.0.0.1:7654".to_owned(), |text| with_scheme(text.trim()))
}

/// `host:port` as a URL.
pub(crate) fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}
