//! Fills free slots: the most urgent line of the queue that fits, as wide as is fair, idle slots before prefetches.

use super::{
    Effect, Message, Scheduler,
    job::{Hold, Job, State},
    key::NO_KEY,
    lease::Lease,
    queue::{Line, Rank},
    worker::{Seat, room_of, width_of},
};
use crate::record::{PackRow, Write};
use std::cmp::Reverse;
use tombola_spec::{Attempt, JobId, LeaseId};

impl Scheduler {
    /// Puts a job into the queue or takes it out, as its state says.
    pub(super) fn consider(&mut self, id: JobId) {
        let wanted = self.graph.get(id).and_then(|job| self.graph.wanted_by(job));
        let Some(job) = self.graph.get(id) else { return self.queue.remove(id) };
        match (job.state, wanted) {
            (State::Ready { hold: Hold::No }, Some(sweep)) => {
                if !self.queue.contains(id) {
                    let rank = Rank { height: Reverse(job.height), sweep, job: id };
                    let line = self.line(id, job);
                    self.queue.push(line, rank);
                }
            }
            _ => self.queue.remove(id),
        }
    }

    fn line(&self, id: JobId, job: &Job) -> Line {
        let follow = if self.keys.trains(job.key) {
            NO_KEY
        } else {
            let child = self.graph.critical_child(id, |_, child| self.keys.trains(child.key));
            child.map_or(NO_KEY, |(_, child)| child.key)
        };
        let resume = job.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.iteration);
        Line { key: job.key, follow, cap: job.cap, resume }
    }

    /// Grants leases until no free slot fits anything that waits.
    pub(super) fn place(&mut self) {
        let news = [self.queue.take_news(), self.floor.take_news()];
        if !news.contains(&true) {
            return;
        }
        for load in [0, 1] {
            let mut passed = None;
            while !self.floor.seats(load).is_empty() {
                let Some((rank, line)) = self.queue.next(passed) else { break };
                match self.seat_for(&line, load) {
                    Some(seat) => self.grant(&line, seat, load),
                    None => passed = Some((rank, line)),
                }
            }
        }
        self.steal();
    }

    /// The widest slot with `load` leases whose worker fits the line.
    fn seat_for(&self, line: &Line, load: usize) -> Option<Seat> {
        self.floor.seats(load).iter().find(|seat| self.fits(seat, line.key)).copied()
    }

    pub(super) fn fits(&self, seat: &Seat, key: super::key::KeyId) -> bool {
        let worker = self.floor.workers.get(&seat.worker);
        worker.is_some_and(|worker| worker.fits(self.keys.get(key), &self.bound))
    }

    /// Leases the head of a line to a slot: its fair share of the line, and what can follow.
    fn grant(&mut self, line: &Line, seat: Seat, load: usize) {
        let slots = self.floor.seats(load).len().max(1);
        let fair = self.queue.len(line).div_ceil(slots);
        let room = room_of(self.floor.device(&seat), self.lanes_for(line, &seat).min(line.cap)) as usize;
        let first = self.queue.take(line, fair.clamp(1, room));
        let stages = self.chain(first, &seat);
        self.lease(seat, stages);
    }

    /// Widest pack of a line that a slot takes. Masks are packed as the training that follows them will be.
    fn lanes_for(&self, line: &Line, seat: &Seat) -> u32 {
        let key = if line.follow == NO_KEY { line.key } else { line.follow };
        let slot = self.floor.workers.get(&seat.worker).and_then(|worker| worker.slot(seat.slot));
        slot.map_or(seat.room.0, |slot| self.keys.get(key).lanes_on(slot))
    }

    fn lease(&mut self, seat: Seat, stages: Vec<Vec<JobId>>) {
        self.last.lease += 1;
        let id = LeaseId(self.last.lease);
        let device = self.floor.device(&seat);
        let lanes = stages.iter().map(Vec::len).max().unwrap_or(1) as u32;
        let stages: Vec<Vec<(JobId, Attempt)>> = stages
            .into_iter()
            .map(|stage| stage.into_iter().map(|job| (job, self.raise(job, id))).collect())
            .collect();
        let open = stages.iter().map(Vec::len).sum::<usize>() as u32;
        let (worker, slot, width) = (seat.worker, seat.slot, width_of(device, lanes));
        let pack = PackRow { lease: id, worker, slot, device, plan: device.plan(), width, stages };
        self.leases.insert(id, Lease::new(&pack, open));
        if let Some(worker) = self.floor.workers.get_mut(&worker) {
            worker.slots[slot as usize].push(id);
        }
        self.floor.reseat(worker);
        let jobs = pack
            .stages
            .iter()
            .flatten()
            .filter_map(|(job, _)| Some((*job, self.leased_job(*job)?)))
            .collect();
        self.effects.push(Effect::Write(Write::Lease(pack.clone())));
        self.send(worker, Message::Lease(super::effect::Lease { pack, jobs }));
    }

    /// The next attempt of a job, which is leased now.
    fn raise(&mut self, id: JobId, lease: LeaseId) -> Attempt {
        let mut attempt = Attempt(0);
        self.graph.change(id, |job| {
            job.attempt.0 += 1;
            job.state = State::Leased { lease };
            attempt = job.attempt;
        });
        attempt
    }

    fn leased_job(&self, id: JobId) -> Option<super::effect::LeasedJob> {
        let job = self.graph.get(id)?;
        Some(super::effect::LeasedJob {
            fingerprint: job.fingerprint,
            made: self.graph.made_for(job).collect(),
            resume: job.checkpoint.as_deref().copied(),
        })
    }

    /// An idle slot for which nothing waits takes over what was prefetched for a busy one.
    fn steal(&mut self) {
        let mut idle: Vec<Seat> = self.floor.seats(0).iter().copied().collect();
        if idle.is_empty() {
            return;
        }
        let mut recalls = Vec::new();
        for seat in self.floor.seats(2) {
            let mut prefetched =
                self.floor.leases(seat).iter().filter_map(|id| Some((*id, self.leases.get(id)?)));
            let Some((id, lease)) =
                prefetched.next_back().filter(|(_, lease)| !lease.started && !lease.recalled)
            else {
                continue;
            };
            let keys: Vec<_> = lease.jobs().filter_map(|(job, _)| Some(self.graph.get(job)?.key)).collect();
            let fits = |seat: &Seat| keys.iter().all(|key| self.fits(seat, *key));
            if let Some(taker) = idle.iter().position(fits) {
                idle.swap_remove(taker);
                recalls.push(id);
            }
            if idle.is_empty() {
                break;
            }
        }
        recalls.into_iter().for_each(|lease| self.recall(lease));
    }
}
