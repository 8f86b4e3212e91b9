//! The scheduler: which job runs where, next, again, or not at all.

mod config;
mod effect;
mod event;
mod graph;
mod job;
mod key;
mod lease;
mod queue;
mod sweep;
mod worker;

pub use config::Config;
pub use effect::{Effect, Lease, LeasedJob, Message};
pub use event::{Event, Fact, Held, Now, StoredTrial};
pub use sweep::{Progress, RunningJob};
pub use worker::{SlotView, WorkerView};

use crate::record::Snapshot;
use tombola_spec::{JobId, SweepId};

/// The state of everything that lives, and the decisions about it.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
}

impl Scheduler {
    /// A scheduler that knows what is stored. Every stored lease is granted one full term from `Now::ZERO`.
    pub fn fold(config: Config, snapshot: Snapshot) -> Self {
        let _ = snapshot;
        Self { config }
    }

    /// Handles one event at `now`; `now` never goes back.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let _ = (now, event, self.config);
        Vec::new()
    }

    /// How far a sweep is; `None` for one that is not in memory: cancelled, or all of its jobs are done and forgotten.
    pub fn progress(&self, sweep: SweepId) -> Option<Progress> {
        let _ = sweep;
        None
    }

    /// Jobs of a sweep that run now, the oldest first.
    pub fn running(&self, sweep: SweepId) -> Vec<RunningJob> {
        let _ = sweep;
        Vec::new()
    }

    /// Workers that hold leases or are connected.
    pub fn workers(&self, now: Now) -> Vec<WorkerView> {
        let _ = now;
        Vec::new()
    }

    /// Where a job stands and why, for people; `None` for a job that is not in memory.
    pub fn explain_job(&self, now: Now, job: JobId) -> Option<Vec<String>> {
        let _ = (now, job);
        None
    }

    /// Where a sweep stands and what it waits for, for people; `None` for a sweep that is not in memory.
    pub fn explain_sweep(&self, now: Now, sweep: SweepId) -> Option<Vec<String>> {
        let _ = (now, sweep);
        None
    }
}
