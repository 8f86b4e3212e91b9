//! Why a sweep is not finished: what people asked of it, what failed and what stands behind that, what runs and how long it
//! may take, what waits and for what. From the same state the scheduler decides by.

use super::{
    Now, Progress, Scheduler,
    explain::{LISTED, Sentence},
    job::{Hold, Job, State},
    sweep::Sweep,
};
use crate::record::SweepState;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use tombola_spec::{JobId, SweepId};

impl Scheduler {
    /// Where a sweep stands and what it waits for, a sentence a line; `None` for a sweep that is not in memory.
    pub fn explain_sweep(&self, now: Now, id: SweepId) -> Option<Vec<Sentence>> {
        let sweep = self.graph.sweeps.get(&id)?;
        let finished = sweep.progress().finished;
        let mut lines = vec![standing(id, sweep).into()];
        lines.extend(held_up(sweep).filter(|_| !finished).map(Into::into));
        lines.extend(verdicts(sweep).into_iter().map(Into::into));
        lines.extend(self.failures(id, sweep));
        lines.extend(self.under_way(sweep));
        lines.extend(self.out_of_reach(now, sweep).map(Into::into));
        lines.extend(self.put_off(now, sweep).into_iter().map(Into::into));
        let urgent = self.most_urgent(sweep);
        if let Some((id, job)) = urgent {
            lines.push(Sentence::about(format!("its most urgent ready job is {id}"), id));
            lines.extend(self.reasons(now, id, job));
            lines.extend(self.short_handed(sweep, job).into_iter().map(Into::into));
        }
        lines.extend(self.still_to_train(sweep).filter(|_| !finished).map(Into::into));
        Some(lines)
    }

