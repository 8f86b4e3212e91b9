//! Masks that are learned of weights nobody trains.

use crate::rig::{ADAM, Outcomes, PLANS, Recorder, Rig, job, recipe, stream, with_mask};
use std::{collections::BTreeMap, sync::Arc};
use tombola_engine::mask::Mask;
use tombola_spec::{
    Attempt, JobId,
    job::{Drawn, JobSpec, Output, PruneJob, Scored},
    outcome::{FailureClass, Split},
    settings::{Amount, Criterion, Dtype, Prune, Scope, ScoreData, ScoreMode},
    slot::StageJob,
};

fn supermask(iterations: u32, rescale: bool) -> Criterion {
    // A small network's gradients are large: at 100 each logit goes all the way at once.
    Criterion::Supermask { iterations, batch: 50, lr: 5.0, momentum: 0.9, rescale }
}

/// A cut of the weights of `seed` before any training, by what is trained on.
fn cut(number: u64, criterion: Criterion, seed: u64) -> StageJob {
    let recipe = recipe(ADAM);
    let data = ScoreData {
        data: recipe.data.clone(),
        per_class: 125,
        balanced: false,
        stream: stream(3),
        dtype: Dtype::F32,
        mode: ScoreMode::Eval,
    };
    let spec = PruneJob {
        network: recipe.network(),
        rule: Prune::new(criterion, Scope::PerLayer, Amount::Density(0.5)),
        weights: Scored::Drawn(Drawn { model: recipe.model, init: stream(seed) }),
        initial: None,
        mask: None,
        scores: None,
        data: criterion.needs_data().then(|| Arc::new(data)),
        ties: stream(10 + seed),
    };
    let (job, spec) = (JobId(number), JobSpec::Prune(spec));
    StageJob { job, attempt: Attempt(1), spec, inputs: BTreeMap::new(), resume: None }
}

/// Test accuracy of the weights of `seed` under a mask, before any training.
fn untrained_accuracy(rig: &Rig, outcomes: &Outcomes, number: u64, seed: u64) -> f64 {
    let masked = with_mask(job(seed, recipe(ADAM), 1), &outcomes.outputs(number)[&Output::Mask].file);
    rig.run(PLANS[0], vec![masked]).points(seed, "accuracy", Split::Test)[&0]
}

/// Zhou et al., arXiv 1905.01067, section 4: untrained weights classify under a mask that is learned, here four classes.
#[test]
fn a_mask_is_found_with_which_untrained_weights_classify() {
    let rig = Rig::new();
    for seed in 1..=2 {
        let accuracy = |criterion| {
            let outcomes = rig.run(PLANS[0], vec![cut(9, criterion, seed)]);
            untrained_accuracy(&rig, &outcomes, 9, seed)
        };
        let random = accuracy(Criterion::Random);
        for rescale in [false, true] {
            let learned = accuracy(supermask(300, rescale));
            assert!(learned > 0.8 && learned > random + 0.4, "{learned} against {random} by chance");
        }
    }
}

#[test]
fn equal_settings_find_equal_masks_and_other_streams_others() {
    let rig = Rig::new();
    let digest = |seed| rig.run(PLANS[0], vec![cut(9, supermask(30, true), seed)]).digests(9)[&Output::Mask];
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
    let outcomes = rig.run(PLANS[0], vec![cut(9, supermask(30, true), 1)]);
    let architecture = recipe(ADAM).architecture().unwrap();
    let mask = Mask::load(&architecture, &outcomes.outputs(9)[&Output::Mask].file).unwrap();
    let shares = mask.layers.iter().map(|layer| layer.living() as f64 / layer.bits.len() as f64);
    assert!(shares.into_iter().all(|share| share == 0.5), "exactly as dense as was asked for");
    assert_eq!(outcomes.provenance(9).plan, "alone");
    assert!(outcomes.provenance(9).data.is_some());
}

#[test]
fn learning_can_be_stopped_and_wants_examples_and_numbers() {
    let rig = Rig::new();
    let stopped = |job| rig.run_with(&rig.stage(PLANS[0], vec![job]), &Recorder::cancel_at(9, 2), 1, None);
    let outcomes = stopped(cut(9, supermask(1_000_000, false), 1));
    assert!(!outcomes.has_finished(9) && outcomes.failure(9).is_none());
    let failed = |change: fn(&mut PruneJob)| {
        let mut job = cut(9, supermask(5, false), 1);
        let JobSpec::Prune(spec) = &mut job.spec else { panic!("a cut") };
        change(spec);
        let outcomes = rig.run(PLANS[0], vec![job]);
        let failure = outcomes.failure(9).unwrap();
        (failure.class, failure.message.clone())
    };
    let (class, message) = failed(|spec| spec.data = None);
    assert_eq!(class, FailureClass::User);
    assert!(message.contains("looks at examples"), "{message}");
    let (class, message) = failed(|spec| {
        spec.rule.criterion =
            Criterion::Supermask { iterations: 9, batch: 50, lr: f64::MAX, momentum: 0.9, rescale: false };
    });
    assert_eq!(class, FailureClass::NotFinite, "{message}");
}
