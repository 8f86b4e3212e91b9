//! `cargo xtask fuzz`: the cases that run with all tests, many more of them, of ever other seeds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::args::Args;
use crate::paths::Paths;
use crate::postgres::Postgres;
use crate::shell::{self, Failure, Result};

pub(crate) const HELP: &str = "\
Fuzz what comes from outside: sweep files, messages, uploads, data sets, checkpoints, spools.

Usage: cargo xtask fuzz [--minutes N] [--seed N] [ARGS]...

Runs every test in a module or binary called `fuzz`, with 2000 cases each, again and again with other seeds until N minutes
have passed (10). ARGS go to `cargo nextest run`: `cargo xtask fuzz -p tombola-core`. Without -p, the default crates are
fuzzed; the engine's readers are with `-p tombola-engine`. A Postgres is started for those that need one.

A case that fails is printed with its input, made as small as possible. `--seed` with the seed that was printed above it does
the same once more.";

/// Cases of each test in a round.
const CASES: &str = "2000";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (mut minutes, mut seed, mut rest) = (10, None, Vec::new());
    while let Some(word) = args.next() {
        match word.as_str() {
            "--minutes" => minutes = number(&mut args, "--minutes")?,
            "--seed" => seed = Some(number(&mut args, "--seed")?),
            _ => rest.push(word),
        }
    }
    let paths = Paths::new()?;
    let postgres = Postgres::start()?;
    if let Some(seed) = seed {
        return round(&paths, &postgres, seed, &rest);
    }
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    for seed in first.. {
        round(&paths, &postgres, seed, &rest)?;
        if Instant::now() >= end {
            break;
        }
    }
    Ok(())
}

fn round(paths: &Paths, postgres: &Postgres, seed: u64, args: &[String]) -> Result<()> {
    shell::say(&format!("seed {seed}"));
    let mut tests = paths.cargo();
    tests.args(["nextest", "run", "-E", "binary(fuzz) | test(/(^|::)fuzz::/)"]).args(args);
    tests.env("PROPTEST_CASES", CASES).env("PROPTEST_RNG_SEED", seed.to_string());
    tests.env("TOMBOLA_TEST_POSTGRES", postgres.url());
    shell::run(&mut tests, "make the case a test that is named after what it did")
}

fn number(args: &mut Args, flag: &str) -> Result<u64> {
    let word = args.value(flag, "a number")?;
    word.parse().map_err(|_| Failure::Usage(format!("`{flag} {word}`: that is not a number")))
}
