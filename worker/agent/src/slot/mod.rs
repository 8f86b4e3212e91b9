//! A slot: drives one engine through one stage at a time. Knows neither leases nor the link.
//!
//! An engine's death, whatever its cause, becomes a failure of the jobs it had in hand and nothing else.

mod crew;
mod engine;
mod lane;
mod prepare;
mod stage;
#[cfg(test)]
mod tests;

pub(crate) use crew::Crew;
pub(crate) use engine::{Introduction, introduced};

use crate::{Limits, artifacts::Artifacts, error::AgentError, progress::Progress};
use engine::Keeper;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::sync::mpsc;
use tombola_spec::{
    Attempt, JobId,
    job::JobSpec,
    outcome::{Artifact, Failure, Outcome, Series},
    worker::Plan,
};

/// What a slot is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// Run a stage; answered with [`Told::Ended`] at last. One at a time.
    Run(StageRun),
    /// Stop this job of the stage. Its neighbours go on; nothing more is told of it.
    Cancel(JobId),
    /// Checkpoint every job of the stage and end it there.
    Yield,
}

/// Jobs to run together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StageRun {
    pub(crate) jobs: Vec<RunJob>,
    pub(crate) width: u32,
    pub(crate) plan: Plan,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunJob {
    pub(crate) job: JobId,
    pub(crate) attempt: Attempt,
    pub(crate) spec: JobSpec,
    /// By [`tombola_spec::job::Input`]'s text.
    pub(crate) inputs: BTreeMap<String, Artifact>,
    /// Checkpoint to go on from.
    pub(crate) resume: Option<Artifact>,
}

/// What a slot tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// The job's first iteration begins.
    Started { job: JobId, iteration: u64 },
    /// Points measured since the last such word.
    Metrics { job: JobId, series: Vec<Series> },
    /// A checkpoint is in the cache.
    Checkpoint { job: JobId, iteration: u64, artifact: Artifact },
    /// The job is done, its outputs are in the cache.
    Finished { job: JobId, outcome: Box<Outcome> },
    /// The job failed.
    Failed { job: JobId, failure: Failure },
    /// The stage is over; the slot takes another.
    Ended,
    /// No engine can be started any more.
    Broken(String),
    /// One was started after all.
    Mended,
}

/// A slot at work.
struct Slot {
    number: usize,
    keeper: Keeper,
    artifacts: Artifacts,
    /// Stages get a folder each in here.
    folder: PathBuf,
    limits: Limits,
    progress: Progress,
    /// Unbounded, so that the session never waits for a slot that waits for the session; the session sends few.
    orders: mpsc::UnboundedReceiver<Order>,
    told: mpsc::Sender<(usize, Told)>,
    /// Stages begun so far.
    stages: u64,
    /// No engine can be had any more, and that was told.
    broken: bool,
}

impl Slot {
    /// Works until nobody gives orders any more.
    async fn run(mut self) {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    None => return,
                    // The session heard that the slot is broken, and gives back what ends without a word.
                    Some(Order::Run(_)) if self.broken => self.tell(Told::Ended).await,
                    Some(Order::Run(run)) => self.stage(run).await,
                    // They were about a stage that has just ended.
                    Some(Order::Cancel(_) | Order::Yield) => {}
                },
                // The next stage is to find an engine that is ready.
                kept = attend(&mut self.keeper, self.broken.then_some(self.limits.mend_after)) => match kept {
                    Some(error) => self.break_down(error.to_string()).await,
                    None => {
                        self.broken = false;
                        self.tell(Told::Mended).await;
                    }
                },
            }
        }
    }

    async fn break_down(&mut self, why: String) {
        self.broken = true;
        self.tell(Told::Broken(why)).await;
    }

    async fn tell(&mut self, told: Told) {
        // Nobody listens once the worker leaves; what is then still under way is repeated from its checkpoint.
        let _ = self.told.send((self.number, told)).await;
    }
}

/// Keeps an engine ready, until none can be had: why. A broken slot tries to have one every so often instead, until it has.
async fn attend(keeper: &mut Keeper, mend_after: Option<Duration>) -> Option<AgentError> {
    let Some(pause) = mend_after else { return Some(keeper.keep_ready().await) };
    loop {
        tokio::time::sleep(pause).await;
        match keeper.engine().await {
            Ok(_) => return None,
            Err(error) => tracing::warn!(%error, "slot.out: it still has no engine; tried again later"),
        }
    }
}

/// What `work` gives while the stage is still wanted; `None` once it is to be left. `cancel` takes a job out of the stage
/// and says whether others are left in it.
async fn while_wanted<T>(
    orders: &mut mpsc::UnboundedReceiver<Order>,
    mut cancel: impl FnMut(JobId) -> bool,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            // An order that was given before the work was done is carried out before it is made use of.
            biased;
            order = orders.recv() => match order {
                Some(Order::Cancel(job)) if cancel(job) => {}
                Some(Order::Cancel(_) | Order::Yield) | None => return None,
                Some(Order::Run(_)) => tracing::error!("slot.busy: a stage was ordered while another runs"),
            },
            done = &mut work => return Some(done),
        }
    }
}
