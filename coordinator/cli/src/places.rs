//! Where things are by default: the state folder and the coordinator's address.

use crate::error::Failure;
use std::path::{Path, PathBuf};
use tombola_settings::folders;

/// State of a local coordinator: `$XDG_STATE_HOME/tombola`.
pub(crate) fn state_folder() -> PathBuf {
    folders::user_state("tombola")
}

/// File in a state folder that holds the address its coordinator listens on, while it runs.
pub(crate) const ADDRESS_FILE: &str = "address";

/// File in a state folder that makes whoever can read it the operator, while its coordinator runs and asks for tokens.
pub(crate) const OPERATOR_FILE: &str = "operator.token";

/// The address used when none is given and no coordinator runs here.
pub(crate) const USUAL: &str = "127.0.0.1:7654";

/// The address of the coordinator that serves a state folder.
pub(crate) fn address_in(state: &Path) -> Option<String> {
    std::fs::read_to_string(state.join(ADDRESS_FILE)).ok().map(|text| with_scheme(text.trim()))
}

/// `host:port` of this machine as a URL.
fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

/// What a person named as the addresses of one coordinator and its standbys.
///
/// # Errors
/// When a port is missing.
pub(crate) fn typed_list(addresses: &str) -> Result<Vec<String>, Failure> {
    addresses.split(',').map(|address| typed(address.trim())).collect()
}

/// What a person named as an address. A URL may leave out the port, as URLs do; `host` alone may not.
///
/// # Errors
/// When the port is missing.
fn typed(address: &str) -> Result<String, Failure> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let in_brackets = host.starts_with('[') && !host.ends_with(']');
    if !address.contains("://") && (port.is_empty() || in_brackets) {
        return Err(Failure::Input(format!(
            "the address `{address}` names no port\nhint: write HOST:PORT; a coordinator listens on 7654 unless told otherwise"
        )));
    }
    Ok(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_or_is_a_url() {
        for good in ["lab:7654", "127.0.0.1:0", "[::1]:7654", "http://lab"] {
            assert!(typed(good).is_ok(), "{good}");
        }
        for bad in ["lab", "lab:", "[::1]", ""] {
            assert!(typed(bad).is_err_and(|error| error.to_string().contains("names no port")), "{bad}");
        }
    }
}
