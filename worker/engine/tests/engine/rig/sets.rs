//! Real data sets, where they are at hand: set-up's, and Debian's package `dataset-fashion-mnist`.

use std::{env, path::PathBuf};

/// A folder that holds `set`; `None`, which is then said, where it is not on this machine.
#[expect(clippy::print_stderr, reason = "says why a test did not run")]
pub(crate) fn folder_of(set: &str) -> Option<PathBuf> {
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let user = env::var_os("XDG_DATA_HOME").map(PathBuf::from).or(home)?.join("tombola/data");
    let held =
        |folder: &PathBuf| [set.to_owned(), set.replace('_', "-")].iter().any(|s| folder.join(s).is_dir());
    let found = [user, PathBuf::from("/usr/share/datasets")].into_iter().find(held);
    if found.is_none() {
        let why = format!("not run: {set} is not on this machine; hint: `cargo xtask setup` fetches it");
        // MNIST has no Debian package: a machine that fetches nothing but packages has to do without.
        let required = set != "mnist" && env::var("TOMBOLA_TEST_REQUIRE").as_deref() == Ok("1");
        assert!(!required, "{why}");
        eprintln!("{why}");
    }
    found
}
