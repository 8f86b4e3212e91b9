//! Training of lanes on a CPU: what is learned, logged, kept and refused.

use crate::rig::{
    self, ADAM, NESTEROV, Outcomes, PLAIN, PLANS, Recorder, Rig, SGD, continued, distance, edit, edit_recipe,
    job, recipe, stream, tensors, with_mask,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tombola_engine::{checkpoint::FileKind, mask::Mask};
use tombola_spec::{
    Steps,
    job::{Input, Output, Start},
    outcome::{FailureClass, Split},
    settings::{Dtype, Optimizer},
    slot::{Event, StageJob},
    worker::Plan,
};

#[test]
fn a_network_learns_and_says_so_as_it_goes() {
    let rig = Rig::new();
    for optimizer in [SGD, ADAM] {
        let outcomes = rig.run(Plan::CpuLanes, vec![job(1, recipe(optimizer), 200)]);
        let accuracy = outcomes.points(1, "accuracy", Split::Test);
        assert!(accuracy[&0] < 0.6 && accuracy[&200] > 0.9, "{accuracy:?}");
        let loss = outcomes.points(1, "loss", Split::Train);
        assert!(loss[&200] < loss[&10] / 2.0, "{loss:?}");
        let summary = outcomes.summary(1);
        assert_eq!(summary.iterations, 200);
        let weights = 64 * 16 + 16 * 8 + 8 * 4;
        assert_eq!(summary.flops, 200 * 20 * 6 * weights);
        assert!(summary.device_seconds > 0.0);
        let last = summary.last.iter().find(|m| m.split == Split::Test && m.name == "accuracy").unwrap();
        assert_eq!(last.value, accuracy[&200]);
    }
}

#[test]
fn evaluations_are_at_start_end_and_every_so_often_and_early_stopping_is_the_least_validation_loss() {
    let rig = Rig::new();
    let outcomes = rig.run(Plan::CpuLanes, vec![job(1, recipe(SGD), 34)]);
    for (name, split) in [("loss", Split::Validation), ("accuracy", Split::Validation), ("loss", Split::Test)]
    {
        let iterations: Vec<u64> = outcomes.points(1, name, split).into_keys().collect();
        assert_eq!(iterations, [0, 10, 20, 30, 34], "{name} {split:?}");
    }
    // Nothing was trained on before the first evaluation.
    let train: Vec<u64> = outcomes.points(1, "loss", Split::Train).into_keys().collect();
    assert_eq!(train, [10, 20, 30, 34]);
    let validation = outcomes.points(1, "loss", Split::Validation);
    let (best, loss) = validation.iter().min_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    let record = outcomes.summary(1).early_stop.clone().unwrap();
    assert_eq!(record.iteration, *best);
    assert!(
        record.measures.iter().any(|m| m.split == Split::Validation && m.name == "loss" && m.value == *loss)
    );
}

/// Forty examples that are soon known by heart: the validation loss is least somewhere in the middle, and the test loss
/// elsewhere.
fn overfitting(to: u32) -> StageJob {
    let mut job = job(1, recipe(ADAM), to);
    edit_recipe(&mut job, |recipe| {
        (recipe.data.validation, recipe.data.split_seed, recipe.train.lr) = (560, 13, 0.01);
    });
    job
}

fn argmin(points: &BTreeMap<u64, f64>) -> u64 {
    *points.iter().min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
}

#[test]
fn the_early_stopping_iteration_is_in_the_middle_of_an_overfitting_run_and_survives_every_cut() {
    let rig = Rig::new();
    for plan in PLANS {
        let whole = rig.run(plan, vec![overfitting(200)]);
        let best = argmin(&whole.points(1, "loss", Split::Validation));
        assert!((20..=160).contains(&best), "{:?}", whole.points(1, "loss", Split::Validation));
        assert_ne!(best, argmin(&whole.points(1, "loss", Split::Test)), "the test set decides nothing");
        let record = whole.summary(1).early_stop.clone().unwrap();
        assert_eq!(record.iteration, best);
        for measure in &record.measures {
            assert_eq!(measure.value, whole.points(1, &measure.name, measure.split)[&best], "{measure:?}");
        }
        assert_eq!(record.measures.len(), 5);

        let mut resumed = overfitting(200);
        let stage = rig.stage(plan, vec![resumed.clone()]);
        let cut = rig.run_with(&stage, &Recorder::yield_at(165), 1, Some(165));
        resumed.resume = Some(cut.checkpoint(1).1);
        let resumed = rig.run(plan, vec![resumed]);
        assert_eq!((resumed.started(1), resumed.summary(1).early_stop.as_ref()), (165, Some(&record)));
        let first = rig.run(plan, vec![overfitting(165)]);
        let second = rig.run(plan, vec![continued(overfitting(165), &first, 200)]);
        assert_eq!((second.started(1), second.summary(1).early_stop.as_ref()), (165, Some(&record)));
    }
}

#[test]
fn without_a_validation_split_there_is_no_early_stopping_record() {
    let rig = Rig::new();
    let mut job = job(1, recipe(SGD), 12);
    edit_recipe(&mut job, |recipe| recipe.data.validation = 0);
    let outcomes = rig.run(Plan::CpuLanes, vec![job]);
    assert_eq!(outcomes.summary(1).early_stop, None);
    assert!(outcomes.points(1, "loss", Split::Validation).is_empty());
    assert_eq!(outcomes.points(1, "loss", Split::Test).len(), 3);
}

/// Runs 100 iterations and looks at every one of them.
fn assert_masked_at_every_step(optimizer: Optimizer, plan: Plan) {
    let rig = Rig::new();
    let path = rig.mask(0.3, 5);
    let architecture = recipe(optimizer).architecture().unwrap();
    let mask = Mask::load(&architecture, &path).unwrap();
    let looked_at = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&looked_at);
    let on_event = move |event: &Event| {
        if let Event::Checkpoint { iteration, file, .. } = event {
            for (name, values) in tensors(file, FileKind::Checkpoint) {
                let parameter = mask.layers.iter().find(|layer| name.starts_with(&layer.name));
                let Some(layer) = parameter else { continue };
                assert!(values.iter().any(|&value| value != 0.0), "{name} is all zero");
                let dead = values.iter().zip(&layer.bits).filter(|(_, bit)| **bit == 0);
                for (value, _) in dead {
                    assert_eq!(value.to_bits(), 0, "{name} at iteration {iteration}");
                }
            }
            seen.lock().unwrap().push(*iteration);
        }
    };
    let link = Recorder { on_event: Some(Box::new(on_event)), ..Recorder::default() };
    let stage = rig.stage(plan, vec![with_mask(job(1, recipe(optimizer), 101), &path)]);
    let outcomes = rig.run_with(&stage, &link, 1, Some(1));
    assert!(outcomes.has_finished(1), "{outcomes:?}");
    assert!(looked_at.lock().unwrap().iter().copied().eq(1..=100), "{looked_at:?}");
}

