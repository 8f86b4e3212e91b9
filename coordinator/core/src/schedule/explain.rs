//! Why a job is where it is, from the same state the scheduler decides by.

use super::{
    Now, Scheduler,
    job::{Hold, Job, State},
    worker::Worker,
};
use tombola_spec::{JobId, LeaseId, SweepId};

/// Most jobs listed one by one.
pub(super) const LISTED: usize = 5;

/// A line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What is told.
    pub text: String,
    /// The job it ends with: what that one does is to be said, and the store knows it.
    pub doing: Option<JobId>,
}

impl Sentence {
    pub(super) fn about(text: String, job: JobId) -> Self {
        Self { text, doing: Some(job) }
    }

    /// As people read it, given what jobs do.
    pub fn complete(self, does: impl FnOnce(JobId) -> Option<String>) -> String {
        match self.doing.and_then(does) {
            Some(does) => format!("{}: {does}", self.text),
            None => self.text,
        }
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self { text, doing: None }
    }
}

/// Said when every slot that could take something is out of service.
const OUT: &str = "every slot that could take it is out of service (`tombola workers` says why)";

impl Scheduler {
    /// Where a job stands and why, a sentence a line; `None` for a job that is not in memory.
    pub fn explain_job(&self, now: Now, id: JobId) -> Option<Vec<Sentence>> {
        let job = self.graph.get(id)?;
        let mut lines = vec![Sentence::about(id.to_string(), id)];
        lines.extend(self.reasons(now, id, job));
        if job.tries > 0 || job.losses > 0 {
            let (tries, losses) = (job.tries, job.losses);
            let (most_tries, most_losses) = (self.config.max_tries, self.config.max_losses);
            lines.push(format!(
                "{tries} of {most_tries} tries are used up; it ran at {losses} abrupt ends of workers or engines ({most_losses} \
                 quarantine it)"
            ).into());
        }
        if let Some(checkpoint) = &job.checkpoint {
            lines.push(format!("its newest checkpoint is at iteration {}", checkpoint.iteration).into());
        }
        lines.push(self.wishes(job).into());
        Some(lines)
    }

    pub(super) fn reasons(&self, now: Now, id: JobId, job: &Job) -> Vec<Sentence> {
        let lines = match job.state {
            State::Waiting => return self.missing_parents(job),
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
                let told = format!("runs on {}, attempt {}", self.place_of(lease), job.attempt.0);
                // Only trainings count iterations.
                let told = if all > 0 { format!("{told}: {done} of {all} iterations done") } else { told };
                std::iter::once(told).chain(self.standstill(now, lease)).collect()
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
        };
        lines.into_iter().map(Into::into).collect()
    }

    fn missing_parents(&self, job: &Job) -> Vec<Sentence> {
        let missing = job.parents.iter().filter_map(|id| Some((*id, self.graph.get(*id)?)));
        let missing: Vec<_> = missing.filter(|(_, parent)| !parent.done()).collect();
        let mut lines = vec![format!("waits for {} of the jobs it reads", missing.len()).into()];
        for (id, parent) in missing.iter().take(LISTED) {
            lines.push(Sentence::about(format!("  {id} {}", word(parent)), *id));
        }
        lines
    }

    /// Why no worker takes anything, given that none does.
    pub(super) fn why_nobody_works(&self) -> &'static str {
        if self.floor.workers.values().any(|worker| worker.open()) {
            OUT
        } else if self.floor.workers.values().any(|worker| worker.linked) {
            "every connected worker is leaving or silent (`tombola workers` shows them)"
        } else {
            "no worker is connected (`tombola up` has some, and `tombola-worker --coordinator HOST:PORT` is one)"
        }
    }

    fn why_not_placed(&self, id: JobId, job: &Job) -> Vec<String> {
        if self.graph.wanted_by(job).is_none() {
            return vec!["ready, but every sweep that wants it is paused or stopped".to_owned()];
        }
        let workers: Vec<&Worker> = self.floor.workers.values().filter(|worker| worker.open()).collect();
        if workers.is_empty() {
            return vec![format!("ready, but {}", self.why_nobody_works())];
        }
        let key = self.keys.get(job.key);
        let fitting = workers.iter().filter(|worker| worker.fits(key, &self.bound));
        let slots: usize =
            fitting.clone().map(|worker| worker.info.as_ref().map_or(0, |info| info.slots.len())).sum();
        if slots == 0 {
            return self.why_nobody_fits(key.set().unwrap_or_default(), &workers);
        }
        if fitting.map(|worker| worker.taking()).sum::<usize>() == 0 {
            return vec![format!("ready, but {OUT}")];
        }
        let busy = match slots {
            1 => "the only slot that can take it is busy".to_owned(),
            n => format!("all {n} slots that can take it are busy"),
        };
        vec![format!("ready; {busy}, and {}", self.ahead_of(id, job))]
    }

    /// What goes before a job that waits for a slot.
    fn ahead_of(&self, id: JobId, job: &Job) -> String {
        let of_others =
            |ahead: &JobId| !self.graph.get(*ahead).is_some_and(|ahead| shares(&ahead.claims, &job.claims));
        let ahead: Vec<JobId> = self.queue.ahead_of(id).collect();
        let others = match ahead.iter().filter(|ahead| of_others(ahead)).count() {
            0 => String::new(),
            n if n == ahead.len() => " of other sweeps".to_owned(),
            n => format!(" ({n} of other sweeps)"),
        };
        match ahead.len() {
            0 => "it is next".to_owned(),
            1 => format!("1 job{others} goes first"),
            n => format!("{n} jobs{others} go first"),
        }
    }

    fn why_nobody_fits(&self, set: &str, workers: &[&Worker]) -> Vec<String> {
        let mut lines = vec![format!("ready, but none of {} connected workers can take it:", workers.len())];
        for worker in workers.iter().take(LISTED) {
            let name = &worker.name;
            lines.push(match (worker.digest(set), self.bound.get(set)) {
                (None, _) => match worker.data_folder() {
                    Some(folder) => {
                        format!(
                            "  {name} has no data set `{set}`; it looks in `{folder}/{set}` when it starts"
                        )
                    }
                    None => format!(
                        "  {name} has no data set `{set}`; `tombola-worker --help` says where it looks"
                    ),
                },
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

    pub(super) fn place_of(&self, id: LeaseId) -> String {
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

fn shares(a: &[SweepId], b: &[SweepId]) -> bool {
    a.iter().any(|sweep| b.contains(sweep))
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
