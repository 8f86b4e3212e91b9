//! What goes wrong, and when: a list that follows from the seed.

use crate::{
    chance::Chance,
    hosts::{COORDINATORS, WORKERS},
    memory::Trouble,
};
use std::time::Duration;

/// For so long things go wrong; from then on everything is mended.
pub(crate) const STORM: Duration = Duration::from_secs(45);

/// The usual longest time of a message on its way.
pub(crate) const LATENCY: Duration = Duration::from_millis(40);

/// A host by its name.
pub(crate) type Name = &'static str;

/// Something that changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change {
    /// A process is gone, with all it had in memory.
    Crash(Name),
    /// It starts (again).
    Start(Name),
    /// It is asked to leave.
    Leave(Name),
    /// What is sent between two hosts is lost.
    Partition(Name, Name),
    /// What is sent from one host to another is lost.
    Deaf(Name, Name),
    /// What is sent between two hosts waits.
    Hold(Name, Name),
    /// Messages between two hosts take up to so long.
    Slow(Name, Name, Duration),
    /// One in so many messages between two hosts is lost, and what is on its way with it.
    Lossy(Name, Name, u32),
    /// Everything between two hosts is as it should be.
    Mend(Name, Name),
    /// The next commit goes wrong.
    Commit(Trouble),
}

/// What goes wrong in a run, by time.
pub(crate) fn storm(chance: &mut Chance) -> Vec<(Duration, Change)> {
    let mut storm = Vec::new();
    let mut at = chance.millis(500..6000);
    while at < STORM {
        strike(chance, at, &mut storm);
        at += chance.millis(100..4000);
    }
    storm.sort_by_key(|(at, _)| *at);
    storm
}

fn strike(chance: &mut Chance, at: Duration, storm: &mut Vec<(Duration, Change)>) {
    let long = chance.one_in(4);
    let over = at + if long { chance.millis(4000..20_000) } else { chance.millis(50..3000) };
    let host = chance.pick(&[COORDINATORS[0], COORDINATORS[1], WORKERS[0], WORKERS[1]]);
    let (a, b) = (chance.pick(&["people", WORKERS[0], WORKERS[1]]), chance.pick(&COORDINATORS));
    let (begins, ends) = match chance.below(10) {
        0 | 1 => (Change::Crash(host), Change::Start(host)),
        2 => (Change::Leave(host), Change::Start(host)),
        3 => (Change::Partition(a, b), Change::Mend(a, b)),
        4 if chance.one_in(2) => (Change::Deaf(a, b), Change::Mend(a, b)),
        4 => (Change::Deaf(b, a), Change::Mend(a, b)),
        5 => (Change::Hold(a, b), Change::Mend(a, b)),
        6 => (Change::Slow(a, b, chance.millis(100..3000)), Change::Mend(a, b)),
        7 => (Change::Lossy(a, b, chance.pick(&[20, 50, 200])), Change::Mend(a, b)),
        8 => return storm.push((at, Change::Commit(Trouble::Lost))),
        _ => return storm.push((at, Change::Commit(Trouble::Unknown))),
    };
    storm.extend([(at, begins), (over.min(STORM), ends)]);
}
