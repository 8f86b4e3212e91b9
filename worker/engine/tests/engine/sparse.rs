//! Lanes of which only living weights are computed with: the same numbers, for less.

use crate::rig::{
    ADAM, NESTEROV, Outcomes, PLAIN, Recorder, Rig, SGD, distance, edit_recipe, job, recipe, with_mask,
};
use tombola_spec::{
    Steps,
    job::Output,
    outcome::Split,
    settings::{Augment, Dtype, Frozen, Optimizer, Partial, Recipe},
    slot::StageJob,
    worker::Plan,
};

/// Always, however many weights live.
const ALWAYS: f64 = f64::INFINITY;
const NEVER: f64 = 0.0;

fn masked(rig: &Rig, optimizer: Optimizer, dtype: Dtype, change: impl FnOnce(&mut Recipe)) -> StageJob {
    let mut job = with_mask(job(1, recipe(optimizer), 60), &rig.mask(0.3, 2));
    edit_recipe(&mut job, |recipe| {
        recipe.dtype = dtype;
        change(recipe);
    });
    job
}

fn plan(outcomes: &Outcomes) -> &str {
    &outcomes.provenance(1).plan
}

/// Trains a job both ways; how far their weights and states end apart, after a look at their metrics.
#[track_caller]
fn apart(rig: &Rig, job: &StageJob) -> f64 {
    let dense = rig.run_sparse_below(NEVER, vec![job.clone()]);
    let sparse = rig.run_sparse_below(ALWAYS, vec![job.clone()]);
    assert_eq!((plan(&dense), plan(&sparse)), ("cpu-lanes", "cpu-sparse"));
    for split in [Split::Train, Split::Validation, Split::Test] {
        let (a, b) = (dense.points(1, "loss", split), sparse.points(1, "loss", split));
        assert!(a.len() > 5 && a.iter().all(|(at, loss)| (loss - b[at]).abs() < 1e-11), "{a:?} {b:?}");
        assert_eq!(dense.points(1, "accuracy", split), sparse.points(1, "accuracy", split));
    }
    let ends = |output| distance(&dense.tensors(1, output), &sparse.tensors(1, output));
    assert_eq!(ends(Output::Initial), 0.0);
    ends(Output::Weights).max(ends(Output::State))
}

#[test]
fn sparse_lanes_equal_dense_ones_in_f64_by_every_rule() {
    let rig = Rig::new();
    let adamw = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    // A small epsilon would make a whole step of the rounding in a gradient near zero.
    let rmsprop = Optimizer::RmsProp { alpha: 0.99, eps: 1e-3, momentum: 0.9 };
    for optimizer in [PLAIN, SGD, NESTEROV, ADAM, adamw, rmsprop] {
        let apart = apart(&rig, &masked(&rig, optimizer, Dtype::F64, |_| {}));
        assert!(apart <= 1e-12, "{optimizer:?}: {apart:e}");
    }
}

#[test]
fn sparse_lanes_equal_dense_ones_whatever_the_recipe() {
    let rig = Rig::new();
    type Change = fn(&mut Recipe);
    let changes: [(&str, Change); 6] = [
        ("clipped", |recipe| recipe.train.clip = Some(0.3)),
        ("frozen", |recipe| recipe.train.freeze = vec![Frozen::Parameter("fc_layers.0.weight".to_owned())]),
        ("partial batches", |recipe| {
            (recipe.train.batch, recipe.train.partial) = (70, Partial::Keep);
        }),
        ("varied images", |recipe| recipe.data.augment = Augment::FlipCrop4),
        ("clipped and frozen", |recipe| {
            recipe.train.clip = Some(0.3);
            recipe.train.freeze = vec![Frozen::Parameter("fc_layers.0.weight".to_owned())];
        }),
        ("one example at a time", |recipe| recipe.train.batch = 1),
    ];
    for (name, change) in changes {
        let apart = apart(&rig, &masked(&rig, SGD, Dtype::F64, change));
        assert!(apart <= 1e-12, "{name}: {apart:e}");
    }
}

/// A hundredth of a step would be seen; what f32 rounds in 60 steps is not.
#[test]
fn sparse_lanes_are_about_dense_ones_in_f32() {
    let rig = Rig::new();
    let job = masked(&rig, SGD, Dtype::F32, |_| {});
    let [dense, sparse] = [NEVER, ALWAYS].map(|below| rig.run_sparse_below(below, vec![job.clone()]));
    let weights = |outcomes: &Outcomes| outcomes.tensors(1, Output::Weights);
    let (apart, moved) = (
        distance(&weights(&dense), &weights(&sparse)),
        distance(&weights(&dense), &dense.tensors(1, Output::Initial)),
    );
    assert!(apart > 0.0 && apart < 1e-5 && moved > 0.05, "{apart:e}, {moved}");
}

/// Neurons that are pruned whole take their biases with them, and a layer may lose all of its weights.
#[test]
fn dead_biases_and_dead_layers_are_left_alone() {
    let rig = Rig::new();
    for (layer, dead) in [("fc_layers.0", 0..3), ("fc_layers.1", 0..8)] {
        let mut job = masked(&rig, SGD, Dtype::F64, |_| {});
        job = with_mask(job, &rig.mask_without(layer, dead));
        let apart = apart(&rig, &job);
        assert!(apart <= 1e-12, "{layer}: {apart:e}");
    }
}

