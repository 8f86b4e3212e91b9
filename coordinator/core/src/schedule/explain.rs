//! Why a job or a sweep is where it is, from the same state the scheduler decides by.

use super::{
    Now, Scheduler,
    job::{Hold, Job, State},
    worker::Worker,
};
use crate::record::SweepState;
use tombola_spec::{JobId, LeaseId, SweepId, job::JobSpec};

/// Most jobs listed one by one.
const LISTED: usize = 5;

impl Scheduler {
    /// Where a job stands and why, a sentence a line; `None` for a job that is not in memory.
    pub fn explain_job(&self, now: Now, id: JobId) -> Option<Vec<String>> {
        let job = self.graph.get(id)?;
        let mut lines = vec![format!("{id}: {}", describe(&job.spec))];
        lines.extend(self.reasons(now, id, job));
        if job.tries > 0 || job.losses > 0 {
            let (tries, losses) = (job.tries, job.losses);
            let (most_tries, most_losses) = (self.config.max_tries, self.config.max_losses);
            lines.push(format!(
                "{tries} of {most_tries} tries are used up; it ran at {losses} abrupt ends of workers or engines ({most_losses} \
                 quarantine it)"
            ));
        }
        if let Some(checkpoint) = &job.checkpoint {
            lines.push(format!("its newest checkpoint is at iteration {}", checkpoint.iteration));
        }
        lines.push(self.wishes(job));
        Some(lines)
    }

    /// Where a sweep stands and what it waits for, a sentence a line; `None` for a sweep that is not in memory.
    pub fn explain_sweep(&self, now: Now, id: SweepId) -> Option<Vec<String>> {
        let sweep = self.graph.sweeps.get(&id)?;
        let progress = sweep.progress();
        let mut lines = vec![format!(
            "{id} ({}) is {}: {} jobs done, {} running, {} ready, {} waiting, {} failed",
            sweep.name,
            sweep.state.name(),
            progress.done,
            progress.running,
            progress.ready,
            progress.waiting,
            progress.failed
        )];
        if sweep.state != SweepState::Active {
            lines.push(format!(
                "nothing new starts while it is {}; `tombola resume {}` goes on",
                sweep.state.name(),
                sweep.name
            ));
        }
        if progress.failed > 0 {
            let behind = if progress.finished { progress.waiting } else { 0 };
            let behind =
                if behind > 0 { format!(", and {behind} jobs stand behind them") } else { String::new() };
            lines.push(format!(
                "{} jobs failed{behind}; `tombola failures {}` says why, `tombola retry {}` opens them again",
                progress.failed, sweep.name, sweep.name
            ));
        }
        let ready =
            |id: &&JobId| matches!(self.graph.get(**id).map(|job| job.state), Some(State::Ready { .. }));
        let urgent =
            sweep.jobs.iter().filter(ready).max_by_key(|id| self.graph.get(**id).map(|job| job.height));
        if let Some((id, job)) = urgent.and_then(|id| Some((*id, self.graph.get(*id)?))) {
            lines.push(format!("its most urgent ready job is {id}: {}", describe(&job.spec)));
            lines.extend(self.reasons(now, id, job));
        }
        Some(lines)
    }

    fn reasons(&self, now: Now, id: JobId, job: &Job) -> Vec<String> {
        match job.state {
            State::Waiting => self.missing_parents(job),
            State::Ready { hold: Hold::Until(until) } => {
                let seconds = until.saturating_sub(now).as_secs() + 1;
                vec![format!("it failed {} times in a row and is tried again in {seconds} s", job.faults.max(job.tries))]
            }
            State::Ready { hold: Hold::Pack(lease) } => {
                vec![format!("ready; it waits for the other lanes of {lease}, to be packed with them again")]
            }
            State::Ready { hold: Hold::No } => self.why_not_placed(id, job),
            State::Leased { lease } => vec![format!("granted to {}, not begun", self.place_of(lease))],
            State::Running { lease, iteration, .. } => {
                let (done, all) = (iteration.saturating_sub(job.from), job.iterations);
                let place = self.place_of(lease);
                vec![format!("runs on {place}, attempt {}: {done} of {all} iterations done", job.attempt.0)]
            }
            State::Done => vec!["done".to_owned()],
            State::Failed => {
                vec!["failed; `tombola failures SWEEP` says why, `tombola retry SWEEP` opens it again".to_owned()]
            }
            State::Quarantined => vec![
                "quarantined: it was running at too many abrupt ends of workers or engines; no sweep opens it again by \
                 being submitted; when their logs say why, `tombola retry SWEEP` does"
                    .to_owned(),
            ],
            State::Unwanted => vec!["no sweep wants it any more".to_owned()],
        }
    }