#[test]
fn masked_weights_and_their_momentum_are_exactly_zero_after_each_of_100_steps() {
    for plan in PLANS {
        for optimizer in [SGD, NESTEROV, ADAM] {
            assert_masked_at_every_step(optimizer, plan);
        }
    }
}

#[test]
fn the_same_seeds_give_the_same_bits_and_other_seeds_do_not() {
    let rig = Rig::new();
    for plan in PLANS {
        let train = |number| rig.run(plan, vec![job(number, recipe(ADAM), 60)]);
        let (first, second, other) = (train(1), train(1), train(2));
        assert_eq!(first.digests(1), second.digests(1));
        assert_eq!(first.summary(1).last, second.summary(1).last);
        assert_ne!(first.digests(1)[&Output::Weights], other.digests(2)[&Output::Weights]);
        assert_ne!(first.digests(1)[&Output::Initial], other.digests(2)[&Output::Initial]);
    }
}

/// Batches and layers large enough for libtorch to use more than one thread.
#[test]
fn another_number_of_threads_changes_rounding_and_nothing_else() {
    let rig = Rig::new();
    let mut wide = job(1, recipe(SGD), 40);
    edit_recipe(&mut wide, |recipe| {
        recipe.model.name = "mnist_lenet_300_100".to_owned();
        (recipe.dtype, recipe.train.batch) = (Dtype::F64, 250);
    });
    for plan in PLANS {
        let train =
            |threads| rig.run_with(&rig.stage(plan, vec![wide.clone()]), &Recorder::default(), threads, None);
        let (one, two, again) = (train(1), train(2), train(2));
        assert_eq!(two.digests(1), again.digests(1), "as many threads, the same bits");
        assert_eq!(one.digests(1)[&Output::Initial], two.digests(1)[&Output::Initial]);
        // Batches in another order would show in the third digit.
        let apart = distance(&one.tensors(1, Output::Weights), &two.tensors(1, Output::Weights));
        assert!(apart < 1e-12, "{plan:?}: {apart:e}");
        let (a, b) = (one.points(1, "loss", Split::Train), two.points(1, "loss", Split::Train));
        assert!(a.iter().all(|(iteration, loss)| (loss - b[iteration]).abs() < 1e-12), "{a:?} {b:?}");
        assert_eq!((one.provenance(1).threads, two.provenance(1).threads), (1, 2));
    }
}

