//! Weights drawn after others, and new output layers: what is kept, and what is not.

use crate::rig::{self, PLANS, Rig, SGD, edit, job, recipe, stream, with_mask};
use std::collections::BTreeMap;
use tombola_engine::{mask::Mask, redraw::redraw};
use tombola_spec::{
    arch::Architecture,
    job::{Drawn, Input, Output, Redraw, Scored, Start, Values},
    settings::Subset,
    slot::StageJob,
    worker::Plan,
};

/// One tensor of a network with four weights in its first layer, drawn after these; the second one is dead.
fn drawn(values: Values, keep_signs: bool, seed: u64) -> Vec<f32> {
    let architecture = Architecture::parse("mnist_lenet_4", [1, 1, 1], 2).unwrap();
    let mut mask = Mask::dense(&architecture);
    mask.layers[0].bits = vec![1, 0, 1, 1];
    let tensors = architecture.tensors();
    let mut after: Vec<Vec<f64>> = tensors.iter().map(|tensor| vec![0.5; tensor.len()]).collect();
    after[0] = vec![1.0, 7.0, -2.0, 4.0];
    let model = recipe(SGD).model;
    let draw =
        Redraw { after: Scored::Trained(rig::fingerprint(1)), values, keep_signs, stream: stream(seed) };
    let all = redraw(&tensors, &draw, &model, &after, Some(&mask));
    if values != Values::Fresh {
        assert!(all[1].iter().all(|bias| *bias == 0.5), "a bias stays as it was");
    }
    all[0].clone()
}

/// Mean 2.5; deviations 1.5, 4.5, 4.5, 1.5, so that the variance is 45 / 4.
#[test]
fn constants_are_of_the_tensors_standard_deviation() {
    let size = (45f64 / 4.0).sqrt() as f32;
    assert_eq!(drawn(Values::Constant, true, 1), [size, size, -size, size]);
    let signs: Vec<bool> =
        (0..20).flat_map(|seed| drawn(Values::Constant, false, seed)).map(|w| w > 0.0).collect();
    let positive = signs.iter().filter(|sign| **sign).count();
    assert!((20..60).contains(&positive), "{positive} of 80 signs drawn are positive");
}

#[test]
fn resampled_and_shuffled_weights_are_living_ones_of_the_tensor() {
    for seed in 0..20 {
        let mut shuffled = drawn(Values::Shuffled, false, seed);
        shuffled.remove(1);
        shuffled.sort_by(f32::total_cmp);
        assert_eq!(shuffled, [-2.0, 1.0, 4.0], "in another order, and all of them");
        let resampled = drawn(Values::Resampled, false, seed);
        assert!(resampled.iter().all(|w| [1.0, -2.0, 4.0].contains(w)), "{resampled:?}");
        let signed = drawn(Values::Resampled, true, seed);
        assert_eq!(
            signed.iter().map(|w| w.is_sign_negative()).collect::<Vec<_>>(),
            [false, false, true, false]
        );
    }
    let orders: std::collections::BTreeSet<String> =
        (0..20).map(|seed| format!("{:?}", drawn(Values::Shuffled, false, seed))).collect();
    assert_eq!(orders.len(), 6, "all orders of three");
}

/// The mean of squares of 2,000 normal numbers is within 6 of its standard deviations, sqrt(2 / 2000) each, of 1.
#[test]
fn noise_is_measured_in_the_tensors_standard_deviations() {
    let size = 0.5 * (45f64 / 4.0).sqrt();
    let noise = |seed| drawn(Values::Noise(0.5), false, seed);
    let all = (0..500).flat_map(|seed| noise(seed).into_iter().zip([1.0, 7.0, -2.0, 4.0]));
    let squares: f64 = all.map(|(w, old)| ((f64::from(w) - old) / size).powi(2)).sum();
    assert!((squares / 2000.0 - 1.0).abs() < 0.19, "{squares}");
}