    fn jobs_in<'a>(&'a self, sweep: &'a Sweep) -> impl Iterator<Item = (JobId, &'a Job)> {
        sweep.jobs.iter().filter_map(|id| Some((*id, self.graph.get(*id)?)))
    }

    /// What failed, and how much of the sweep stands behind it.
    fn failures(&self, id: SweepId, sweep: &Sweep) -> Vec<Sentence> {
        let failed: Vec<_> = self
            .jobs_in(sweep)
            .filter(|(_, job)| matches!(job.state, State::Failed | State::Quarantined))
            .collect();
        if failed.is_empty() {
            return Vec::new();
        }
        let (name, all) = (&sweep.name, failed.len());
        let behind = match self.behind(id, failed.iter().map(|(id, _)| *id)) {
            0 => String::new(),
            n => format!(", and {n} jobs stand behind them"),
        };
        let mut lines = vec![Sentence::from(format!(
            "{all} jobs failed{behind}; `tombola failures {name}` says why, `tombola retry {name}` opens them again"
        ))];
        for (job, failed) in failed.iter().take(LISTED) {
            let quarantined = failed.state == State::Quarantined;
            let how = if quarantined { "is quarantined: it may take workers down with it" } else { "failed" };
            let behind = self.behind(id, [*job]);
            lines.push(Sentence::about(
                format!("  {job} {how}, and {behind} jobs wait for what it would have made"),
                *job,
            ));
        }
        lines.extend((all > LISTED).then(|| format!("  … and {} more", all - LISTED).into()));
        lines
    }

    /// How many waiting jobs of a sweep read, at first or second hand, what these jobs were to make.
    fn behind(&self, sweep: SweepId, jobs: impl IntoIterator<Item = JobId>) -> usize {
        let mut open: Vec<JobId> = jobs.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(job) = open.pop().and_then(|id| self.graph.get(id)) {
            for child in &job.children {
                let waits = self
                    .graph
                    .get(*child)
                    .is_some_and(|child| child.waits() && child.claims.contains(&sweep));
                if waits && found.insert(*child) {
                    open.push(*child);
                }
            }
        }
        found.len()
    }

    /// What is granted, and what runs: the job with most before it.
    fn under_way(&self, sweep: &Sweep) -> Vec<Sentence> {
        let granted =
            self.jobs_in(sweep).filter(|(_, job)| matches!(job.state, State::Leased { .. })).count();
        let running = self.jobs_in(sweep).filter(|(_, job)| matches!(job.state, State::Running { .. }));
        let mut lines = Vec::new();
        if let Some((id, job)) =
            running.max_by_key(|(id, job)| (left(job), Reverse(*id))).filter(|(_, job)| left(job) > 0)
        {
            let (left, all) = (left(job), job.iterations);
            lines.push(Sentence::about(
                format!("of what runs, {id} has most before it, {left} of {all} iterations"),
                id,
            ));
        }
        if granted > 0 {
            lines.push(format!("{granted} jobs are granted to workers and not begun: they wait for what runs before them there").into());
        }
        lines
    }

    /// What workers have that cannot be reached.
    fn out_of_reach(&self, now: Now, sweep: &Sweep) -> Option<String> {
        let mut away: BTreeMap<String, (usize, Now)> = BTreeMap::new();
        for (_, job) in self.jobs_in(sweep) {
            let (State::Leased { lease } | State::Running { lease, .. }) = job.state else { continue };
            let worker = self.leases.get(&lease).and_then(|lease| self.floor.workers.get(&lease.worker));
            if let Some(worker) = worker.filter(|worker| !worker.linked) {
                away.entry(worker.name.clone()).or_insert((0, worker.deadline)).0 += 1;
            }
        }
        let jobs: usize = away.values().map(|(jobs, _)| jobs).sum();
        let last = away.values().map(|(_, deadline)| *deadline).max()?;
        let seconds = last.saturating_sub(now).as_secs() + 1;
        let names = listed(&away.into_keys().collect::<Vec<_>>());
        Some(format!(
            "{jobs} jobs are with workers whose connection is down ({names}): they go on there, or to others within {seconds} s"
        ))
    }

    /// What could run and is kept from it for a while, and what is watched.
    fn put_off(&self, now: Now, sweep: &Sweep) -> Vec<String> {
        let (mut until, mut packs, mut suspects) = (Vec::new(), 0, 0);
        for (_, job) in self.jobs_in(sweep).filter(|(_, job)| !job.done() && !job.failed()) {
            match job.state {
                State::Ready { hold: Hold::Until(moment) } => {
                    until.push(moment.saturating_sub(now).as_secs() + 1);
                }
                State::Ready { hold: Hold::Pack(_) } => packs += 1,
                _ => {}
            }
            suspects += usize::from(job.losses > 0);
        }
        let mut lines = Vec::new();
        if let (Some(first), Some(last)) = (until.iter().min(), until.iter().max()) {
            let jobs = until.len();
            lines.push(format!(
                "{jobs} jobs failed by their surroundings and are tried again, the first in {first} s, the last in {last} s"
            ));
        }
        if packs > 0 {
            lines.push(format!("{packs} jobs wait for those they were packed with, which are about to end"));
        }
        if suspects > 0 {
            lines.push(format!(
                "{suspects} jobs ran at abrupt ends of workers or engines; at the second they go into smaller packs, so that it \
                 shows which of them it is"
            ));
        }
        lines
    }

    /// What keeps other ready jobs than the most urgent one from workers, and workers from them.
    fn short_handed(&self, sweep: &Sweep, urgent: &Job) -> Vec<String> {
        let open = self.floor.workers.values().any(|worker| worker.open());
        if !open || self.graph.wanted_by(urgent).is_none() {
            // Told of the most urgent one.
            return Vec::new();
        }
        let told = self.keys.get(urgent.key).set();
        let ready = self.sets(sweep, |state| matches!(state, State::Ready { .. }));
        let mut lines = self.warnings(ready.into_iter().filter(|set| Some(*set) != told));
        let linked = self.floor.workers.values().filter(|worker| worker.linked && !worker.open());
        let shut: Vec<String> = linked
            .map(|worker| {
                format!("{} ({})", worker.name, if worker.draining { "draining" } else { "silent" })
            })
            .collect();
        if !shut.is_empty() {
            lines.push(format!("{} connected workers take nothing new: {}", shut.len(), listed(&shut)));
        }
        lines
    }

    /// The ready job of a sweep that is next in the queue; one that something holds out of it, if there is no other.
    fn most_urgent(&self, sweep: &Sweep) -> Option<(JobId, &Job)> {
        let jobs = sweep.jobs.iter().filter_map(|id| Some((*id, self.graph.get(*id)?)));
        let ready = jobs.filter(|(_, job)| matches!(job.state, State::Ready { .. }));
        ready.min_by_key(|(id, job)| {
            let rank = self.queue.rank(*id);
            (rank.is_none(), rank, Reverse(job.height), *id)
        })
    }

    /// The longest way through what is left: no number of workers makes it shorter.
    fn still_to_train(&self, sweep: &Sweep) -> Option<String> {
        // Parents are older than their children.
        let ids: BTreeSet<JobId> = sweep.jobs.iter().copied().collect();
        let mut ways: BTreeMap<JobId, u64> = BTreeMap::new();
        for id in ids.iter().rev() {
            let Some(job) = self.graph.get(*id).filter(|job| !job.done()) else { continue };
            let longest = job.children.iter().filter_map(|child| ways.get(child)).max();
            ways.insert(*id, left(job) + longest.copied().unwrap_or(0));
        }
        let longest = ways.values().max().filter(|way| **way > 0)?;
        Some(format!(
            "the longest chain of what is left trains {longest} iterations, one after the other; no more workers make it shorter"
        ))
    }
}