#[test]
fn the_learning_rate_warms_up_from_zero_and_falls_at_milestones() {
    let rig = Rig::new();
    let mut job = job(1, recipe(PLAIN), 1);
    edit_recipe(&mut job, |recipe| recipe.train.warmup = Steps::its(5));
    let outcomes = rig.run(Plan::CpuLanes, vec![job.clone()]);
    assert_eq!(distance(&outcomes.tensors(1, Output::Initial), &outcomes.tensors(1, Output::Weights)), 0.0);

    let mut until = |to| {
        edit_recipe(&mut job, |recipe| {
            (recipe.train.milestones, recipe.train.gamma) = (vec![Steps::its(12)], 0.0);
        });
        edit(&mut job, |spec| spec.to = Steps::its(to));
        rig.run(Plan::CpuLanes, vec![job.clone()]).tensors(1, Output::Weights)
    };
    let (before, at, after) = (until(11), until(12), until(40));
    assert!(distance(&before, &at) > 0.0);
    assert_eq!(distance(&at, &after), 0.0);
}

/// Full batches, so that no order matters; warm-up, a milestone, decay, and a mask.
fn full_batches(optimizer: Optimizer, rig: &Rig, sparse_below: f64) -> Outcomes {
    let mut job = with_mask(job(1, recipe(optimizer), 40), &rig.mask(0.5, 9));
    edit_recipe(&mut job, |recipe| {
        (recipe.dtype, recipe.data.validation, recipe.train.batch) = (Dtype::F64, 0, 600);
        recipe.train.eval_every = Steps::ZERO;
        (recipe.train.warmup, recipe.train.milestones) = (Steps::its(10), vec![Steps::its(30)]);
        (recipe.train.lr, recipe.train.decay) = (4.0 * recipe.train.lr, 0.01);
    });
    rig.run_sparse_below(sparse_below, vec![job])
}

/// Test loss and sum of |weight| that PyTorch 2.11.0 arrives at in f64 from the same initial weights, mask and data, with
/// `torch.optim`, gradients masked before each step and weights after it.
#[test]
fn forty_steps_end_where_pytorchs_end() {
    let rig = Rig::new();
    for (optimizer, loss, sum) in [
        (SGD, 0.03814471906835733, 126.11639413833328),
        (NESTEROV, 0.03180578458723388, 118.42365924433699),
        (ADAM, 0.013531431473022892, 136.92056842282724),
    ] {
        for (sparse_below, plan) in [(0.0, "cpu-lanes"), (f64::INFINITY, "cpu-sparse")] {
            let outcomes = full_batches(optimizer, &rig, sparse_below);
            assert_eq!(outcomes.provenance(1).plan, plan);
            let found = outcomes.points(1, "loss", Split::Test)[&40];
            assert!((found - loss).abs() < 1e-12, "{optimizer:?}, {plan}: {found} against {loss}");
            let weights = outcomes.tensors(1, Output::Weights);
            let found: f64 = weights.values().flatten().map(|weight| weight.abs()).sum();
            assert!((found - sum).abs() < 1e-10, "{optimizer:?}, {plan}: {found} against {sum}");
        }
    }
}

#[test]
fn the_initial_weights_are_kept_unmasked_and_the_trained_ones_masked() {
    let rig = Rig::new();
    let path = rig.mask(0.5, 3);
    let outcomes = rig.run(Plan::CpuLanes, vec![with_mask(job(1, recipe(ADAM), 5), &path)]);
    let zeros =
        |output| outcomes.tensors(1, output)["fc_layers.0.weight"].iter().filter(|w| **w == 0.0).count();
    assert_eq!(zeros(Output::Initial), 0);
    let mask = Mask::load(&recipe(ADAM).architecture().unwrap(), &path).unwrap();
    assert_eq!(zeros(Output::Weights) as u64, 64 * 16 - mask.layers[0].living());
}

