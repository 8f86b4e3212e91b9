//! Parts of a data set, and wrong labels: which examples are trained on, and as what.

use crate::rig::{ADAM, PLANS, Rig, edit_recipe, job, recipe};
use std::collections::BTreeSet;
use tombola_engine::data::{add_noise, of_classes, renumbered, subset};
use tombola_spec::{
    data::known,
    outcome::{FailureClass, Split},
    settings::{Data, Half, Noise, Subset},
};

/// 1,003 examples of three unequal classes.
fn labels() -> Vec<u32> {
    (0..1003u32).map(|n| [0, 1, 1, 2, 2, 2, 2][(n * 5 % 7) as usize]).collect()
}

fn data(subset: Subset, split_seed: u64) -> Data {
    let mut shape = known("mnist").unwrap();
    (shape.train, shape.classes) = (1003, 3);
    Data { subset: Some(subset), split_seed, ..Data::whole("mine", shape, 0) }
}

fn rows(part: Subset, seed: u64) -> Vec<u32> {
    subset(&data(part, seed), &labels()).unwrap()
}

#[test]
fn a_fraction_is_a_random_part_of_the_nearest_size() {
    let tenth = rows(Subset::Fraction(0.1), 0);
    assert_eq!(tenth.len(), 100);
    assert!(tenth.windows(2).all(|pair| pair[0] < pair[1]) && tenth[99] < 1003);
    assert_eq!(rows(Subset::Fraction(0.1), 0), tenth);
    assert_ne!(rows(Subset::Fraction(0.1), 1), tenth);
}

#[test]
fn the_halves_have_every_class_evenly_and_no_example_in_common() {
    let (a, b) = (rows(Subset::Half(Half::A), 3), rows(Subset::Half(Half::B), 3));
    assert_eq!((a.len(), b.len()), (502, 501));
    let all: BTreeSet<u32> = a.iter().chain(&b).copied().collect();
    assert!(all.into_iter().eq(0..1003));
    let labels = labels();
    for class in 0..3 {
        let count = |rows: &[u32]| rows.iter().filter(|&&row| labels[row as usize] == class).count();
        assert!(count(&a).abs_diff(count(&b)) <= 1, "{class}: {} and {}", count(&a), count(&b));
    }
    assert_ne!(rows(Subset::Half(Half::A), 4), a);
}

#[test]
fn classes_are_numbered_anew_in_the_order_they_are_named() {
    let labels = labels();
    let examples = labels.iter().filter(|&&label| label != 1).count() as u32;
    let part = Subset::Classes { classes: vec![2, 0], examples };
    let data = data(part.clone(), 0);
    assert_eq!((data.classes(), data.train_examples()), (2, examples));
    let rows = subset(&data, &labels).unwrap();
    assert_eq!(rows, of_classes(Some(&part), &labels));
    let numbers = renumbered(Some(&part), &labels);
    for row in rows {
        assert_eq!(numbers[row as usize], [1, -1, 0][labels[row as usize] as usize]);
    }
    let wrong = data_with(Subset::Classes { classes: vec![2, 0], examples: examples + 1 });
    let refused = subset(&wrong, &labels).unwrap_err();
    assert!(refused.to_string().contains("the files hold"), "{refused}");
}

fn data_with(subset: Subset) -> Data {
    data(subset, 0)
}

#[test]
fn random_labels_fall_on_their_share_of_the_examples_trained_on() {
    let trained: Vec<u32> = (0..10_000).filter(|row| row % 2 == 0).collect();
    let noisy = |share, seed| {
        let mut labels = vec![3i64; 10_000];
        add_noise(Noise { share, seed }, 4, &trained, &mut labels);
        labels
    };
    let labels = noisy(0.4, 1);
    assert!((1..10_000).step_by(2).all(|row| labels[row] == 3), "held-out labels are right");
    // 2,000 were drawn, a quarter of them right by chance.
    let wrong = labels.iter().filter(|&&label| label != 3).count();
    assert!((1400..1600).contains(&wrong), "{wrong}");
    assert!((0..3).all(|class| labels.iter().filter(|&&label| label == class).count() > 400));
    assert_eq!(noisy(0.4, 1), labels);
    assert_ne!(noisy(0.4, 2), labels);
    assert!(noisy(0.0, 1).iter().all(|&label| label == 3));
}

/// With the right labels of 90 examples or random ones: what is learned of the latter is worth nothing.
#[test]
fn a_network_learns_its_subset_and_believes_wrong_labels() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut plain = job(1, recipe(ADAM), 200);
        edit_recipe(&mut plain, |recipe| {
            (recipe.data.subset, recipe.data.validation) = (Some(Subset::Fraction(0.5)), 60);
        });
        let mut noisy = plain.clone();
        noisy.job.0 = 2;
        edit_recipe(&mut noisy, |recipe| recipe.data.noise = Some(Noise { share: 1.0, seed: 1 }));
        let outcomes = rig.run(plan, vec![plain, noisy]);
        let accuracy = |lane, split| outcomes.points(lane, "accuracy", split)[&200];
        for split in [Split::Validation, Split::Test] {
            assert!(accuracy(1, split) > 0.8, "{}", accuracy(1, split));
            assert!(accuracy(2, split) < 0.5, "{}", accuracy(2, split));
        }
        let loss = outcomes.points(2, "loss", Split::Train);
        assert!(loss[&200] < loss[&10], "{loss:?}");
    }
}

#[test]
fn two_classes_make_a_network_of_two_outputs() {
    let rig = Rig::new();
    let mut job = job(1, recipe(ADAM), 100);
    let set = tombola_engine::data::DataSet::open(&rig.data(), "tiny").unwrap();
    let examples = set.train_labels.iter().filter(|&&label| label == 1 || label == 3).count() as u32;
    edit_recipe(&mut job, |recipe| {
        recipe.data.subset = Some(Subset::Classes { classes: vec![3, 1], examples });
    });
    let outcomes = rig.run(PLANS[0], vec![job.clone()]);
    let weights = outcomes.tensors(1, tombola_spec::job::Output::Weights);
    assert_eq!(weights["fc.bias"].len(), 2);
    let accuracy = outcomes.points(1, "accuracy", Split::Test)[&100];
    assert!(accuracy > 0.9, "{accuracy}");
    edit_recipe(&mut job, |recipe| {
        recipe.data.subset = Some(Subset::Classes { classes: vec![3, 1], examples: examples - 1 });
    });
    assert_eq!(rig.run(PLANS[0], vec![job]).failure(1).unwrap().class, FailureClass::DataMissing);
}
