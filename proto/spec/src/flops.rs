//! Floating-point operations of jobs: two for each multiply-add of convolution and linear layers, as ShrinkBench counts
//! (arXiv 2003.03033, section 5.2); what a network does beside is not counted, nor are the evaluations of a training.
//!
//! A backward pass counts twice its forward pass. A second derivative is a backward pass through both.

use crate::{
    arch::Architecture,
    job::{BatchStatistics, CollapseJob, ConnectivityJob, JobSpec},
    outcome::{LayerCount, Split},
    settings::{Criterion, Data, Recipe, ScoreData},
};

/// Operations that dense arithmetic executes for a whole job of this network. Plan `cpu-sparse` executes fewer: those are not
/// counted, so that figures of different plans compare.
pub fn executed(job: &JobSpec, network: &Architecture) -> u64 {
    match job {
        JobSpec::Train(train) => trained(&train.recipe, network, train.span()),
        JobSpec::Prune(prune) => {
            forward(network).saturating_mul(scoring_passes(prune.rule.criterion, prune.data.as_deref()))
        }
        // Passes that are timed serve no result.
        JobSpec::RandomMask(_)
        | JobSpec::Join(_)
        | JobSpec::MaskDistance(_)
        | JobSpec::Slim(_)
        | JobSpec::Import(_) => 0,
        JobSpec::Collapse(search) => collapse(search, network, search.grid().len()),
        JobSpec::Connectivity(line) => forward(network).saturating_mul(evaluated(line)),
    }
}

/// Operations that dense arithmetic executes in training from one iteration to another.
pub fn trained(recipe: &Recipe, network: &Architecture, [from, to]: [u64; 2]) -> u64 {
    network.training_flops(1).saturating_mul(recipe.examples_between(from, to))
}

/// Operations of a training that living weights alone need: of `flops` executed, each layer's share at its density.
pub fn theoretical(flops: u64, network: &Architecture, layers: &[LayerCount]) -> u64 {
    let costs = network.multiply_adds_by_weight();
    let all: f64 = costs.iter().map(|(_, cost)| *cost as f64).sum();
    let density = |name: &str| {
        let layer = layers.iter().find(|layer| layer.name == name);
        layer.map_or(1.0, |layer| layer.living as f64 / layer.total.max(1) as f64)
    };
    let living: f64 = costs.iter().map(|(name, cost)| *cost as f64 * density(name)).sum();
    (flops as f64 * living / all.max(1.0)).round() as u64
}

/// Of a search for the critical compression that tried so many: what looks at nothing but its own cuts scores anew for each.
pub fn collapse(job: &CollapseJob, network: &Architecture, tried: usize) -> u64 {
    let scorings = if matches!(job.criterion, Criterion::Synflow { .. }) { tried as u64 } else { 1 };
    let passes = scoring_passes(job.criterion, job.data.as_deref()).saturating_mul(scorings);
    forward(network).saturating_mul(passes)
}

/// Of one example.
fn forward(network: &Architecture) -> u64 {
    network.multiply_adds().saturating_mul(2)
}

/// Forward passes that scoring amounts to.
fn scoring_passes(criterion: Criterion, data: Option<&ScoreData>) -> u64 {
    let examples =
        data.map_or(0, |score| u64::from(score.per_class).saturating_mul(score.data.classes().into()));
    match criterion {
        Criterion::Magnitude
        | Criterion::Random
        | Criterion::BnScale
        | Criterion::L1Filter
        | Criterion::File
        | Criterion::Deconstructed { .. } => 0,
        Criterion::Snip | Criterion::Gradient => examples.saturating_mul(3),
        // A gradient, and another one that is differentiated again.
        Criterion::Grasp { .. } => examples.saturating_mul(3 + 9),
        Criterion::Synflow { iterations, .. } => u64::from(iterations).saturating_mul(3),
        Criterion::Supermask { iterations, batch, .. } => {
            u64::from(iterations).saturating_mul(examples.min(batch.into())).saturating_mul(3)
        }
    }
}

/// Examples that an analysis sends forward.
fn evaluated(job: &ConnectivityJob) -> u64 {
    let data = &job.recipe.data;
    let points = job.points().into_iter().map(|(.., split)| of(data, split));
    let recomputed = job.bn.contains(&BatchStatistics::Recompute);
    let statistics = if recomputed { u64::from(job.alphas) * of(data, Split::Train) } else { 0 };
    points.fold(statistics, u64::saturating_add)
}

fn of(data: &Data, split: Split) -> u64 {
    u64::from(match split {
        Split::Train => data.train_examples(),
        Split::Validation => data.validation,
        Split::Test => data.shape.test,
    })
}