/// Iterations that a job has before it.
fn left(job: &Job) -> u64 {
    match job.state {
        State::Done => 0,
        State::Running { iteration, .. } => job.iterations.saturating_sub(iteration.saturating_sub(job.from)),
        _ => job.iterations,
    }
}

fn standing(id: SweepId, sweep: &Sweep) -> String {
    let Progress { done, running, ready, waiting, failed, .. } = sweep.progress();
    let name = &sweep.name;
    let standing = match sweep.progress().standing(sweep.state) {
        "failed" => "has failed".to_owned(),
        word => format!("is {word}"),
    };
    format!(
        "{id} ({name}) {standing}: {done} jobs done, {running} running, {ready} ready, {waiting} waiting, {failed} failed"
    )
}

/// What is to be decided, and what keeps it from being.
fn verdicts(sweep: &Sweep) -> Vec<String> {
    let mut lines = Vec::new();
    if sweep.judged.is_none() {
        return lines;
    }
    if sweep.progress().failed > 0 {
        lines.push("failed jobs hold up what would be decided by them, but for a training that diverged: that is decided".to_owned());
    }
    lines.push(
        "`select` or `prune.until` decides by validation results how far its trials go: more jobs may follow"
            .to_owned(),
    );
    if sweep.is_unjudged() {
        lines.push("there are results that nobody has looked at yet: it is not over before".to_owned());
    }
    lines
}

/// Why nothing new of a sweep starts, if people asked for that.
pub(super) fn held_up(sweep: &Sweep) -> Option<String> {
    let name = &sweep.name;
    match sweep.state {
        SweepState::Active | SweepState::Cancelled => None,
        SweepState::Paused => Some(format!(
            "it is paused for a while: running jobs go on, nothing new starts until `tombola resume {name}`"
        )),
        SweepState::Stopped => Some(format!(
            "it was stopped: running jobs finish, then it is over until `tombola resume {name}` or `tombola extend {name} \
             FILE` takes it up again"
        )),
    }
}

/// The first few, and how many more.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(LISTED);
    let first = names[..names.len() - more].join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}
