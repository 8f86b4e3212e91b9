//! The jobs of the stage at work: which are not over, and the points not yet told of each.

use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use tombola_spec::{
    Attempt, JobId,
    outcome::Series,
    slot::{Stage, StageJob},
};

/// Jobs of a stage that are not over.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: BTreeMap<JobId, Lane>,
    /// When points are told next; `None` = there are none.
    pub(super) flush_at: Option<Instant>,
    flush_every: Duration,
    /// The stage was told to end.
    pub(super) yielding: bool,
}

#[derive(Debug)]
struct Lane {
    attempt: Attempt,
    series: Vec<Series>,
}

/// Most points of one report, about 200 KB of them: a resumed job tells all it has, and no message may be too large.
pub(super) const MOST_POINTS: usize = 10_000;

/// Series in portions of at most so many points, in order.
pub(super) fn portions(series: Vec<Series>, most: usize) -> Vec<Vec<Series>> {
    let (mut portions, mut room) = (Vec::<Vec<Series>>::new(), 0);
    for Series { name, split, mut iterations, mut values } in series {
        while !iterations.is_empty() {
            if room == 0 {
                portions.push(Vec::new());
                room = most.max(1);
            }
            let count = room.min(iterations.len());
            let (rest, later) = (iterations.split_off(count), values.split_off(count.min(values.len())));
            let part = Series { name: name.clone(), split, iterations, values };
            portions.last_mut().expect("made above").push(part);
            (iterations, values, room) = (rest, later, room - count);
        }
    }
    portions
}

impl Lanes {
    pub(super) fn new(stage: &Stage, flush_every: Duration) -> Self {
        let lane = |job: &StageJob| (job.job, Lane { attempt: job.attempt, series: Vec::new() });
        let lanes = stage.jobs.iter().map(lane).collect();
        Self { lanes, flush_at: None, flush_every, yielding: false }
    }

    /// The attempt of a job that is not over.
    pub(super) fn attempt(&self, job: JobId) -> Option<Attempt> {
        self.lanes.get(&job).map(|lane| lane.attempt)
    }

    /// Jobs that are not over.
    pub(super) fn jobs(&self) -> Vec<(JobId, Attempt)> {
        self.lanes.iter().map(|(&job, lane)| (job, lane.attempt)).collect()
    }

    /// A job is over.
    pub(super) fn remove(&mut self, job: JobId) -> Option<Attempt> {
        self.lanes.remove(&job).map(|lane| lane.attempt)
    }

    /// Takes a job out of the stage. Returns whether others are left.
    pub(super) fn cancel(&mut self, job: JobId) -> bool {
        self.lanes.remove(&job);
        !self.is_empty()
    }

    /// Whether every job is over.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Keeps points for a while.
    pub(super) fn add(&mut self, job: JobId, series: Vec<Series>) {
        let Some(lane) = self.lanes.get_mut(&job) else { return };
        for new in series {
            let same = |old: &&mut Series| (&old.name, old.split) == (&new.name, new.split);
            match lane.series.iter_mut().find(same) {
                Some(old) => {
                    old.iterations.extend(new.iterations);
                    old.values.extend(new.values);
                }
                None => lane.series.push(new),
            }
        }
        let at = Instant::now() + self.flush_every;
        self.flush_at.get_or_insert(at);
    }

    /// Takes the points kept of one job.
    pub(super) fn take(&mut self, job: JobId) -> Vec<Series> {
        self.lanes.get_mut(&job).map(|lane| std::mem::take(&mut lane.series)).unwrap_or_default()
    }

    /// Takes the points kept of every job.
    pub(super) fn take_all(&mut self) -> Vec<(JobId, Vec<Series>)> {
        self.flush_at = None;
        let taken = self.lanes.iter_mut().map(|(&job, lane)| (job, std::mem::take(&mut lane.series)));
        taken.filter(|(_, series)| !series.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::outcome::Split;

    #[test]
    fn a_long_history_is_told_in_portions_and_nothing_of_it_is_lost() {
        let series = |name: &str, points: u64| Series {
            name: name.to_owned(),
            split: Split::Test,
            iterations: (0..points).collect(),
            values: (0..points).map(|point| point as f64).collect(),
        };
        let told = portions(vec![series("loss", 7), series("none", 0), series("accuracy", 3)], 4);
        let counts = |portion: &Vec<Series>| portion.iter().map(|s| s.iterations.len()).collect::<Vec<_>>();
        assert_eq!(told.iter().map(counts).collect::<Vec<_>>(), [vec![4], vec![3, 1], vec![2]]);
        let mut lanes: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        told.into_iter().flatten().for_each(|s| lanes.entry(s.name).or_default().extend(s.values));
        assert_eq!(lanes["loss"], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(lanes["accuracy"], [0.0, 1.0, 2.0]);
    }
}
