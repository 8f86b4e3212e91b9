//! Per-user folders by the XDG rules: relative values of the variables are ignored. Without a home they lie below the
//! folder a program was started in.

use std::{env, path::PathBuf};

/// A program's folder in the user's state folder: `$XDG_STATE_HOME/NAME`.
pub fn user_state(name: &str) -> PathBuf {
    base("XDG_STATE_HOME", ".local/state").join(name)
}

/// Where a daemon keeps its state: `$STATE_DIRECTORY` under systemd, else [`user_state`].
pub fn service_state(name: &str) -> PathBuf {
    absolute("STATE_DIRECTORY").unwrap_or_else(|| user_state(name))
}

/// Where `cargo xtask setup` puts data sets: `$XDG_DATA_HOME/tombola/data`.
pub fn user_data() -> PathBuf {
    base("XDG_DATA_HOME", ".local/share").join("tombola/data")
}

fn base(variable: &str, below_home: &str) -> PathBuf {
    absolute(variable).unwrap_or_else(|| absolute("HOME").unwrap_or_default().join(below_home))
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