#[test]
fn a_rewound_run_starts_from_the_anchors_weights_with_a_fresh_optimizer_and_the_schedule_goes_on() {
    let rig = Rig::new();
    let anchor = rig.run(Plan::CpuLanes, vec![job(1, recipe(ADAM), 30)]);
    let parent = rig::fingerprint(7);
    let mut rewound = job(2, recipe(ADAM), 30);
    let input = Input { job: parent, output: Output::Weights };
    rewound.inputs.insert(input.to_string(), anchor.outputs(1)[&Output::Weights].file.clone());
    edit(&mut rewound, |spec| {
        (spec.start, spec.from, spec.to) = (Start::Rewind(parent), Steps::its(30), Steps::its(30));
    });
    let untrained = rig.run(Plan::CpuLanes, vec![rewound.clone()]);
    assert_eq!(untrained.digests(2)[&Output::Weights], anchor.digests(1)[&Output::Weights]);
    assert!(untrained.tensors(2, Output::State).values().flatten().all(|&value| value == 0.0));

    edit(&mut rewound, |spec| spec.to = Steps::its(50));
    let outcomes = rig.run(Plan::CpuLanes, vec![rewound]);
    assert!(matches!(outcomes.0[0], Event::Started { iteration: 30, .. }), "{:?}", outcomes.0[0]);
    let points: Vec<u64> = outcomes.points(2, "loss", Split::Test).into_keys().collect();
    assert_eq!(points, [30, 40, 50]);
    assert_eq!(outcomes.outputs(2).keys().copied().collect::<Vec<_>>(), [Output::Weights, Output::State]);
}

#[track_caller]
fn assert_fails(outcomes: &Outcomes, number: u64, class: FailureClass, words: &str) {
    let failure = outcomes.failure(number).expect("a failure");
    assert_eq!(failure.class, class, "{failure:?}");
    assert!(failure.message.contains(words), "{failure:?}");
}

#[test]
fn what_cannot_be_trained_fails_by_itself_and_says_what_to_do() {
    let rig = Rig::new();
    let good = job(1, recipe(SGD), 20);
    let mut too_large = job(2, recipe(SGD), 20);
    edit_recipe(&mut too_large, |recipe| recipe.train.batch = 501);
    let mut no_data = job(3, recipe(SGD), 20);
    edit_recipe(&mut no_data, |recipe| recipe.data.set = "elsewhere".to_owned());
    let mut no_network = job(4, recipe(SGD), 20);
    edit_recipe(&mut no_network, |recipe| recipe.model.name = "alexnet".to_owned());
    let mut no_weights = job(5, recipe(SGD), 20);
    edit(&mut no_weights, |spec| spec.start = Start::Rewind(rig::fingerprint(9)));
    let mut wild = job(6, recipe(SGD), 40);
    edit_recipe(&mut wild, |recipe| recipe.train.lr = 1e30);
    let alone = rig.run(Plan::CpuLanes, vec![good.clone()]);
    let outcomes = rig.run(Plan::CpuLanes, vec![too_large, no_data, good, no_network, no_weights, wild]);
    assert_fails(&outcomes, 2, FailureClass::User, "a batch of 501");
    assert_fails(&outcomes, 3, FailureClass::DataMissing, "elsewhere");
    assert_fails(&outcomes, 4, FailureClass::User, "alexnet");
    assert_fails(&outcomes, 5, FailureClass::User, "was not given");
    assert_fails(&outcomes, 6, FailureClass::NotFinite, "NaN or infinite");
    assert_eq!(outcomes.digests(1), alone.digests(1));
}

/// Nothing is decided by a test metric: neither is whether a job failed.
#[test]
fn a_test_loss_that_is_not_finite_is_logged_and_the_job_goes_on() {
    let rig = Rig::new();
    rig.add_black_and_white();
    let mut job = with_mask(job(1, recipe(SGD), 20), &rig.mask_of_the_first_pixel());
    edit_recipe(&mut job, |recipe| {
        recipe.data.set = "black_and_white".to_owned();
        // A black pixel is 0, a white one nearly the largest f32.
        (recipe.data.shape.mean, recipe.data.shape.std) = (0.0.into(), 3.2e-39.into());
    });
    for plan in PLANS {
        let outcomes = rig.run(plan, vec![job.clone()]);
        assert!(outcomes.has_finished(1), "{:?}", outcomes.failure(1));
        let test = outcomes.points(1, "loss", Split::Test);
        assert_eq!(test.keys().copied().collect::<Vec<_>>(), [0, 10, 20]);
        assert!(test.values().all(|loss| !loss.is_finite()), "{test:?}");
        let validation = outcomes.points(1, "loss", Split::Validation);
        assert!(validation.values().all(|loss| loss.is_finite()), "{validation:?}");
    }
}

#[test]
fn a_data_order_belongs_to_its_stream_alone() {
    let rig = Rig::new();
    let train = |order| {
        let mut job = job(1, recipe(SGD), 30);
        edit(&mut job, |spec| spec.order = stream(order));
        rig.run(Plan::CpuLanes, vec![job])
    };
    let (a, b, c) = (train(1), train(1), train(2));
    assert_eq!(a.digests(1), b.digests(1));
    assert_eq!(a.digests(1)[&Output::Initial], c.digests(1)[&Output::Initial]);
    assert_ne!(a.digests(1)[&Output::Weights], c.digests(1)[&Output::Weights]);
}
