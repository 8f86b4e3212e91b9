//! `cargo xtask fuzz`: the cases that run with all tests, many more of them, of ever other seeds; or libFuzzer.

mod guided;
mod tally;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::args::Args;
use crate::paths::Paths;
use crate::postgres::Postgres;
use crate::shell::{self, Failure, Result};

pub(crate) const HELP: &str = "\
Fuzz what comes from outside: sweep files, messages, uploads, data sets, checkpoints, spools, SQL, backups.

Usage: cargo xtask fuzz [--minutes N] [--seed N] [ARGS]...
       cargo xtask fuzz --guided [TARGET]... [--minutes N] [--jobs N]

Without --guided: runs every test in a module or binary called `fuzz`, with 2000 cases each, again and again with other seeds
until N minutes have passed (10). ARGS go to `cargo nextest run`: `cargo xtask fuzz -p tombola-core`. Without -p, the default
crates are fuzzed; the engine's readers are with `-p tombola-engine`. A Postgres is started for those that need one. A case
that fails is printed with its input, made as small as possible. `--seed` with the seed that was printed above it does the
same once more.

With --guided: runs libFuzzer on the targets of `deploy/fuzz/guided`, all of them if none is named, in turn, N minutes
altogether (10), as many at once as --jobs says (1). It sees which code an input reaches and goes on from those that reach more,
also those of earlier runs: everything is kept in target/fuzz. The first build takes minutes, on the pinned toolchain. At the end
a table tells of this run and of all there ever were; target/fuzz/runs.jsonl has a line for each slice. `--minutes 0` only
tells. What crashes, hangs for 30 s or takes 4 GiB is kept, with the command that runs it again:

  cargo run -p tombola-guided -- TARGET target/fuzz/TARGET/crashes/crash-…

Make it a test that is named after what it did; `rm -r target/fuzz/TARGET` forgets a target.";

/// Cases of each test in a round.
const CASES: &str = "2000";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (mut minutes, mut seed, mut jobs, mut guided, mut rest) = (10, None, None, false, Vec::new());
    while let Some(word) = args.next() {
        match word.as_str() {
            "--minutes" => minutes = number(&mut args, "--minutes")?,
            "--seed" => seed = Some(number(&mut args, "--seed")?),
            "--jobs" => jobs = Some(number(&mut args, "--jobs")?),
            "--guided" => guided = true,
            _ => rest.push(word),
        }
    }
    let time = Duration::from_secs(60 * minutes);
    match (guided, seed, jobs) {
        (true, None, jobs) => guided::run(&Paths::new()?, &rest, time, jobs.unwrap_or(1)),
        (false, seed, None) => rounds(&Paths::new()?, time, seed, &rest),
        _ => Err(Failure::Usage("`--seed` is without `--guided`, and `--jobs` with it".to_owned())),
    }
}

fn rounds(paths: &Paths, time: Duration, seed: Option<u64>, args: &[String]) -> Result<()> {
    let postgres = Postgres::start()?;
    if let Some(seed) = seed {
        return round(paths, &postgres, seed, args);
    }
    let end = Instant::now() + time;
    let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    for seed in first.. {
        round(paths, &postgres, seed, args)?;
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
