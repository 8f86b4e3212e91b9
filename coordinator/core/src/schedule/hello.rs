//! Workers coming, going, and being heard of.

use super::{Held, Message, Scheduler, job::Hold, service::Out, stuck::Told, worker::Worker};
use crate::record::{Ending, JobState, WorkerState, Write};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{
    Attempt, JobId, LeaseId, WorkerId,
    data::{DataShape, known},
    version,
    worker::{DataInfo, WorkerInfo},
};

impl Scheduler {
    /// A worker introduces itself. Welcome comes first, then what it holds in vain; what it does not hold any more is
    /// open again.
    pub(super) fn hello(&mut self, info: WorkerInfo, claimed: Option<WorkerId>, held: &[Held], number: u64) {
        // A number never given out is of a state that was lost since, to a backup perhaps; one in use is of a folder that
        // was copied.
        let id =
            claimed.filter(|id| (1..=self.last.worker).contains(&id.0) && !self.is_anothers(*id, &info.name));
        let refused = id.and_then(|id| self.too_late(id, number));
        if let Some(refused) = refused.or_else(|| self.refusal(&info, id)) {
            // A worker without an identity has no link to send this over: the driver answers the Hello with it.
            return self.send(id.unwrap_or_default(), refused);
        }
        let id = id.unwrap_or_else(|| {
            self.last.worker += 1;
            WorkerId(self.last.worker)
        });
        self.write(Write::Worker { worker: id, info: info.clone() });
        info.data.iter().for_each(|data| self.bind(data));
        self.seat_worker(id, info, number);
        self.send(id, Message::Welcome);
        self.reconcile(id, held);
    }

    /// Whether a worker of another name is connected under this number.
    fn is_anothers(&self, id: WorkerId, name: &str) -> bool {
        self.floor.workers.get(&id).is_some_and(|worker| worker.linked && worker.name != name)
    }

    /// A Hello that arrives after a later one of its worker: the link it came over is gone, and what it says is held may have
    /// been handed in since, and what was leased since is not in it.
    fn too_late(&self, id: WorkerId, number: u64) -> Option<Message> {
        let newest = self.floor.workers.get(&id)?.hello;
        let message = || {
            "this Hello comes after a later one of the same worker\nhint: it is tried again by itself; if \
                          it stays so, its folder was copied while another worker runs in the original"
                .to_owned()
        };
        (number != 0 && number < newest).then(|| Message::Refused { message: message(), retry: true })
    }

