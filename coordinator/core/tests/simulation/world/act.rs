//! What people ask for, and what goes wrong, each at its time: the script of a schedule.

use crate::{chance::Chance, sweeps::FAMILIES};
use std::time::Duration;
use tombola_core::record::SweepState;

/// Something that is done to the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Act {
    /// People submit a sweep.
    Submit(usize),
    /// … give it more to do.
    Extend(usize),
    /// … pause, resume, stop or cancel it.
    Set(usize, SweepState),
    /// … open its failed jobs again.
    Retry(usize),
    /// … let a worker leave.
    Drain(usize),
    /// What no sweep keeps of this half of all jobs is dropped, if nobody reads it.
    Drop(u64),
    /// People ask for all that was dropped of a sweep.
    Again(usize),
    /// A coordinator is killed, and comes back.
    KillCoordinator(usize, Duration),
    /// A coordinator is stopped for a while. Does the store notice, so that another leads?
    StopCoordinator(usize, Duration, bool),
    /// Commits fail or nobody knows.
    FailCommits(Duration),
    /// The store's disk is slow.
    SlowDisk(Duration),
    /// Artifacts cannot be uploaded.
    FailUploads(Duration),
    /// Artifacts that were uploaded are gone when a report names them.
    LoseUploads(Duration),
    /// A worker is killed, and comes back. Does its disk live?
    KillWorker(usize, Duration, bool),
    /// A worker is asked to leave by its machine, and comes back.
    DrainWorker(usize),
    /// A worker's link breaks.
    CutLink(usize),
    /// Nothing gets through to a worker.
    Part(usize, Duration),
    SlowNetwork(usize, Duration),
    /// Everything fails on a machine.
    Spoil(usize, Duration),
    /// A machine is slow.
    SlowMachine(usize, Duration),
    /// A machine's engines do not get on.
    Stick(usize, Duration),
    /// A machine offers data it cannot read.
    LieAboutData(usize, Duration),
    /// A machine has no data, or other content; it comes back to say so.
    LackData(usize, Duration),
}

impl Act {
    /// Submissions come one at a time, and so does what must not happen meanwhile.
    pub(crate) fn needs_turn(self) -> bool {
        matches!(
            self,
            Self::Submit(_)
                | Self::Extend(_)
                | Self::Set(_, SweepState::Cancelled)
                | Self::Drop(_)
                | Self::Again(_)
        )
    }
}

/// The acts of a schedule by their time.
pub(crate) type Script = Vec<(Duration, Act)>;

/// How long a schedule goes on before everything is mended.
pub(crate) const TROUBLE: Duration = Duration::from_secs(90);

/// Draws a script: sweeps, what people do to them, and so many faults.
pub(crate) fn script(seed: u64, agents: usize, processes: usize) -> Script {
    let mut chance = Chance::new(seed, 2);
    let mut script = Vec::new();
    let end = TROUBLE.as_millis() as u64;
    let families = FAMILIES.len();
    let first = chance.below(families);
    script.push((Duration::from_millis(10), Act::Submit(first)));
    for _ in 0..chance.number(0..3) {
        script.push((chance.millis(0..end / 2), Act::Submit(chance.below(families))));
    }
    for _ in 0..chance.number(0..8) {
        let family = chance.below(families);
        let act = match chance.below(8) {
            0..=2 => Act::Extend(family),
            3..=5 => Act::Set(family, chance.pick(&SweepState::ALL)),
            6 => Act::Retry(family),
            _ => Act::Drain(chance.below(agents)),
        };
        script.push((chance.millis(0..end), act));
    }
    let faults = chance.pick(&[0, 3, 8, 20, 40]);
    // Some schedules have one kind of trouble only, so that it is had often.
    let only = chance.one_in(3).then(|| chance.below(KINDS));
    for _ in 0..faults {
        let kind = only.unwrap_or_else(|| chance.below(KINDS));
        script.push((chance.millis(0..end), fault(kind, agents, processes, &mut chance)));
    }
    script.extend(retention(seed, families));
    script.sort_by_key(|(at, _)| *at);
    script
}

/// What is dropped, and asked for all the same.
fn retention(seed: u64, families: usize) -> Script {
    let mut chance = Chance::new(seed, 3);
    let end = TROUBLE.as_millis() as u64;
    let times = if chance.one_in(2) { chance.number(1..8) } else { 0 };
    let act = |chance: &mut Chance| match chance.below(3) {
        0 => Act::Again(chance.below(families)),
        _ => Act::Drop(chance.number(0..2)),
    };
    (0..times).map(|_| (chance.millis(0..end), act(&mut chance))).collect()
}

const KINDS: usize = 16;

fn fault(kind: usize, agents: usize, processes: usize, chance: &mut Chance) -> Act {
    let (agent, process) = (chance.below(agents), chance.below(processes));
    let (short, long) = (chance.millis(100..4000), chance.millis(1000..40_000));
    match kind {
        0 => Act::KillCoordinator(process, short),
        1 => Act::StopCoordinator(process, long, chance.one_in(2)),
        2 => Act::FailCommits(short * 2),
        3 => Act::SlowDisk(long),
        4 => Act::FailUploads(long),
        5 => Act::KillWorker(agent, short, true),
        6 => Act::KillWorker(agent, long, chance.one_in(2)),
        7 => Act::DrainWorker(agent),
        8 => Act::CutLink(agent),
        9 => Act::Part(agent, long),
        10 => Act::SlowNetwork(agent, long),
        11 => Act::Spoil(agent, short * 2),
        12 => Act::SlowMachine(agent, long),
        13 => Act::Stick(agent, long),
        14 => Act::LoseUploads(short),
        _ if chance.one_in(2) => Act::LieAboutData(agent, short),
        _ => Act::LackData(agent, long),
    }
}
