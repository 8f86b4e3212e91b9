//! Before a stage: its folder, and the files of its inputs. Orders are heard meanwhile, for a download may take long.

use super::{RunJob, Slot, StageRun, Told, while_wanted};
use crate::{
    artifacts::Artifacts,
    aside::aside,
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
        let place = folder.to_owned();
        if let Err(source) = aside(move || std::fs::create_dir_all(place)).await.flatten() {
            let failure = AgentError::file(folder)(source).failure();
            for job in run.jobs {
                self.tell(Told::Failed { job: job.job, failure: failure.clone() }).await;
            }
            return None;
        }
        let mut wanted: BTreeSet<JobId> = run.jobs.iter().map(|job| job.job).collect();
        let cancel = |job| {
            wanted.remove(&job);
            !wanted.is_empty()
        };
        let fetched = while_wanted(&mut self.orders, cancel, fetch_all(&self.artifacts, run.jobs)).await?;
        let mut jobs = Vec::new();
        for (job, result) in fetched.into_iter().filter(|(job, _)| wanted.contains(job)) {
            match result {
                Ok(ready) => jobs.push(ready),
                Err(error) => self.tell(Told::Failed { job, failure: error.failure() }).await,
            }
        }
        (!jobs.is_empty()).then(|| Stage { jobs, width, plan, folder: folder.to_owned() })
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
