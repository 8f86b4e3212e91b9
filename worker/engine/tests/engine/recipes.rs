//! What a recipe may add to plain training, by both plans: smaller last batches, frozen parts, penalties on scales.

use crate::rig::{
    ADAM, Outcomes, PLAIN, PLANS, Recorder, Rig, SGD, distance, edit_recipe, job, recipe, with_mask,
};
use std::collections::BTreeMap;
use tombola_spec::{
    Steps,
    arch::Role,
    job::Output,
    outcome::Split,
    settings::{BatchNormInit, Dtype, Frozen, Optimizer, Partial, Recipe},
    slot::{Stage, StageJob},
    worker::Plan,
};

const RESNET: &str = "cifar_resnet_8_4";

/// In f64, with what `change` does to the rig's recipe.
fn lane(number: u64, optimizer: Optimizer, to: u32, change: impl Fn(&mut Recipe)) -> StageJob {
    let mut job = job(number, recipe(optimizer), to);
    edit_recipe(&mut job, |recipe| {
        recipe.dtype = Dtype::F64;
        recipe.train.eval_every = Steps::its(to);
        change(recipe);
    });
    job
}

/// One network with batch normalization and one without, whose lanes have masks.
fn networks(recipe: &mut Recipe, normalizes: bool) {
    if normalizes {
        recipe.model.name = RESNET.to_owned();
        recipe.model.bn_init = BatchNormInit::Half;
    }
}

/// Both plans on the same two lanes, which must agree.
#[track_caller]
fn by_both_plans(rig: &Rig, jobs: &[StageJob]) -> Outcomes {
    let (plain, fused) = (rig.run(Plan::CpuLanes, jobs.to_vec()), rig.run(Plan::Fused, jobs.to_vec()));
    for number in jobs.iter().map(|job| job.job.0) {
        for output in [Output::Weights, Output::State] {
            let apart = distance(&plain.tensors(number, output), &fused.tensors(number, output));
            assert!(apart <= 1e-12, "lane {number} {output}: {apart:e}");
        }
    }
    plain
}

/// 500 examples in batches of 30: 16 whole ones and one of 20.
fn partial(recipe: &mut Recipe) {
    (recipe.train.batch, recipe.train.partial) = (30, Partial::Keep);
}

#[test]
fn the_last_batch_of_an_epoch_may_be_a_smaller_one() {
    let rig = Rig::new();
    for (normalizes, to) in [(false, 40), (true, 18)] {
        let lanes = |keep: bool| -> Vec<StageJob> {
            let change = |recipe: &mut Recipe| {
                networks(recipe, normalizes);
                partial(recipe);
                if !keep {
                    recipe.train.partial = Partial::Drop;
                }
            };
            (1..=2).map(|number| lane(number, SGD, to, change)).collect()
        };
        let kept = by_both_plans(&rig, &lanes(true));
        let dropped = rig.run(Plan::CpuLanes, lanes(false));
        let apart = distance(&kept.tensors(1, Output::Weights), &dropped.tensors(1, Output::Weights));
        assert!(apart > 1e-6, "{apart:e}");
        // Each whole epoch is 500 examples, whatever its batches.
        let seen = (u64::from(to) / 17 * 500) + u64::from(to) % 17 * 30;
        let of_one = recipe(SGD).architecture().unwrap().training_flops(1);
        if !normalizes {
            assert_eq!(kept.summary(1).flops, seen * of_one);
            assert_eq!(dropped.summary(1).flops, 30 * u64::from(to) * of_one);
        }
    }
}

#[test]
fn a_run_that_yields_before_a_smaller_batch_and_resumes_equals_an_uninterrupted_one() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut jobs = vec![lane(1, ADAM, 40, partial), lane(2, ADAM, 40, partial)];
        jobs[1] = with_mask(jobs[1].clone(), &rig.mask(0.4, 4));
        let whole = rig.run(plan, jobs.clone());
        let first = rig.run_with(&rig.stage(plan, jobs.clone()), &Recorder::yield_at(15), 1, Some(5));
        for job in &mut jobs {
            job.resume = Some(first.checkpoint(job.job.0).1);
        }
        // One lane alone goes on from a checkpoint: the other is elsewhere in its epoch, and no neighbour of it.
        let mut apart = jobs.clone();
        apart[0].resume = None;
        for jobs in [jobs, apart] {
            let second = rig.run(plan, jobs);
            for lane in [1, 2] {
                assert_eq!(whole.digests(lane), second.digests(lane), "{plan:?} {lane}");
            }
        }
    }
}

