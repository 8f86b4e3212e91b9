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
//!
//! That it can fail was tried with mutants of the scheduler, made by hand and thrown away. First seed (from 1) that caught each:
//!
//! | mutant | seed |
//! |---|---|
//! | what is done is never forgotten; an attempt number is given twice; a child is ready with its first parent; a batch of metrics is left out | 1 |
//! | a report of any attempt counts; terms never end; a loss costs a try; held siblings are never let go | 4 |
//! | what a worker holds no more is not opened again; a new leader forgets who holds what | 5 |
//! | a slot that was stuck never works again | 8 |
//! | an infrastructure failure is charged | 9 |
//! | a cancelled sweep keeps what is leased; a result may stand on what was never committed; a checkpoint may | 17 |
//! | a paused sweep is leased all the same | 25 |
//! | what is done is fenced at a Hello | 29 |
//! | pauses never end | 42 |
//! | terms end four seconds early; a broken link counts as up | 62, 73 |
//! | a suspect is never packed alone; nor before its last loss | 132, 297 |
//! | a chained job does not wait for parents outside its lease | 300 |
//! | what follows a job that came to nothing is kept (the bug it was) | 326 |
//! | one sweep gives a shared job up for all | 363 |
//! | nothing is ever taken back that stands still; what gets on is, too | 498, 661 |
//! | a Hello that comes after a later one counts | 572 |
//! | a report extends no lease | 1241 |
//! | what was dropped counts as there; what is made again is claimed by nobody | 1 |
//! | finished jobs that were forgotten are not counted | 11 |
//! | a job given up reads what was replaced; one that reads others is linked twice | 1068, 4622 |
//!
//! Not caught in 6,000: a late report of missing data counts (caught by seed 17568), a failed job is not opened again for a sweep
//! that asks for it, a report that is fenced is not told so (the next heartbeat is), a worker that drains is granted leases (it
//! gives them back), a lost Recall is not repeated, a Returned of another lease counts; a report does not show that its lease gets on,
//! what is taken back is not cancelled (the next heartbeat fences it), its slot takes more at once or keeps what it has not begun (`tests/schedule/stuck.rs`); what living jobs read is dropped, or what nothing
//! reads made again (`tests/schedule/keep.rs`); a checkpoint outlives the parents it stood on.
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
const SCHEDULES: u64 = 6000;
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
