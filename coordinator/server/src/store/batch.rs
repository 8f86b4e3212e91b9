//! Which writes of a commit may share a statement.
//!
//! Writes about different jobs and workers commute, so a write joins the latest batch of its kind, unless a batch behind that
//! one touches what it is about. Everything that is about neither attempts nor workers stays exactly where it is. This holds as long as
//! no statement about attempts reads how a worker stands: a lease needs its worker to be there, and no more.

use std::collections::HashMap;
use tombola_core::record::Write;
use tombola_spec::{JobId, WorkerId};

/// Writes that become the same few statements.
#[derive(Debug)]
pub(super) enum Batch<'a> {
    /// Many of one kind, no job and no worker twice (metrics excepted).
    Hot(Hot, Vec<&'a Write>),
    /// One of the others.
    Cold(&'a Write),
}

/// Kinds of writes of which many come at once: about attempts, and about workers, who all come back together when a
/// coordinator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Hot {
    Worker,
    WorkerState,
    Lease,
    Start,
    Checkpoint,
    Metrics,
    Finish,
    End,
}

/// Groups the writes of a commit; applying the batches in order equals applying the writes in order.
pub(super) fn batches(writes: &[Write]) -> Vec<Batch<'_>> {
    let mut grouping = Grouping::default();
    for write in writes {
        grouping.add(write);
    }
    grouping.batches
}

#[derive(Default)]
struct Grouping<'a> {
    batches: Vec<Batch<'a>>,
    /// The latest batch of each kind.
    latest: HashMap<Hot, usize>,
    /// The latest batch that touches each job or worker.
    touched: HashMap<Subject, usize>,
    /// Batches before this one are closed by a write that keeps its place.
    barrier: usize,
}

/// What a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Job(JobId),
    Worker(WorkerId),
}

impl<'a> Grouping<'a> {
    fn add(&mut self, write: &'a Write) {
        let Some(kind) = hot(write) else {
            self.batches.push(Batch::Cold(write));
            self.barrier = self.batches.len();
            return;
        };
        let subjects = subjects(write);
        // Two batches of metrics of one attempt may share a statement; everything else of one job must not.
        let behind = if kind == Hot::Metrics { 0 } else { 1 };
        let touched =
            subjects.iter().chain(&named(write)).filter_map(|subject| self.touched.get(subject)).max();
        let first = self.barrier.max(touched.map_or(0, |index| index + behind));
        let index = self.place(kind, first, write);
        self.touched.extend(subjects.into_iter().map(|subject| (subject, index)));
    }

    /// Puts the write into the latest batch of its kind if that is not before `first`, else into a new one.
    fn place(&mut self, kind: Hot, first: usize, write: &'a Write) -> usize {
        if let Some(&index) = self.latest.get(&kind).filter(|index| **index >= first)
            && let Batch::Hot(_, writes) = &mut self.batches[index]
        {
            writes.push(write);
            return index;
        }
        self.batches.push(Batch::Hot(kind, vec![write]));
        self.latest.insert(kind, self.batches.len() - 1);
        self.batches.len() - 1
    }
}

fn hot(write: &Write) -> Option<Hot> {
    match write {
        Write::Worker { .. } => Some(Hot::Worker),
        Write::WorkerState { .. } => Some(Hot::WorkerState),
        Write::Lease(_) => Some(Hot::Lease),
        Write::Start { .. } => Some(Hot::Start),
        Write::Checkpoint { .. } => Some(Hot::Checkpoint),
        Write::Metrics { .. } => Some(Hot::Metrics),
        Write::Finish { .. } => Some(Hot::Finish),
        Write::End { .. } => Some(Hot::End),
        _ => None,
    }
}

/// What a write changes.
fn subjects(write: &Write) -> Vec<Subject> {
    match write {
        Write::Worker { worker, .. } | Write::WorkerState { worker, .. } => vec![Subject::Worker(*worker)],
        Write::Lease(pack) => pack.stages.iter().flatten().map(|(job, _)| Subject::Job(*job)).collect(),
        Write::Start { job, .. }
        | Write::Checkpoint { job, .. }
        | Write::Metrics { job, .. }
        | Write::Finish { job, .. }
        | Write::End { job, .. } => vec![Subject::Job(*job)],
        _ => Vec::new(),
    }
}