/// Names of the tensors that differ between the beginning and the end.
fn moved(outcomes: &Outcomes, number: u64) -> Vec<String> {
    let [start, end] = [Output::Initial, Output::Weights].map(|output| outcomes.tensors(number, output));
    start.iter().filter(|(name, values)| end[*name] != **values).map(|(name, _)| name.clone()).collect()
}

#[test]
fn what_is_frozen_keeps_every_bit_and_the_rest_is_trained() {
    let rig = Rig::new();
    let adamw = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let name = |name: &str| Frozen::Parameter(name.to_owned());
    for optimizer in [SGD, adamw] {
        let frozen =
            [vec![Frozen::Output], vec![Frozen::Others], vec![name("fc.bias"), name("fc_layers.1.weight")]];
        for freeze in frozen {
            let lanes: Vec<StageJob> = (1..=2)
                .map(|number| {
                    lane(number, optimizer, 12, |recipe| {
                        (recipe.train.decay, recipe.train.clip) = (0.1, Some(0.3));
                        recipe.train.freeze = freeze.clone();
                    })
                })
                .collect();
            let outcomes = by_both_plans(&rig, &lanes);
            let network = recipe(SGD).architecture().unwrap();
            let still = Frozen::among(&freeze, &network);
            let names = network.parameters().into_iter().zip(still).filter(|(_, still)| !still);
            let mut wanted: Vec<String> = names.map(|(tensor, _)| tensor.name).collect();
            wanted.sort();
            assert_eq!(moved(&outcomes, 1), wanted, "{optimizer:?} {freeze:?}");
        }
    }
}

#[test]
fn running_statistics_stand_still_only_with_their_normalization() {
    let rig = Rig::new();
    let trained = |freeze: Frozen| {
        let change = |recipe: &mut Recipe| {
            networks(recipe, true);
            recipe.train.freeze = vec![freeze.clone()];
        };
        let lanes: Vec<StageJob> = (1..=2).map(|number| lane(number, SGD, 3, change)).collect();
        moved(&by_both_plans(&rig, &lanes), 1)
    };
    let is_statistic = |name: &String| name.contains("running");
    let (affine, whole) = (trained(Frozen::BnAffine), trained(Frozen::Bn));
    assert!(affine.iter().any(is_statistic) && !whole.iter().any(is_statistic), "{affine:?} {whole:?}");
    let weights =
        |names: &[String]| names.iter().filter(|name| !is_statistic(name)).cloned().collect::<Vec<_>>();
    assert_eq!(weights(&affine), weights(&whole));
    assert!(whole.iter().all(|name| !name.contains("bn")), "{whole:?}");
    // With everything else frozen, statistics follow the batches.
    let others = trained(Frozen::Others);
    assert!(others.iter().any(is_statistic), "{others:?}");
}

