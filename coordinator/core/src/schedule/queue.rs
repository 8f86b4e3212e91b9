//! Ready jobs, in lines of jobs that may be packed together, the most urgent first. Knows nothing of workers.

use super::key::KeyId;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};
use tombola_spec::{JobId, SweepId};

/// Jobs that may share a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// Their key.
    pub(super) key: KeyId,
    /// For masks: the key of the training that follows, so that what was packed before a mask is packed after it.
    pub(super) follow: KeyId,
    /// Widest pack they may be in. Suspects of worker losses stand in lines of their own.
    pub(super) cap: u32,
    /// Iteration they go on from.
    pub(super) resume: u64,
}

/// Place in a line: critical path first, then the older sweep, then the older job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) height: Reverse<u64>,
    pub(super) sweep: SweepId,
    pub(super) job: JobId,
}

/// The lines. Every operation is logarithmic.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: BTreeMap<Line, BTreeSet<Rank>>,
    /// The head of each line.
    heads: BTreeSet<(Rank, Line)>,
    /// Where each job stands.
    places: BTreeMap<JobId, (Line, Rank)>,
    /// Jobs came since the last placement.
    news: bool,
}

impl Queue {
    /// Whether jobs came since this was last asked.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Adds a job, which must not be there yet.
    pub(super) fn push(&mut self, line: Line, rank: Rank) {
        self.news = true;
        self.places.insert(rank.job, (line, rank));
        let ranks = self.lines.entry(line).or_default();
        let head = ranks.first().copied();
        ranks.insert(rank);
        if head.is_none_or(|head| rank < head) {
            if let Some(head) = head {
                self.heads.remove(&(head, line));
            }
            self.heads.insert((rank, line));
        }
    }

    /// Removes a job if it is there.
    pub(super) fn remove(&mut self, job: JobId) {
        let Some((line, rank)) = self.places.remove(&job) else { return };
        let Some(ranks) = self.lines.get_mut(&line) else { return };
        ranks.remove(&rank);
        if self.heads.remove(&(rank, line))
            && let Some(head) = ranks.first()
        {
            self.heads.insert((*head, line));
        }
        if ranks.is_empty() {
            self.lines.remove(&line);
        }
    }

    /// Takes the first `n` jobs of a line.
    pub(super) fn take(&mut self, line: &Line, n: usize) -> Vec<JobId> {
        let ranks = self.lines.get(line).into_iter().flatten();
        let jobs: Vec<JobId> = ranks.take(n).map(|rank| rank.job).collect();
        for job in &jobs {
            self.remove(*job);
        }
        jobs
    }

    /// The head of the most urgent line after `place` (`None` = of all).
    pub(super) fn next(&self, place: Option<(Rank, Line)>) -> Option<(Rank, Line)> {
        let after = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.heads.range((after, Bound::Unbounded)).next().copied()
    }

    /// Jobs in a line.
    pub(super) fn len(&self, line: &Line) -> usize {
        self.lines.get(line).map_or(0, BTreeSet::len)
    }

    /// Whether a job waits for a slot.
    pub(super) fn contains(&self, job: JobId) -> bool {
        self.places.contains_key(&job)
    }

    /// The rank of a job that waits for a slot.
    pub(super) fn rank(&self, job: JobId) -> Option<Rank> {
        self.places.get(&job).map(|(_, rank)| *rank)
    }

    /// Jobs that wait for a slot and are more urgent than this one.
    pub(super) fn ahead_of(&self, job: JobId) -> impl Iterator<Item = JobId> + '_ {
        let own = self.rank(job);
        self.places.values().filter(move |(_, rank)| Some(*rank) < own).map(|(_, rank)| rank.job)
    }
}