#[test]
fn lanes_are_sparse_where_that_is_faster() {
    let rig = Rig::new();
    let way = |density: f64, change: fn(&mut Recipe)| {
        let mut job = with_mask(job(1, recipe(SGD), 5), &rig.mask(density, 2));
        edit_recipe(&mut job, change);
        plan(&rig.run(Plan::CpuLanes, vec![job])).to_owned()
    };
    let whole_vectors = |recipe: &mut Recipe| recipe.train.batch = 32;
    assert_eq!(way(0.45, whole_vectors), "cpu-sparse");
    assert_eq!(way(0.65, whole_vectors), "cpu-lanes");
    // Batches of 20 are padded to 32.
    assert_eq!(way(0.25, |_| {}), "cpu-sparse");
    assert_eq!(way(0.45, |_| {}), "cpu-lanes");
    assert_eq!(way(0.1, |recipe| recipe.dtype = Dtype::Bf16), "cpu-lanes");
    assert_eq!(way(0.1, |recipe| recipe.model.dropout = 0.5), "cpu-lanes");
    assert_eq!(way(0.25, |recipe| recipe.dtype = Dtype::F64), "cpu-lanes");
    let sparse = with_mask(job(1, recipe(SGD), 5), &rig.mask(0.25, 2));
    let stage = rig.stage(Plan::CpuLanes, vec![sparse]);
    let two_threads = rig.run_with(&stage, &Recorder::default(), 2, None);
    assert_eq!(plan(&two_threads), "cpu-lanes", "dense products have both threads");
    let unmasked = rig.run(Plan::CpuLanes, vec![job(1, recipe(SGD), 5)]);
    assert_eq!(plan(&unmasked), "cpu-lanes");
}

#[test]
fn a_sparse_run_that_yields_and_resumes_equals_an_uninterrupted_one() {
    let rig = Rig::new();
    for optimizer in [SGD, ADAM] {
        let mut job = with_mask(job(1, recipe(optimizer), 70), &rig.mask(0.2, 4));
        let whole = rig.run(Plan::CpuLanes, vec![job.clone()]);
        let stage = rig.stage(Plan::CpuLanes, vec![job.clone()]);
        let first = rig.run_with(&stage, &Recorder::yield_at(27), 1, Some(9));
        let (iteration, checkpoint) = first.checkpoint(1);
        job.resume = Some(checkpoint);
        // What was begun in one way is not gone on with in another.
        let otherwise = rig.run_sparse_below(NEVER, vec![job.clone()]);
        let second = rig.run(Plan::CpuLanes, vec![job]);
        assert_eq!(
            (plan(&whole), plan(&second), plan(&otherwise)),
            ("cpu-sparse", "cpu-sparse", "cpu-lanes")
        );
        assert_eq!((second.started(1), otherwise.started(1)), (iteration, 0));
        assert_eq!(whole.digests(1), second.digests(1), "{optimizer:?}");
    }
}

/// Conv-2 by a mask of this density.
fn convolutions(rig: &Rig, optimizer: Optimizer, dtype: Dtype, density: f64) -> StageJob {
    let mut recipe = recipe(optimizer);
    recipe.model.name = "conv_2".to_owned();
    (recipe.dtype, recipe.train.eval_every) = (dtype, Steps::its(4));
    let mask = rig.mask_of(&recipe, density, 2);
    with_mask(job(1, recipe, 8), &mask)
}

#[test]
fn living_filters_equal_dense_ones_in_f64() {
    let rig = Rig::new();
    for optimizer in [SGD, ADAM] {
        let job = convolutions(&rig, optimizer, Dtype::F64, 0.2);
        let [dense, sparse] = [NEVER, ALWAYS].map(|below| rig.run_sparse_below(below, vec![job.clone()]));
        assert_eq!((plan(&dense), plan(&sparse)), ("cpu-lanes", "cpu-sparse"));
        for split in [Split::Train, Split::Validation, Split::Test] {
            let (a, b) = (dense.points(1, "loss", split), sparse.points(1, "loss", split));
            assert!(a.iter().all(|(at, loss)| (loss - b[at]).abs() < 1e-11), "{a:?} {b:?}");
        }
        let weights = |outcomes: &Outcomes, output| outcomes.tensors(1, output);
        for output in [Output::Weights, Output::State] {
            let apart = distance(&weights(&dense, output), &weights(&sparse, output));
            assert!(apart <= 1e-12, "{optimizer:?}, {output}: {apart:e}");
        }
        let moved = distance(&weights(&dense, Output::Weights), &weights(&dense, Output::Initial));
        assert!(moved > 1e-3, "it trains: {moved}");
    }
}

/// Of both, what counts is the share of the multiplications: filters are used at each place of an image.
#[test]
fn convolutions_are_sparse_where_that_is_faster() {
    let rig = Rig::new();
    let way = |density| {
        let job = convolutions(&rig, SGD, Dtype::F32, density);
        plan(&rig.run(Plan::CpuLanes, vec![job])).to_owned()
    };
    // Batches of 20 are padded to 32.
    assert_eq!([0.25, 0.45].map(way), ["cpu-sparse", "cpu-lanes"]);
}
