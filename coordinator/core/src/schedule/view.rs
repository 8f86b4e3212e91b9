//! What people may look at. Changes nothing.

use super::{Now, Progress, RunningJob, Scheduler, SlotView, WorkerView, job::State, worker::Worker};
use tombola_spec::{LeaseId, SweepId, WorkerId};

impl Scheduler {
    /// How far a sweep is; `None` for one that is not in memory: cancelled, or long finished.
    pub fn progress(&self, sweep: SweepId) -> Option<Progress> {
        self.graph.sweeps.get(&sweep).map(super::sweep::Sweep::progress)
    }

    /// Sweeps of which something is known that nobody has judged.
    pub fn unjudged(&self) -> Vec<SweepId> {
        self.graph.unjudged.iter().copied().collect()
    }

    /// Whether there are any.
    pub fn has_unjudged(&self) -> bool {
        !self.graph.unjudged.is_empty()
    }

    /// The number of a sweep's news so far; `None` where it has none to judge.
    pub fn news(&self, sweep: SweepId) -> Option<u64> {
        let judged = self.graph.sweeps.get(&sweep)?.judged?;
        (judged.news > judged.seen).then_some(judged.news)
    }

    /// Jobs of a sweep that run now, by lease.
    pub fn running(&self, sweep: SweepId) -> Vec<RunningJob> {
        let jobs = self.leases.values().flat_map(|lease| lease.jobs().map(|(job, _)| (lease.worker, job)));
        let running = jobs.filter_map(|(worker, id)| {
            let job = self.graph.get(id).filter(|job| job.claims.contains(&sweep))?;
            let State::Running { iteration, .. } = job.state else { return None };
            Some(RunningJob { job: id, worker, iteration, from: job.from, to: job.from + job.iterations })
        });
        running.collect()
    }

    /// Workers that are connected or hold leases, by id.
    pub fn workers(&self, now: Now) -> Vec<WorkerView> {
        self.floor.workers.iter().map(|(id, worker)| self.worker_view(now, *id, worker)).collect()
    }

    fn worker_view(&self, now: Now, id: WorkerId, worker: &Worker) -> WorkerView {
        WorkerView {
            worker: id,
            name: worker.name.clone(),
            state: match (worker.linked && !worker.silent, worker.draining) {
                (true, false) => "connected",
                (true, true) => "draining",
                (false, _) => "away",
            },
            info: worker.info.clone(),
            slots: (0..)
                .zip(&worker.slots)
                .map(|(slot, leases)| SlotView {
                    out: worker.out_of_service(slot, now),
                    ..self.slot_view(leases)
                })
                .collect(),
            silent_s: now.saturating_sub(worker.heard).as_secs_f64(),
        }
    }

    fn slot_view(&self, leases: &[LeaseId]) -> SlotView {
        let mut view = SlotView::default();
        let leases = leases.iter().filter_map(|id| Some((*id, self.leases.get(id)?)));
        for (lease, job) in leases.flat_map(|(id, lease)| lease.jobs().map(move |(job, _)| (id, job))) {
            match self.graph.get(job).map(|job| job.state) {
                Some(State::Running { lease: at, .. }) if at == lease => view.running.push(job),
                Some(State::Leased { lease: at }) if at == lease => view.queued.push(job),
                _ => {}
            }
        }
        view
    }
}