#[test]
fn new_weights_may_keep_the_old_signs_alone() {
    let (fresh, signed) = (drawn(Values::Fresh, false, 3), drawn(Values::Fresh, true, 3));
    assert!(fresh.iter().zip(&signed).all(|(a, b)| a.abs() == b.abs()));
    assert_eq!(signed.iter().map(|w| *w < 0.0).collect::<Vec<_>>(), [false, false, true, false]);
}

/// A masked job that begins with `start`.
fn masked(rig: &Rig, start: Start) -> StageJob {
    let mut job = with_mask(job(2, recipe(SGD), 30), &rig.mask(0.5, 3));
    edit(&mut job, |spec| spec.start = start);
    job
}

#[test]
fn a_job_keeps_what_it_drew_and_trains_from_it_in_both_plans() {
    let rig = Rig::new();
    let model = recipe(SGD).model;
    let after = Scored::Drawn(Drawn { model, init: stream(1) });
    let draw = Redraw { after, values: Values::Constant, keep_signs: true, stream: stream(9) };
    let own = rig.run(Plan::CpuLanes, vec![job(1, recipe(SGD), 0)]).tensors(1, Output::Initial);
    for plan in PLANS {
        let outcomes = rig.run(plan, vec![masked(&rig, Start::Redraw(Box::new(draw.clone())))]);
        let initial = outcomes.tensors(2, Output::Initial);
        for (new, old) in initial["fc_layers.0.weight"].iter().zip(&own["fc_layers.0.weight"]) {
            assert_eq!(new.signum(), old.signum());
        }
        let sizes: std::collections::BTreeSet<u64> =
            initial["fc_layers.0.weight"].iter().map(|w| w.abs().to_bits()).collect();
        assert_eq!(sizes.len(), 1, "one size a layer");
        assert_ne!(outcomes.tensors(2, Output::Weights), initial, "it is trained");
    }
}

/// The trained weights and mask of all four classes, put to use for two of them.
#[test]
fn other_classes_get_a_new_and_whole_output_layer_and_the_rest_is_the_tickets() {
    let rig = Rig::new();
    let trained = rig.run(Plan::CpuLanes, vec![with_mask(job(1, recipe(SGD), 20), &rig.mask(0.5, 3))]);
    let parent = rig::fingerprint(7);
    let mut transfer = masked(&rig, Start::Rewind(parent));
    let input = Input { job: parent, output: Output::Weights };
    transfer.inputs.insert(input.to_string(), trained.outputs(1)[&Output::Weights].file.clone());
    let set = tombola_engine::data::DataSet::open(&rig.data(), "tiny").unwrap();
    let examples = set.train_labels.iter().filter(|&&label| label == 0 || label == 2).count() as u32;
    edit(&mut transfer, |spec| {
        let recipe = std::sync::Arc::make_mut(&mut spec.recipe);
        recipe.data.subset = Some(Subset::Classes { classes: vec![0, 2], examples });
        recipe.data.validation = 0;
        spec.head = Some(stream(5));
    });
    for plan in PLANS {
        let outcomes = rig.run(plan, vec![transfer.clone()]);
        assert!(outcomes.has_finished(2), "{:?}", outcomes.failure(2));
        let (old, initial) = (trained.tensors(1, Output::Weights), outcomes.tensors(2, Output::Initial));
        let body = |all: &BTreeMap<String, Vec<f64>>| {
            all.iter()
                .filter(|(name, _)| !name.starts_with("fc."))
                .map(|(_, v)| v.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(body(&initial), body(&old));
        assert_eq!((initial["fc.weight"].len(), old["fc.weight"].len()), (2 * 8, 4 * 8));
        assert!(
            outcomes.tensors(2, Output::Weights)["fc.weight"].iter().all(|w| *w != 0.0),
            "nothing is masked"
        );
    }
    // Without the draw, the ticket does not fit.
    edit(&mut transfer, |spec| spec.head = None);
    let failure = rig.run(Plan::CpuLanes, vec![transfer]);
    assert!(
        failure.failure(2).unwrap().message.contains("the mask is not one of"),
        "{:?}",
        failure.failure(2)
    );
}