/// One step of plain gradient descent with the penalty and one without differ by lr * s * sign(gamma), and nowhere else.
#[test]
fn a_penalty_on_scales_adds_its_strength_by_their_sign() {
    let rig = Rig::new();
    let (lr, strength) = (0.05, 0.01);
    let end = |bn_l1: f64, clip: Option<f64>| -> BTreeMap<String, Vec<f64>> {
        let change = |recipe: &mut Recipe| {
            networks(recipe, true);
            (recipe.train.lr, recipe.train.bn_l1, recipe.train.clip) = (lr, bn_l1, clip);
        };
        let lanes: Vec<StageJob> = (1..=2).map(|number| lane(number, PLAIN, 1, change)).collect();
        by_both_plans(&rig, &lanes).tensors(2, Output::Weights)
    };
    let (without, with) = (end(0.0, None), end(strength, None));
    let mut resnet = recipe(PLAIN);
    networks(&mut resnet, true);
    let tensors = resnet.architecture().unwrap().parameters();
    let scale_names: Vec<String> =
        tensors.into_iter().filter(|tensor| tensor.role == Role::Scale).map(|tensor| tensor.name).collect();
    let mut scales = 0;
    for (name, values) in &with {
        // All scales begin at a half.
        let pull = if scale_names.contains(name) { lr * strength } else { 0.0 };
        scales += usize::from(pull > 0.0);
        for (value, plain) in values.iter().zip(&without[name]) {
            assert!((plain - value - pull).abs() < 1e-15, "{name}: {plain} against {value}");
        }
    }
    assert!(scales >= 7, "{scales}");
    // Clipped after it: a step that is far too long is as long as the bound, penalty and all.
    let clipped = end(1e6, Some(0.2));
    let start = end(0.0, Some(1e-300));
    let square: f64 = clipped
        .iter()
        .filter(|(name, _)| !name.contains("running"))
        .flat_map(|(name, values)| values.iter().zip(&start[name]).map(|(a, b)| (a - b).powi(2)))
        .sum();
    // Decay moves the weights besides, by 0.001 of them.
    assert!((square.sqrt() / lr - 0.2).abs() < 0.02, "{}", square.sqrt() / lr);
}

fn dropping(recipe: &mut Recipe) {
    partial(recipe);
    recipe.model.dropout = 0.5;
}

#[test]
fn dropout_is_the_same_by_both_plans_and_evaluations_are_without() {
    let rig = Rig::new();
    for network in ["mnist_lenet_16_8", "conv_2"] {
        let to = if network == "conv_2" { 3 } else { 40 };
        let lanes = |share: f64, lr: f64| -> Vec<StageJob> {
            let change = |recipe: &mut Recipe| {
                dropping(recipe);
                (recipe.model.dropout, recipe.train.lr) = (share, lr);
                recipe.model.name = network.to_owned();
            };
            (1..=2).map(|number| lane(number, SGD, to, change)).collect()
        };
        let dropped = by_both_plans(&rig, &lanes(0.5, 0.05));
        let whole = by_both_plans(&rig, &lanes(0.0, 0.05));
        let apart = distance(&dropped.tensors(1, Output::Weights), &whole.tensors(1, Output::Weights));
        assert!(apart > 1e-3, "{network}: {apart:e}");
        // Of weights that hardly move, the training loss feels what is dropped and the others do not.
        let (dropped, whole) =
            (by_both_plans(&rig, &lanes(0.5, 1e-12)), by_both_plans(&rig, &lanes(0.0, 1e-12)));
        let far = |split| {
            let last =
                |outcomes: &Outcomes| *outcomes.points(1, "loss", split).values().last().expect("a point");
            (last(&dropped) - last(&whole)).abs()
        };
        assert!(far(Split::Train) > 1e-3, "{network}: {}", far(Split::Train));
        assert!(far(Split::Validation) < 1e-9 && far(Split::Test) < 1e-9);
    }
}

#[test]
fn a_run_with_dropout_that_yields_and_resumes_equals_an_uninterrupted_one() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut jobs = vec![lane(1, SGD, 40, dropping), lane(2, SGD, 40, dropping)];
        let whole = rig.run(plan, jobs.clone());
        let first = rig.run_with(&rig.stage(plan, jobs.clone()), &Recorder::yield_at(15), 1, Some(5));
        for job in &mut jobs {
            job.resume = Some(first.checkpoint(job.job.0).1);
        }
        let second = rig.run(plan, jobs);
        for lane in [1, 2] {
            assert_eq!(whole.digests(lane), second.digests(lane), "{plan:?} {lane}");
        }
    }
}

/// Lanes that drop other shares are trained apart, each as if alone.
#[test]
fn lanes_with_and_without_dropout_share_a_stage_but_no_pack() {
    let rig = Rig::new();
    let jobs = [lane(1, SGD, 20, dropping), lane(2, SGD, 20, partial)];
    let both = rig.run(Plan::Fused, jobs.to_vec());
    for (number, job) in (1..).zip(jobs) {
        let alone = Stage { width: 2, ..rig.stage(Plan::Fused, vec![job]) };
        assert_eq!(rig.run_with(&alone, &Recorder::default(), 1, None).digests(number), both.digests(number));
    }
}
