//! `cargo xtask test`: all tests, with the servers and packages they need.

use std::process::Command;

use crate::args::Args;
use crate::paths::Paths;
use crate::postgres::Postgres;
use crate::python::{self, Environment};
use crate::setup::{self, Wanted};
use crate::shell::{self, Result};
use crate::stopwatch::Stopwatch;
use crate::tools;

pub(crate) const HELP: &str = "\
Set up what the tests need and run all of them.

Usage: cargo xtask test [--torch] [ARGS]...

--torch also runs the tests that load weights into torchvision's networks: by the Python that TOMBOLA_TEST_TORCH names,
else by an environment with PyTorch, made once (3 GB to fetch). ARGS go to `cargo nextest run`:
`cargo xtask test -p tombola-core`, `cargo xtask test survives_a_kill`, `cargo xtask test -E 'test(/fused/)'`. Without -p,
the whole workspace is tested.

What it does: `cargo xtask setup`; a Python environment in ~/.cache/tombola (made once) with stock gRPC, safetensors
and buf; a build of every binary, since tests start real ones; a throw-away Postgres from this machine's or Debian's
packages, never as root, gone afterwards; then the tests, by cargo-nextest where it is installed, else by `cargo test`.

The tests find these by TOMBOLA_TEST_POSTGRES, TOMBOLA_TEST_PYTHON and TOMBOLA_TEST_BUF; chaos kills a Postgres of its own,
whose programs are in TOMBOLA_TEST_POSTGRES_PROGRAMS. Plain `cargo nextest run
--workspace` works too: tests that lack one of them then say so and pass. Here TOMBOLA_TEST_REQUIRE=1 makes that a
failure.";

pub(crate) fn run(args: Args) -> Result<()> {
    let (torch, rest): (Vec<String>, Vec<String>) =
        args.into_rest().into_iter().partition(|word| word == "--torch");
    test(&Paths::new()?, !torch.is_empty(), &rest)
}

/// Also the last step of `ci`.
pub(crate) fn test(paths: &Paths, torch: bool, args: &[String]) -> Result<()> {
    test_with(paths, torch, args, &[])
}

/// With further settings in the environment of the tests.
pub(crate) fn test_with(
    paths: &Paths,
    torch: bool,
    args: &[String],
    settings: &[(&'static str, String)],
) -> Result<()> {
    let mut clock = Stopwatch::default();
    let wanted = Wanted { tools: &[&tools::VENV, &tools::POSTGRES], ..Wanted::default() };
    let (python, torch) = clock.time("set-up", || {
        setup::set_up(paths, &wanted)?;
        let _lock = paths.lock()?;
        let torch = torch.then(|| python::with_torch(paths)).transpose()?;
        Ok((Environment::ready(paths, &python::TESTS)?, torch))
    })?;
    clock.time("build", || {
        // With the tests' own targets, so that features and thus dependencies are resolved once for both.
        shell::run(paths.cargo().args(["build", "--workspace", "--bins", "--tests"]), "")
    })?;
    let postgres = clock.time("Postgres", Postgres::start)?;
    let outcome = clock.time("tests", || {
        let mut tests = runner(paths, args);
        tests.envs(settings.iter().map(|(name, value)| (name, value)));
        tests
            .env("TOMBOLA_TEST_REQUIRE", "1")
            .env("TOMBOLA_TEST_POSTGRES", postgres.url())
            .envs(Postgres::told()?);
        tests
            .env("TOMBOLA_TEST_PYTHON", python.program("python"))
            .env("TOMBOLA_TEST_BUF", python.program("buf"))
            .envs(torch.map(|torch| (python::TORCH_PYTHON, torch)));
        shell::run(&mut tests, "")
    });
    drop(postgres);
    clock.print();
    outcome
}

fn runner(paths: &Paths, args: &[String]) -> Command {
    let mut cargo = paths.cargo();
    if tools::has_nextest() {
        cargo.args(["nextest", "run"]);
    } else {
        shell::say(
            "cargo-nextest is not installed (`cargo install --locked cargo-nextest`): running `cargo test`",
        );
        cargo.arg("test");
    }
    if !names_packages(args) {
        cargo.arg("--workspace");
    }
    cargo.args(args);
    cargo
}

/// `--workspace` beside `-p` would win over it, and is refused beside itself.
fn names_packages(args: &[String]) -> bool {
    let exact = ["--workspace", "--all"];
    let begun = ["-p", "--package", "--manifest-path"];
    args.iter().any(|arg| exact.contains(&arg.as_str()) || begun.iter().any(|name| arg.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert!(names_packages(&words("-p tombola-core")));
        assert!(names_packages(&words("--package=tombola-core")));
        assert!(names_packages(&words("--workspace -E test(readme)")));
        assert!(!names_packages(&words("survives_a_kill --no-capture")));
    }
}
