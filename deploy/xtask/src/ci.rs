//! `cargo xtask ci`: what a change must pass. `.ci/run` calls it on a bare machine.

use crate::args::Args;
use crate::paths::Paths;
use crate::setup::{self, Wanted};
use crate::shell::{Result, run as show_and_run, say, succeeds};
use crate::test;

pub(crate) const HELP: &str = "\
Check what a change must pass: format, licences, lints with warnings denied, then all tests.

Usage: cargo xtask ci

The same as `cargo fmt --all --check`, `cargo deny check licenses bans sources` where cargo-deny is installed (it takes minutes
to build), `cargo clippy --workspace --all-targets -- -D warnings` and `cargo xtask test`.";

pub(crate) fn run(mut args: Args) -> Result<()> {
    if let Some(word) = args.next() {
        return Err(args.unknown(&word));
    }
    let paths = Paths::new()?;
    show_and_run(paths.cargo().args(["fmt", "--all", "--check"]), "`cargo fmt --all` mends it")?;
    let deny = ["deny", "check", "licenses", "bans", "sources"];
    if succeeds(paths.cargo().args(["deny", "--version"])) {
        show_and_run(paths.cargo().args(deny), "deny.toml says what may come into the build, and why")?;
    } else {
        say("cargo-deny is not installed: licences were not checked");
    }
    // The lints compile the engine, which needs libtorch.
    setup::set_up(&paths, &Wanted::default())?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    show_and_run(paths.cargo().args(clippy), "")?;
    test::test(&paths, false, &[])
}
