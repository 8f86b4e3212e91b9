//! What really happens, whatever anybody believes: what every attempt read and measured, who ran it, who is heard. The laws
//! compare it with what is stored.

use crate::{chance::Chance, worker::Lane};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tombola_spec::{Digest, Fingerprint, WorkerId, job::Input, outcome::Artifact};

/// What becomes of a job that is let run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    Sound,
    /// It takes its engine or its machine down.
    Poison,
    /// Its loss becomes no number.
    NotFinite,
    /// No memory is enough for it.
    Huge,
}

/// The tempers of jobs: they come with what a job is, and never change.
#[derive(Debug)]
pub(crate) struct Nature {
    seed: u64,
    /// So many jobs in a hundred are not sound.
    unsound: u64,
}

impl Nature {
    pub(crate) fn new(seed: u64, unsound: u64) -> Self {
        Self { seed, unsound }
    }

    /// What a job is like.
    pub(crate) fn of(&self, job: &Fingerprint) -> Temper {
        let mut low = [0; 8];
        low.copy_from_slice(&job.0.0[..8]);
        let mut chance = Chance::new(self.seed, u64::from_le_bytes(low));
        match chance.number(0..100) {
            n if n >= self.unsound => Temper::Sound,
            _ => chance.pick(&[Temper::Poison, Temper::NotFinite, Temper::Huge]),
        }
    }
}

/// An attempt that began.
#[derive(Debug)]
pub(crate) struct Run {
    /// Machine and process.
    pub(crate) by: (usize, u64),
    pub(crate) reads: BTreeMap<Input, Digest>,
    /// Metric batches so far.
    pub(crate) batches: u32,
    /// How far it is by the last heartbeats, when that was first said, and for how long it ever stood still.
    said: Option<(u64, Duration)>,
    stood: Duration,
}

/// What really happened.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) runs: BTreeMap<Lane, Run>,
    /// Attempts that ran when their machine went down.
    pub(crate) killed: BTreeSet<Lane>,
    /// The living process of each machine.
    pub(crate) living: BTreeMap<usize, u64>,
    /// When a worker's words last reached a leader's door, by leader's process and life.
    reached: BTreeMap<(usize, u64, WorkerId), Duration>,
    /// Results made, whether or not anybody wants them.
    pub(crate) finished: u64,
}

impl Truth {
    /// An attempt begins.
    pub(crate) fn begin(&mut self, lane: Lane, by: (usize, u64), reads: &BTreeMap<Input, Artifact>) {
        let reads = reads.iter().map(|(input, artifact)| (*input, artifact.digest)).collect();
        let before = self.runs.insert(lane, Run { by, reads, batches: 0, said: None, stood: Duration::ZERO });
        assert!(before.is_none(), "{} {} begins twice", lane.0, lane.1);
    }

    /// An attempt has measured so many batches.
    pub(crate) fn batches(&mut self, lane: Lane, batches: u32) {
        if let Some(run) = self.runs.get_mut(&lane) {
            run.batches = batches;
        }
    }

    /// A heartbeat says how far an attempt is.
    pub(crate) fn beat(&mut self, lane: Lane, at: u64, now: Duration) {
        let Some(run) = self.runs.get_mut(&lane) else { return };
        match run.said {
            Some((before, since)) if before == at => run.stood = run.stood.max(now - since),
            _ => run.said = Some((at, now)),
        }
    }

    /// For how long an attempt stood still, by its worker's heartbeats.
    pub(crate) fn stood(&self, lane: Lane) -> Duration {
        self.runs.get(&lane).map_or(Duration::ZERO, |run| run.stood)
    }

    /// A worker's words reached a leader's door.
    pub(crate) fn reach(&mut self, (process, life): (usize, u64), worker: WorkerId, now: Duration) {
        self.reached.insert((process, life, worker), now);
    }

    /// When they last did.
    pub(crate) fn last_reached(&self, (process, life): (usize, u64), worker: WorkerId) -> Option<Duration> {
        self.reached.get(&(process, life, worker)).copied()
    }

    /// Whether the process that runs an attempt lives.
    pub(crate) fn lives(&self, lane: Lane) -> bool {
        self.runs.get(&lane).is_some_and(|run| self.living.get(&run.by.0) == Some(&run.by.1))
    }
}
