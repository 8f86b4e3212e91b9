//! How long new work will take, from work alike that was measured.

use crate::{
    Error,
    store::{Store, views},
};
use std::collections::{BTreeMap, HashMap};
use tombola_core::plan::{JobPlan, Plan};
use tombola_spec::{
    Fingerprint, JobId,
    job::{JobSpec, Network, TrainJob},
    settings::{Augment, Dtype},
};

/// Most measured jobs that are looked at, the newest first.
const LOOKED_AT: usize = 2000;

/// What trainings of about equal speed have in common, but for the density of their networks.
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

/// Of a network's weights, as a whole number: ten thousand are all.
type Density = u16;

fn density(share: f64) -> Density {
    (share * 1e4).round() as Density
}

/// Iterations of trainings, by likeness and density.
pub(super) type Wanted = HashMap<(Likeness, Density), u64>;

/// Seconds on a device and iterations that were measured, by likeness, from sparse to dense.
type Measurements = HashMap<Likeness, BTreeMap<Density, (f64, u64)>>;

/// What these jobs of a plan train.
pub(super) fn wanted(plan: &Plan, jobs: &[&JobPlan]) -> Wanted {
    let rounds = plan.trials.iter().flat_map(|trial| &trial.rounds);
    let mut densities: HashMap<Fingerprint, Density> = HashMap::new();
    for (round, &job) in rounds.flat_map(|round| round.train.iter().map(move |job| (round, job))) {
        let densest = densities.entry(job).or_default();
        *densest = density(round.density).max(*densest);
    }
    let mut wanted = Wanted::new();
    for job in jobs {
        if let JobSpec::Train(train) = &*job.spec {
            // What no round trains, an analysis does.
            let density = densities.get(&job.fingerprint).copied().unwrap_or(density(1.0));
            *wanted.entry((Likeness::of(train), density)).or_default() += job.spec.iterations();
        }
    }
    wanted
}

/// Seconds on a device that these iterations will take; 0 if for any of them nothing alike and as dense was measured.
pub(super) async fn device_seconds(store: &dyn Store, wanted: &Wanted) -> Result<f64, Error> {
    if wanted.is_empty() {
        return Ok(0.0);
    }
    let measured = measured(store).await?;
    let seconds = wanted.iter().map(|((likeness, density), iterations)| {
        let (seconds, measured) = nearest(measured.get(likeness)?, *density)?;
        Some(seconds / measured as f64 * *iterations as f64)
    });
    Ok(seconds.sum::<Option<f64>>().unwrap_or(0.0))
}

/// The measurement of the next density that is not less: sparser networks may train many times faster, so that theirs would
/// promise too much.
fn nearest(measured: &BTreeMap<Density, (f64, u64)>, density: Density) -> Option<(f64, u64)> {
    measured.range(density..).next().map(|(_, &measured)| measured)
}

/// What the newest trainings took.
async fn measured(store: &dyn Store) -> Result<Measurements, Error> {
    let measured = views::measured(store, LOOKED_AT).await?;
    let jobs: Vec<JobId> = measured.iter().map(|job| job.job).collect();
    let specs = store.job_specs(&jobs).await?;
    let mut sums = Measurements::new();
    for job in &measured {
        if let Some(JobSpec::Train(train)) = specs.get(&job.job).map(|spec| &**spec) {
            let alike = sums.entry(Likeness::of(train)).or_default();
            let sum = alike.entry(density(job.density)).or_default();
            *sum = (sum.0 + job.device_seconds, sum.1 + job.iterations);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_is_taken_for_no_sparser_than_it_is() {
        let measured = BTreeMap::from([(2000, (1.0, 10)), (5000, (2.0, 10)), (8000, (3.0, 10))]);
        let at = |density| nearest(&measured, density).map(|(seconds, _)| seconds);
        assert_eq!([100, 2000, 2001, 8000].map(at), [1.0, 1.0, 2.0, 3.0].map(Some));
        assert_eq!(at(8001), None, "what was measured is faster");
    }
}
