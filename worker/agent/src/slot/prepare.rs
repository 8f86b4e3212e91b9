//! Before a stage: its folder, and the files of its inputs. Orders are heard meanwhile, for a download may take long.

use super::{Order, RunJob, Slot, StageRun, Told};
use crate::{
    artifacts::Artifacts,
    error::{AgentError, Result},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use tombola_spec::{
    JobId,
    slot::{Stage, StageJob},
};

impl Slot {
    /// The stage with all files in place; `None` if nothing of it is to be run.
    pub(super) async fn prepare(&mut self, run: StageRun, folder: &Path) -> Option<Stage> {
        let (width, plan) = (run.width, run.plan);
        if let Err(source) = tokio::fs::create_dir_all(folder).await {
            let failure = AgentError::file(folder)(source).failure();
            for job in run.jobs {
                self.tell(Told::Failed { job: job.job, failure: failure.clone() }).await;
            }
            return None;
        }
        let artifacts = self.artifacts.clone();
        let fetched = self.unless_told_otherwise(fetch_all(&artifacts, run.jobs)).await?;
        let mut jobs = Vec::new();
        for (job, result) in fetched {
            match result {
                Ok(ready) => jobs.push(ready),
                Err(error) => self.tell(Told::Failed { job, failure: error.failure() }).await,
            }
        }
        (!jobs.is_empty()).then(|| Stage { jobs, width, plan, folder: folder.to_owned() })
    }

    /// What `fetching` gives of jobs that are not cancelled meanwhile; `None` if the stage is to be left.
    async fn unless_told_otherwise(
        &mut self,
        fetching: impl Future<Output = Vec<(JobId, Result<StageJob>)>>,
    ) -> Option<Vec<(JobId, Result<StageJob>)>> {
        tokio::pin!(fetching);
        let mut cancelled = BTreeSet::new();
        loop {
            tokio::select! {
                mut fetched = &mut fetching => {
                    fetched.retain(|(job, _)| !cancelled.contains(job));
                    return Some(fetched);
                }
                order = self.orders.recv() => match order {
                    Some(Order::Cancel(job)) => _ = cancelled.insert(job),
                    Some(Order::Yield | Order::Run(_)) | None => return None,
                },
            }
        }
    }
}

async fn fetch_all(artifacts: &Artifacts, jobs: Vec<RunJob>) -> Vec<(JobId, Result<StageJob>)> {
    let mut fetched = Vec::with_capacity(jobs.len());
    for job in jobs {
        fetched.push((job.job, fetch(artifacts, job).await));
    }
    fetched
}

async fn fetch(artifacts: &Artifacts, run: RunJob) -> Result<StageJob> {
    let mut inputs: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (input, artifact) in run.inputs {
        inputs.insert(input, artifacts.fetch(artifact).await?);
    }
    let resume = match run.resume {
        Some(artifact) => Some(artifacts.fetch(artifact).await?),
        None => None,
    };
    Ok(StageJob { job: run.job, attempt: run.attempt, spec: run.spec, inputs, resume })
}
