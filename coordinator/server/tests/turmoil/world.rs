//! One run: hosts on a simulated network in simulated time, what goes wrong, and what is left in the end.

use crate::{
    chance::Chance,
    faults::{self, Change, LATENCY, Name, STORM},
    hosts::{self, COORDINATORS, Place, WORKERS},
    memory::{Made, Memory},
    sweeps::{FAMILIES, Family},
};
use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::Notify;
use tombola_spec::Fingerprint;
use turmoil::{Builder, Sim};

/// How far time goes at once.
const TICK: Duration = Duration::from_millis(10);
/// Once everything is mended, all work has to be done after so long.
const PATIENCE: Duration = Duration::from_secs(240);
/// Sweeps of a run.
const SWEEPS: usize = 3;

/// A run.
pub(crate) struct World {
    sim: Sim<'static>,
    place: Place,
    leave: BTreeMap<Name, Arc<Notify>>,
    storm: VecDeque<(Duration, Change)>,
    /// What went wrong, and when.
    pub(crate) story: Vec<String>,
}

/// What a run came to.
pub(crate) struct Ended {
    /// The digest of all commits with their times.
    pub(crate) course: String,
    pub(crate) commits: u64,
    pub(crate) attempts: usize,
    pub(crate) simulated: Duration,
    pub(crate) results: BTreeMap<Fingerprint, Made>,
}

/// The sweeps of a seed, with or without a storm.
pub(crate) fn families(seed: u64) -> Vec<&'static Family> {
    let mut chance = Chance::new(seed, 2);
    let mut all: Vec<_> = FAMILIES.iter().collect();
    (0..SWEEPS).map(|_| all.swap_remove(chance.below(all.len()))).collect()
}

impl World {
    /// A run of these sweeps in which what goes wrong follows from the seed. Seed 0: nothing does.
    pub(crate) fn new(families: Vec<&'static Family>, seed: u64, folder: &Path) -> Self {
        let memory = Memory::new(Chance::new(seed, 1));
        let mut sim = Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .simulation_duration(STORM + 2 * PATIENCE)
            .max_message_latency(LATENCY)
            .tcp_capacity(4096)
            .build();
        let place = Place::new(memory, folder.to_owned());
        let mut leave = BTreeMap::new();
        for (number, name) in COORDINATORS.into_iter().enumerate() {
            let (place, asked) = (place.clone(), Arc::new(Notify::new()));
            leave.insert(name, Arc::clone(&asked));
            sim.host(name, move || hosts::coordinator(number, place.clone(), Arc::clone(&asked)));
        }
        for (number, name) in WORKERS.into_iter().enumerate() {
            let (folder, asked) = (folder.join(name), Arc::new(Notify::new()));
            leave.insert(name, Arc::clone(&asked));
            sim.host(name, move || hosts::worker(number, folder.clone(), seed, Arc::clone(&asked)));
        }
        sim.client("people", hosts::people(families));
        let storm = if seed == 0 { Vec::new() } else { faults::storm(&mut Chance::new(seed, 3)) };
        Self { sim, place, leave, storm: storm.into(), story: Vec::new() }
    }

    /// Runs to the end.
    pub(crate) fn run(&mut self) -> Result<Ended, String> {
        let calm = self.storm.is_empty();
        loop {
            while self.storm.front().is_some_and(|(at, _)| *at <= self.sim.elapsed()) {
                let (_, change) = self.storm.pop_front().expect("there is one");
                self.story.push(format!("{:>8.3} s  {change:?}", self.sim.elapsed().as_secs_f64()));
                self.make(change);
            }
            let satisfied = self.sim.step().map_err(|error| error.to_string())?;
            if let Some(what) = self.place.memory.refused() {
                return Err(format!("the store was asked for what it refuses: {what}"));
            }
            if satisfied && (calm || self.sim.elapsed() > STORM) && self.place.memory.is_done(SWEEPS) {
                return self.end();
            }
            if self.sim.elapsed() > STORM + PATIENCE {
                return Err(format!("not everything is done in the end: {}", self.place.memory.standing()));
            }
        }
    }

    fn end(&self) -> Result<Ended, String> {
        let (commits, attempts, course) = self.place.memory.course();
        let results = self.place.memory.results();
        for artifact in results.values().flat_map(Made::artifacts) {
            self.place.has(artifact)?;
        }
        Ok(Ended { course, commits, attempts, simulated: self.sim.elapsed(), results })
    }

    fn make(&mut self, change: Change) {
        let sim = &mut self.sim;
        match change {
            Change::Crash(host) => sim.crash(host),
            Change::Start(host) => sim.bounce(host),
            Change::Leave(host) => self.leave[host].notify_waiters(),
            Change::Partition(a, b) => sim.partition(a, b),
            Change::Deaf(from, to) => sim.partition_oneway(from, to),
            Change::Hold(a, b) => sim.hold(a, b),
            Change::Slow(a, b, most) => sim.set_link_max_message_latency(a, b, most),
            Change::Lossy(a, b, one_in) => sim.set_link_fail_rate(a, b, 1.0 / f64::from(one_in)),
            Change::Mend(a, b) => {
                sim.set_link_fail_rate(a, b, 0.0);
                sim.set_link_max_message_latency(a, b, LATENCY);
                sim.release(a, b);
            }
            Change::Commit(trouble) => self.place.memory.trouble(trouble),
        }
    }
}
