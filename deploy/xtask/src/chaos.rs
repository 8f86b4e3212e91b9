//! `cargo xtask chaos`: real processes, real faults, the same results.

use crate::args::Args;
use crate::paths::Paths;
use crate::shell::{Failure, Result};
use crate::test;

pub(crate) const HELP: &str = "\
Run a sweep while everything it runs on fails in turn, and compare it with an undisturbed run.

Usage: cargo xtask chaos [--faults N] [--seed S]

A coordinator on SQLite, then two on a Postgres of their own; two workers with real engines; a network, a disk and a clock
that fail. Coordinators, workers, engines and Postgres are killed, stopped and continued; connections are reset; a host is
silent, or slow, or two do not hear each other, in one direction or both; the disk is full; artifacts are gone or damaged;
the clock is stepped; no connection to Postgres is left. After each fault somebody has to lead, and every worker to be
connected to it. At the end masks, weights and every metric point have to be those of a run in which nothing failed, bit for bit,
and no job may have been done twice.

  --faults N   faults on each database [default: 200]; some 4 s each
  --seed S     another run [default: 1]; the same seed does the same things, at moments that depend on the machine

Full disks and missing artifacts need the right to mount, stepped clocks a C compiler: without, these faults are left out.
Silence needs the right to make network namespaces, and ip, tc, bridge, ss and nsenter: without, everybody is on loopback
behind proxies, which reset connections or pass nothing on. A run says at its beginning which of the two it is.
`cargo xtask test` lets every fault happen once on each database.";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (mut faults, mut seed) = ("200".to_owned(), "1".to_owned());
    while let Some(word) = args.next() {
        let value = match word.as_str() {
            "--faults" => &mut faults,
            "--seed" => &mut seed,
            _ => return Err(args.unknown(&word)),
        };
        *value = args.value(&word, "a number")?;
        if value.parse::<u64>().is_err() {
            return Err(Failure::Usage(format!("`{word}` is a number, not `{value}`")));
        }
    }
    let settings = [("TOMBOLA_CHAOS_FAULTS", faults), ("TOMBOLA_CHAOS_SEED", seed)];
    let only = ["--no-capture", "-E", "binary(chaos)"].map(str::to_owned);
    test::test_with(&Paths::new()?, false, &only, &settings)
}