    fn missing_parents(&self, job: &Job) -> Vec<String> {
        let missing = job.parents.iter().filter_map(|id| Some((*id, self.graph.get(*id)?)));
        let missing: Vec<_> = missing.filter(|(_, parent)| !parent.done()).collect();
        let mut lines = vec![format!("waits for {} of the jobs it reads", missing.len())];
        for (id, parent) in missing.iter().take(LISTED) {
            lines.push(format!("  {id} {}: {}", word(parent), describe(&parent.spec)));
        }
        lines
    }

    fn why_not_placed(&self, id: JobId, job: &Job) -> Vec<String> {
        if self.graph.wanted_by(job).is_none() {
            return vec!["ready, but every sweep that wants it is paused or stopped".to_owned()];
        }
        let workers: Vec<&Worker> = self.floor.workers.values().filter(|worker| worker.open()).collect();
        if workers.is_empty() {
            return vec![
                "ready, but no worker is connected; `tombola-worker --help` says how to start one".to_owned(),
            ];
        }
        let key = self.keys.get(job.key);
        let fitting = workers.iter().filter(|worker| worker.fits(key, &self.bound));
        let slots: usize =
            fitting.map(|worker| worker.info.as_ref().map_or(0, |info| info.slots.len())).sum();
        if slots == 0 {
            return self.why_nobody_fits(key.set().unwrap_or_default(), &workers);
        }
        let ahead = self.queue.ahead_of(id);
        vec![format!("ready; the {slots} slots that can take it are busy, and {ahead} jobs are more urgent")]
    }

    fn why_nobody_fits(&self, set: &str, workers: &[&Worker]) -> Vec<String> {
        let mut lines = vec![format!("ready, but none of {} connected workers can take it:", workers.len())];
        for worker in workers.iter().take(LISTED) {
            let name = &worker.name;
            lines.push(match (worker.digest(set), self.bound.get(set)) {
                (None, _) => {
                    format!("  {name} has no data set `{set}`; `tombola-worker --help` says where it looks")
                }
                (Some(held), Some(bound)) if held != *bound => format!(
                    "  {name} has other content under the name `{set}`: {} instead of {}",
                    held.short(),
                    bound.short()
                ),
                (Some(_), _) => {
                    format!("  {name} said that its data set `{set}` cannot be used; its log says why")
                }
            });
        }
        lines
    }

    fn place_of(&self, id: LeaseId) -> String {
        let Some(lease) = self.leases.get(&id) else { return id.to_string() };
        let worker = self.floor.workers.get(&lease.worker);
        let name = worker.map_or_else(|| lease.worker.to_string(), |worker| worker.name.clone());
        let away =
            if worker.is_some_and(|worker| !worker.linked) { ", whose connection is down" } else { "" };
        format!("{name} (slot {}, {id}){away}", lease.slot)
    }

    fn wishes(&self, job: &Job) -> String {
        if job.claims.is_empty() {
            return "no sweep wants it".to_owned();
        }
        let names: Vec<String> = job
            .claims
            .iter()
            .map(|id| {
                let name = self.graph.sweeps.get(id).map_or("", |sweep| &sweep.name);
                format!("{name} ({id})")
            })
            .collect();
        format!("wanted by {}", names.join(", "))
    }
}

/// A job's state in a word.
fn word(job: &Job) -> &'static str {
    match job.state {
        State::Waiting => "waits itself",
        State::Ready { .. } => "is ready",
        State::Leased { .. } => "is granted",
        State::Running { .. } => "runs",
        State::Done => "is done",
        State::Failed => "failed",
        State::Quarantined => "is quarantined",
        State::Unwanted => "is unwanted",
    }
}

/// What a job does, for people.
fn describe(spec: &JobSpec) -> String {
    match spec {
        JobSpec::Train(job) => {
            let (model, data) = (&job.recipe.model.name, &job.recipe.data.set);
            let density = if job.mask.is_some() { "masked" } else { "dense" };
            format!("train {model} ({density}) on {data} from {} to {}", job.from, job.to)
        }
        JobSpec::Prune(job) => format!("prune {}", job.network.name),
        JobSpec::RandomMask(job) => format!("draw a random mask of {}", job.network.name),
    }
}
