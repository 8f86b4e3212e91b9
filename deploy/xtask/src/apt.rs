//! Debian's packages: asking what is installed, and installing without a question where that is possible.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Result};

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Whether packages can be installed here without asking anybody: Debian, as root or by `sudo` without a password.
pub(crate) fn can_install() -> bool {
    shell::succeeds(Command::new("apt-get").arg("--version"))
        && (is_root() || shell::succeeds(Command::new("sudo").args(["-n", "true"])))
}

/// Installs a package; refreshes the package lists only when it is not found without.
pub(crate) fn install(package: &str) -> Result<()> {
    let mut install = apt_get(&["install", "--yes", "--no-install-recommends", package]);
    if shell::succeeds(&mut install) {
        return Ok(());
    }
    shell::run(&mut apt_get(&["update", "--quiet"]), "")?;
    shell::run(&mut install, &format!("install the Debian package `{package}` by hand"))
}

/// The files a package has put on this machine; none where it is not installed or there is no dpkg.
pub(crate) fn files(package: &str) -> Vec<PathBuf> {
    let listing = shell::output(Command::new("dpkg").args(["-L", package])).unwrap_or_default();
    listing.lines().map(PathBuf::from).collect()
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = if is_root() { Command::new("env") } else { Command::new("sudo") };
    if !is_root() {
        command.args(["-n", "env"]);
    }
    command.arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get").args(args);
    command
}
