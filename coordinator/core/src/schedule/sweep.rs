//! One sweep in memory: its name, its jobs, and counters kept up to date so that progress costs nothing to ask.

use super::job::Share;
use crate::record::SweepState;
use tombola_spec::{JobId, SweepId};

/// A sweep in memory.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) name: String,
    pub(super) state: SweepState,
    /// Jobs it claims; those forgotten since are still listed.
    pub(super) jobs: Vec<JobId>,
    /// Its jobs in memory.
    pub(super) tally: Tally,
    /// Its done jobs that are not in memory, and the iterations they trained.
    pub(super) gone: (u64, u64),
    /// How far it is judged, where results decide how far its trials go.
    pub(super) judged: Option<Judged>,
}

/// What came to be known of a sweep, and how much of it was looked at. More jobs may follow from what was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    /// News so far: its submission, and each end of a job.
    pub(super) news: u64,
    /// News that were looked at.
    pub(super) seen: u64,
}

impl Judged {
    /// Of a sweep nobody has looked at.
    pub(super) const FRESH: Self = Self { news: 1, seen: 0 };
}

impl Sweep {
    pub(super) fn new(name: String, state: SweepState) -> Self {
        Self { name, state, jobs: Vec::new(), tally: Tally::default(), gone: (0, 0), judged: None }
    }

    /// A job of it has come to an end. Whether anything may follow from that.
    pub(super) fn hear(&mut self) -> bool {
        self.judged.as_mut().is_some_and(|judged| {
            judged.news += 1;
            true
        })
    }

    /// Whether something of it is not looked at yet that may lead to more jobs.
    pub(super) fn is_unjudged(&self) -> bool {
        self.judged.is_some_and(|judged| judged.news > judged.seen)
    }

    pub(super) fn progress(&self) -> Progress {
        let [waiting, ready, running, done, failed] = self.tally.jobs;
        Progress {
            waiting,
            ready,
            running,
            done: done + self.gone.0,
            failed,
            iterations_done: self.tally.trained + self.gone.1,
            iterations: self.tally.iterations + self.gone.1,
            // A waiting job whose ancestors neither run nor are ready stands behind a failed one.
            finished: ready == 0 && running == 0 && !self.is_unjudged(),
            decides: self.judged.is_some(),
        }
    }
}

/// Sums over jobs, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    jobs: [u64; 5],
    trained: u64,
    iterations: u64,
}

impl Tally {
    pub(super) fn add(&mut self, share: Share) {
        let Some(class) = share.class else { return };
        self.jobs[class as usize] += 1;
        self.trained += share.trained;
        self.iterations += share.iterations;
    }

    pub(super) fn remove(&mut self, share: Share) {
        let Some(class) = share.class else { return };
        self.jobs[class as usize] -= 1;
        self.trained -= share.trained;
        self.iterations -= share.iterations;
    }

    /// Whether no job is counted.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs == [0; 5]
    }
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Jobs whose inputs are not there yet.
    pub waiting: u64,
    /// Jobs that could run, leased ones not begun included.
    pub ready: u64,
    /// Jobs that run.
    pub running: u64,
    /// Jobs that are done, wherever they were done.
    pub done: u64,
    /// Jobs that failed or are quarantined.
    pub failed: u64,
    /// Iterations trained, those of running jobs as of their last heartbeat.
    pub iterations_done: u64,
    /// Iterations of all jobs.
    pub iterations: u64,
    /// Nothing runs, and nothing can run any more. A cancelled sweep, or one unknown, is finished.
    pub finished: bool,
    /// Results still decide how far its trials go: more jobs may follow.
    pub decides: bool,
}

impl Progress {
    /// Jobs in all.
    pub fn jobs(&self) -> u64 {
        self.waiting + self.ready + self.running + self.done + self.failed
    }

    /// How a sweep stands, in a word: what people asked of it, but for one whose jobs have the last word. `failed` is one
    /// with failed jobs whose others are done or stand behind those; `finished`, one whose jobs are all done.
    pub fn standing(&self, asked: SweepState) -> &'static str {
        match asked {
            SweepState::Cancelled => asked.name(),
            _ if !self.finished => asked.name(),
            _ if self.failed > 0 => "failed",
            _ => "finished",
        }
    }
}

impl Default for Progress {
    /// Of a sweep without jobs.
    fn default() -> Self {
        Sweep::new(String::new(), SweepState::Cancelled).progress()
    }
}

/// A job that runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningJob {
    /// The job.
    pub job: JobId,
    /// Who runs it.
    pub worker: tombola_spec::WorkerId,
    /// Iterations done, from the start of the schedule.
    pub iteration: u64,
    /// Iteration at which the job starts.
    pub from: u64,
    /// Iteration at which it ends.
    pub to: u64,
}

/// The oldest of `claims` that `active` holds for.
pub(super) fn oldest(claims: &[SweepId], active: impl Fn(SweepId) -> bool) -> Option<SweepId> {
    claims.iter().copied().filter(|sweep| active(*sweep)).min()
}
