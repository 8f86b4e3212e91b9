//! How long new work will take, from work alike that was measured.

use crate::{
    Error,
    store::{Store, views},
};
use std::collections::HashMap;
use tombola_core::plan::JobPlan;
use tombola_spec::{
    JobId,
    job::{JobSpec, Network, TrainJob},
    settings::{Augment, Dtype},
};

/// Most measured jobs that are looked at, the newest first.
const LOOKED_AT: usize = 2000;

/// What trainings of about equal speed have in common. Masked ones run as fast as dense ones for now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Likeness {
    network: Network,
    batch: u32,
    dtype: Dtype,
    optimizer: &'static str,
    augment: Augment,
    clipped: bool,
    drops: bool,
}

impl Likeness {
    fn of(job: &TrainJob) -> Self {
        let recipe = &job.recipe;
        Self {
            network: recipe.network(),
            batch: recipe.train.batch,
            dtype: recipe.dtype,
            optimizer: recipe.train.optimizer.name(),
            augment: recipe.data.augment,
            clipped: recipe.train.clip.is_some(),
            drops: recipe.model.dropout > 0.0,
        }
    }
}

/// Iterations of these jobs' trainings, by likeness.
pub(super) fn wanted(jobs: &[&JobPlan]) -> HashMap<Likeness, u64> {
    let mut wanted: HashMap<Likeness, u64> = HashMap::new();
    for job in jobs {
        if let JobSpec::Train(train) = &*job.spec {
            *wanted.entry(Likeness::of(train)).or_default() += job.spec.iterations();
        }
    }
    wanted
}

/// Seconds on a device that these iterations will take; 0 if for any of them nothing alike was measured.
pub(super) async fn device_seconds(store: &dyn Store, wanted: &HashMap<Likeness, u64>) -> Result<f64, Error> {
    if wanted.is_empty() {
        return Ok(0.0);
    }
    let speeds = speeds(store).await?;
    let seconds = wanted.iter().map(|(likeness, n)| speeds.get(likeness).map(|speed| speed * *n as f64));
    Ok(seconds.sum::<Option<f64>>().unwrap_or(0.0))
}

/// Seconds an iteration took, by likeness.
async fn speeds(store: &dyn Store) -> Result<HashMap<Likeness, f64>, Error> {
    let measured = views::measured(store, LOOKED_AT).await?;
    let jobs: Vec<JobId> = measured.iter().map(|job| job.job).collect();
    let specs = store.job_specs(&jobs).await?;
    let mut sums: HashMap<Likeness, (f64, u64)> = HashMap::new();
    for job in &measured {
        if let Some(JobSpec::Train(train)) = specs.get(&job.job).map(|spec| &**spec) {
            let sum = sums.entry(Likeness::of(train)).or_default();
            *sum = (sum.0 + job.device_seconds, sum.1 + job.iterations);
        }
    }
    Ok(sums.into_iter().map(|(likeness, (seconds, n))| (likeness, seconds / n as f64)).collect())
}
