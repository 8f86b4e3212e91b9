//! The real stack in simulated time: coordinators and agents as they are, gRPC included, on hosts, a network and clocks that follow
//! from a seed. Engines pretend, records are in memory, and so is the disk of the artifacts.
//!
//! ```text
//! cargo nextest run -p tombola-server --test turmoil                            # 8 runs, a quarter of a minute
//! TOMBOLA_TURMOIL_RUNS=500 cargo nextest run -p tombola-server --test turmoil   # for long; TOMBOLA_TURMOIL_FIRST is the first seed
//! TOMBOLA_TURMOIL_LOG=info TOMBOLA_TURMOIL_SEED=123 cargo nextest run -p tombola-server --test turmoil   # one again, in words
//! ```
//!
//! That it can fail was tried with mutants, made by hand and thrown away. First seed (from 1) that caught each:
//!
//! | mutant | seed |
//! |---|---|
//! | a leader goes on with its memory after a commit of which nobody knows | 1 |
//! | reports that were on a broken link are not sent again over the next | 1 |
//! | the collector removes what is named | 1 |
//! | links stay open when a leader forgets its memory | 2 |
//! | an agent never asks whether a silent connection lives | 8 |
//!
//! Not caught in 16: words over an earlier link of a worker are heard, a submission that was read before a fold is stored after it,
//! answers to a commit that failed are given with the next, the coordinator never asks whether a silent connection lives, no
//! heartbeats, artifacts that are named are not looked for, a worker forgets who it was.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::print_stdout, reason = "it is a test, with a `main` of its own")]

#[path = "../../../core/tests/simulation/chance.rs"]
mod chance;
#[path = "../../../../worker/agent/tests/rig/fake/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod fake;
mod faults;
mod hosts;
mod memory;
mod process;
#[path = "../../../core/tests/simulation/store/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod rows;
#[path = "../../../core/tests/simulation/sweeps.rs"]
mod sweeps;
mod world;

use libtest_mimic::{Arguments, Trial};
use process::{SEED_HERE, abreast, live, number};

/// Runs of the test suite.
const RUNS: u64 = 8;
/// Runs at once.
const ABREAST: usize = 2;

fn main() {
    if let Some(seed) = number(SEED_HERE) {
        return live(seed);
    }
    let test = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let tests = vec![
        test("every_job_is_done_once_and_the_results_are_those_of_a_calm_run", whatever_goes_wrong),
        test("two_runs_of_a_seed_take_the_same_course", two_runs),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

fn whatever_goes_wrong() {
    let seeds: Vec<u64> = match number("TOMBOLA_TURMOIL_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = number("TOMBOLA_TURMOIL_FIRST").unwrap_or(1);
            (first..first + number("TOMBOLA_TURMOIL_RUNS").unwrap_or(RUNS)).collect()
        }
    };
    for some in seeds.chunks(ABREAST) {
        abreast(some).into_iter().for_each(|course| println!("{course}"));
    }
}

fn two_runs() {
    for seed in [2, 3] {
        let [first, second] = &abreast(&[seed, seed])[..] else { panic!("two runs were asked for") };
        assert_eq!(first, second);
    }
}
