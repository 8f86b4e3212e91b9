//! Where things are by default: the state folder and the coordinator's address.

use crate::error::Failure;
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

/// What a person named as the address. A URL may leave out the port, as URLs do; `host` alone may not.
///
/// # Errors
/// When the port is missing.
pub(crate) fn typed(address: &str) -> Result<String, Failure> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let in_brackets = host.starts_with('[') && !host.ends_with(']');
    if !address.contains("://") && (port.is_empty() || in_brackets) {
        return Err(Failure::Input(format!(
            "the address `{address}` names no port\nhint: write HOST:PORT; a coordinator listens on 7654 unless told otherwise"
        )));
    }
    Ok(with_scheme(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_or_is_a_url() {
        for good in ["lab:7654", "127.0.0.1:0", "[::1]:7654", "http://lab"] {
            assert!(typed(good).is_ok_and(|url| url.ends_with(good)), "{good}");
        }
        for bad in ["lab", "lab:", "[::1]", ""] {
            assert!(typed(bad).is_err_and(|error| error.to_string().contains("names no port")), "{bad}");
        }
    }
}
