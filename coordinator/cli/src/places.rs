//! Where things are by default: the state folder and the coordinator's address.

use std::path::PathBuf;
use tombola_settings::folders;

/// State of a local coordinator: `$XDG_STATE_HOME/tombola`.
pub(crate) fn state_folder() -> PathBuf {
    folders::user_state("tombola")
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