/// What has to be there before a write, and is not changed by it.
fn named(write: &Write) -> Option<Subject> {
    if let Write::Lease(pack) = write { Some(Subject::Worker(pack.worker)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tombola_core::record::{JobState, PackRow, WorkerState};
    use tombola_spec::{
        Attempt, LeaseId,
        worker::{DeviceKind, Plan, WorkerInfo},
    };

    fn start(job: u64) -> Write {
        let (worker, lease) = (WorkerId(1), LeaseId(1));
        Write::Start { job: JobId(job), attempt: Attempt(1), worker, lease, iteration: 0 }
    }

    fn metrics(job: u64, batch: u32) -> Write {
        Write::Metrics { job: JobId(job), attempt: Attempt(1), batch, series: Vec::new() }
    }

    fn worker(worker: u64) -> Write {
        let info = WorkerInfo {
            name: worker.to_string(),
            host: "node".into(),
            version: "0.1.0".into(),
            components: BTreeMap::new(),
            slots: Vec::new(),
            data: Vec::new(),
            data_folder: String::new(),
            patience_s: 0,
        };
        Write::Worker { worker: WorkerId(worker), info }
    }

    fn lost(worker: u64) -> Write {
        Write::WorkerState { worker: WorkerId(worker), state: WorkerState::Lost }
    }

    fn lease(worker: u64, job: u64) -> Write {
        let (device, plan) = (DeviceKind::Cpu, Plan::CpuLanes);
        let (worker, stages) = (WorkerId(worker), vec![vec![(JobId(job), Attempt(1))]]);
        Write::Lease(PackRow { lease: LeaseId(job), worker, slot: 0, device, plan, width: 1, stages })
    }

    fn revive(job: u64) -> Write {
        Write::JobState { jobs: vec![JobId(job)], state: JobState::Open, reset: true }
    }

    fn shape(writes: &[Write]) -> Vec<usize> {
        let length = |batch: &Batch<'_>| if let Batch::Hot(_, writes) = batch { writes.len() } else { 0 };
        batches(writes).iter().map(length).collect()
    }

    #[test]
    fn interleaved_jobs_share_statements() {
        let writes = [start(1), metrics(1, 1), start(2), metrics(2, 1), metrics(2, 2), start(3)];
        assert_eq!(shape(&writes), [3, 3]);
    }

    #[test]
    fn writes_about_one_job_keep_their_order() {
        assert_eq!(shape(&[start(1), metrics(1, 1), start(1), start(2), metrics(1, 2)]), [1, 1, 2, 1]);
    }

    /// A lease each of 2,000 workers who came back took a statement each, and so did their names.
    #[test]
    fn workers_who_come_together_share_statements_with_what_they_get() {
        assert_eq!(shape(&[worker(1), lease(1, 1), lease(1, 2), worker(2), lease(2, 3)]), [2, 3]);
    }

    #[test]
    fn nothing_is_leased_to_a_worker_before_it_is_there() {
        assert_eq!(shape(&[lease(1, 1), worker(2), lease(2, 2)]), [1, 1, 1]);
        assert_eq!(shape(&[worker(1), worker(1), lease(1, 1)]), [1, 1, 1]);
        assert_eq!(shape(&[lease(1, 1), worker(2), lost(2), lease(2, 2), lease(1, 3)]), [1, 1, 1, 2]);
    }

    #[test]
    fn how_a_worker_stands_is_what_was_said_last() {
        assert_eq!(shape(&[worker(1), lost(1), worker(1), lost(2)]), [1, 2, 1]);
    }

    #[test]
    fn other_writes_keep_their_place() {
        assert_eq!(shape(&[start(1), revive(2), start(2)]), [1, 0, 1]);
    }
}