    /// Why a worker cannot be taken in, if so.
    fn refusal(&self, info: &WorkerInfo, id: Option<WorkerId>) -> Option<Message> {
        let refused = |message: String, retry| Some(Message::Refused { message, retry });
        let name = &info.name;
        let namesake = self.floor.names.get(name).filter(|other| Some(**other) != id);
        if namesake.and_then(|other| self.floor.workers.get(other)).is_some_and(|worker| worker.linked) {
            return refused(
                format!(
                    "another worker called `{name}` is connected\nhint: give each its own name with --name"
                ),
                true,
            );
        }
        if info.slots.is_empty() {
            return refused(
                format!("the worker `{name}` has no slots\nhint: give it some with --slots"),
                false,
            );
        }
        let ours = version::components();
        let differs =
            |(component, version): &(&'static str, u32)| info.components.get(*component) != Some(version);
        let (component, ours) = ours.into_iter().find(differs)?;
        let theirs = info.components.get(component).map_or_else(|| "none".to_owned(), u32::to_string);
        refused(
            format!(
                "the worker `{name}` computes with version {theirs} of `{component}`, this coordinator records version \
                 {ours}\nhint: use worker and coordinator of the same release"
            ),
            false,
        )
    }

    /// Binds a data set's name to the first content seen. A folder that does not even have the shape its name is known
    /// for binds nothing, or it would keep the real one out for good.
    fn bind(&mut self, data: &DataInfo) {
        let looks_right = known(&data.set).is_none_or(|shape| same_sizes(&shape, &data.shape));
        if looks_right && !self.bound.contains_key(&data.set) {
            self.bound.insert(data.set.clone(), data.digest);
            let (set, digest, shape) = (data.set.clone(), data.digest, data.shape);
            self.write(Write::BindData { set, digest, shape });
        }
    }

    fn seat_worker(&mut self, id: WorkerId, info: WorkerInfo, number: u64) {
        self.floor.unseat(id);
        self.floor.names.retain(|_, named| *named != id);
        self.floor.names.insert(info.name.clone(), id);
        let deadline = self.now + self.config.term;
        let worker = self.floor.workers.entry(id).or_insert_with(|| Worker::away(String::new(), deadline));
        worker.name.clone_from(&info.name);
        let slots = worker.slots.len().max(info.slots.len());
        worker.slots.resize(slots, Vec::new());
        (worker.info, worker.hello) = (Some(info), number);
        (worker.linked, worker.draining, worker.silent) = (true, false, false);
        (worker.deadline, worker.heard) = (deadline, self.now);
        worker.lacks.clear();
        // It says again what cannot work.
        worker.out.retain(|_, out| !matches!(out, Out::Broken(_)));
        worker.met = LeaseId(self.last.lease);
        self.floor.reseat(id);
    }

    /// Compares what a worker holds with what it was granted.
    fn reconcile(&mut self, id: WorkerId, held: &[Held]) {
        let (ours, foreign): (Vec<&Held>, Vec<&Held>) = held.iter().partition(|held| self.is_ours(id, held));
        for held in &ours {
            if held.started {
                self.began(held.lease, held.job);
            }
        }
        let kept: BTreeSet<(JobId, Attempt)> = ours.iter().map(|held| (held.job, held.attempt)).collect();
        self.release(id, |job, attempt| kept.contains(&(job, attempt)), Ending::Lost);
        // Results that are committed already are reported again and acknowledged again; fencing them would only make
        // the worker drop what later stages of the same lease still need.
        let foreign: Vec<_> = foreign.iter().map(|held| (held.job, held.attempt)).collect();
        let fenced: Vec<_> =
            foreign.into_iter().filter(|(job, attempt)| !self.is_done_by(*job, *attempt)).collect();
        if !fenced.is_empty() {
            self.send(id, Message::Fenced(fenced));
        }
        // A Recall may have been lost with the link.
        let leases: Vec<LeaseId> = self.floor.workers.get(&id).into_iter().flat_map(Worker::leases).collect();
        for &lease in &leases {
            if let Some(lease) = self.leases.get_mut(&lease) {
                lease.recalled = false;
            }
        }
        self.recall_unwanted(leases);
    }

    fn is_ours(&self, worker: WorkerId, held: &Held) -> bool {
        let job = self.graph.get(held.job).filter(|job| job.attempt == held.attempt);
        let lease =
            self.leases.get(&held.lease).filter(|lease| lease.worker == worker && lease.slot == held.slot);
        let fits = self.floor.workers.get(&worker).and_then(|worker| worker.slot(held.slot));
        job.is_some_and(|job| job.lease() == Some(held.lease))
            && lease.is_some_and(|lease| fits.is_some_and(|slot| slot.device == lease.device))
    }

    fn is_done_by(&self, job: JobId, attempt: Attempt) -> bool {
        self.graph.get(job).is_some_and(|job| job.done() && job.attempt == attempt)
    }

    /// Opens every job a worker holds again, but those that are `kept`. A job that had begun was present at a loss if
    /// `how` says so; one that had not is as if it had never been leased.
    pub(super) fn release(&mut self, id: WorkerId, kept: impl Fn(JobId, Attempt) -> bool, how: Ending) {
        let Some(worker) = self.floor.workers.get(&id) else { return };
        let leases: Vec<LeaseId> = worker.leases().collect();
        let mut begun: Vec<(JobId, bool)> = Vec::new();
        for lease in leases {
            let Some(jobs) = self.leases.get(&lease).map(|lease| lease.jobs().collect::<Vec<_>>()) else {
                continue;
            };
            for (job, attempt) in jobs {
                let Some(held) = self.graph.get(job).filter(|job| job.lease() == Some(lease)) else {
                    continue;
                };
                if !kept(job, attempt) {
                    begun.push((job, held.begun()));
                }
            }
        }
        // Children come in later stages than their parents, and are lost with them rather than dropped because of them.
        for (job, begun) in begun.into_iter().rev() {
            match (begun, how) {
                (true, Ending::Lost) => self.lose(job, how, None),
                (true, _) => self.end(job, how, None, JobState::Open, Hold::No),
                (false, _) => self.end(job, Ending::Recalled, None, JobState::Open, Hold::No),
            }
        }
    }

    /// Anything a worker says extends its leases.
    pub(super) fn alive(&mut self, id: WorkerId) {
        let deadline = self.now + self.config.term;
        let Some(worker) = self.floor.workers.get_mut(&id) else { return };
        (worker.deadline, worker.heard) = (deadline, self.now);
        let state = if worker.draining { WorkerState::Draining } else { WorkerState::Connected };
        if std::mem::take(&mut worker.silent) {
            self.floor.reseat(id);
            self.write(Write::WorkerState { worker: id, state });
        }
    }

    pub(super) fn heartbeat(&mut self, id: WorkerId, progress: &[(JobId, Attempt, u64)]) {
        self.alive(id);
        let mut fenced = Vec::new();
        let mut named: BTreeMap<LeaseId, Vec<Told>> = BTreeMap::new();
        for &(job, attempt, iteration) in progress {
            let current = self.graph.get(job).filter(|job| job.attempt == attempt);
            let lease = current.and_then(super::job::Job::lease);
            match lease.filter(|lease| self.leases.get(lease).is_some_and(|lease| lease.worker == id)) {
                Some(lease) => {
                    self.graph.change(job, |job| job.progress(iteration));
                    named.entry(lease).or_default().push((job, attempt, iteration));
                }
                None if self.is_done_by(job, attempt) => {}
                None => fenced.push((job, attempt)),
            }
        }
        if !fenced.is_empty() {
            self.send(id, Message::Fenced(fenced));
        }
        self.end_stuck(id, progress);
        self.watch(id, &named);
    }

    pub(super) fn link_down(&mut self, id: WorkerId) {
        let Some(worker) = self.floor.workers.get_mut(&id) else { return };
        worker.linked = false;
        let forgotten = worker.silent && worker.leases().next().is_none();
        self.floor.reseat(id);
        if forgotten {
            self.forget_worker(id);
        }
    }

    /// A worker left on purpose: nothing is charged for what it still held.
    pub(super) fn leaving(&mut self, id: WorkerId) {
        if self.floor.workers.contains_key(&id) {
            self.release(id, |_, _| false, Ending::Drained);
            self.write(Write::WorkerState { worker: id, state: WorkerState::Gone });
            self.forget_worker(id);
        }
    }

    pub(super) fn forget_worker(&mut self, id: WorkerId) {
        self.floor.unseat(id);
        self.floor.workers.remove(&id);
    }

    /// People want a worker to leave.
    pub(super) fn drain(&mut self, id: WorkerId) {
        if !self.floor.workers.get(&id).is_some_and(|worker| worker.linked) {
            return self.reject(format!("no worker {id} is connected\nhint: `tombola workers` lists them"));
        }
        self.draining(id);
        self.send(id, Message::Drain);
    }

    /// A worker takes nothing new.
    pub(super) fn draining(&mut self, id: WorkerId) {
        let Some(worker) = self.floor.workers.get_mut(&id).filter(|worker| !worker.draining) else { return };
        worker.draining = true;
        self.floor.reseat(id);
        self.write(Write::WorkerState { worker: id, state: WorkerState::Draining });
    }
}

/// Whether two shapes hold the same number of the same kind of examples; normalization is the sweep's business.
fn same_sizes(a: &DataShape, b: &DataShape) -> bool {
    (a.train, a.test, a.image, a.classes) == (b.train, b.test, b.image, b.classes)
}
