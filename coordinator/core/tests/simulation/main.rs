//! Simulation of the scheduler: coordinators, workers, people, a network and a store that fails, in simulated time. All of it
//! follows from a seed; the laws in [`laws`] are checked at every step.
//!
//! ```text
//! cargo nextest run -p tombola-core --test simulation                                  # about ten seconds
//! TOMBOLA_SIM_SCHEDULES=100000 cargo nextest run -p tombola-core --test simulation     # for long
//! TOMBOLA_SIM_SEED=123 cargo nextest run -p tombola-core --test simulation             # one schedule again
//! ```
//!
//! A schedule that fails is made as short as it goes by leaving out what people did and what went wrong, and told in words.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod chance;
mod laws;
mod shrink;
mod store;
mod story;
mod sweeps;
mod truth;
mod worker;
mod world;

use shrink::{Schedule, report};
use std::{fmt::Write as _, time::Duration};

/// Schedules of a run of the test suite.
const SCHEDULES: u64 = 400;
/// The first seed of a run; any will do.
const FIRST: u64 = 1;

#[test]
fn whatever_happens_nothing_is_lost_and_everything_ends() {
    let (first, schedules) = match setting("TOMBOLA_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (
            setting("TOMBOLA_SIM_FIRST").unwrap_or(FIRST),
            setting("TOMBOLA_SIM_SCHEDULES").unwrap_or(SCHEDULES),
        ),
    };
    let mut totals = Totals::default();
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let failed = (first..first + schedules).find(|seed| !totals.add(&Schedule::of(*seed)));
    let told = failed.map(|seed| report(Schedule::of(seed)));
    std::panic::set_hook(silent);
    assert!(told.is_none(), "{}", told.unwrap_or_default());
    println!("{}", totals.words());
}

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "what is run is the test's own business, not the crate's")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// What a run went through.
#[derive(Debug, Default)]
struct Totals {
    schedules: u64,
    happenings: u64,
    simulated: Duration,
    results: u64,
    attempts: u64,
    acts: u64,
}

impl Totals {
    /// Runs a schedule; whether it is a good one.
    fn add(&mut self, schedule: &Schedule) -> bool {
        let acts = schedule.script.len() as u64;
        let Ok(world) = schedule.run(false) else { return false };
        self.schedules += 1;
        self.happenings += world.count;
        self.simulated += world.scene.now;
        self.results += world.scene.truth.finished;
        self.attempts += world.scene.truth.runs.len() as u64;
        self.acts += acts;
        true
    }

    fn words(&self) -> String {
        let mut words = String::new();
        let Self { schedules, happenings, simulated, results, attempts, acts } = self;
        let hours = simulated.as_secs() / 3600;
        let _ = write!(
            words,
            "{schedules} schedules: {happenings} happenings in {hours} simulated hours, {acts} acts of people and faults, \
             {attempts} attempts, {results} results made"
        );
        words
    }
}
