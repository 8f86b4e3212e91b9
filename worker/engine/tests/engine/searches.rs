//! Where networks collapse, and how far masks are from each other: against what is worked out by other means.

use crate::rig::{ADAM, PLANS, Recorder, Rig, fingerprint, recipe, stream};
use std::collections::BTreeMap;
use tombola_engine::{
    init::initial_weights,
    mask::Mask,
    prune::{Subject, collapse, compare, prune},
};
use tombola_spec::{
    Attempt, JobId,
    arch::{Architecture, Role},
    job::{CollapseJob, Drawn, Input, JobSpec, MaskDistanceJob, Network, Output, greatest_compression},
    outcome::{CollapsePoint, CollapseSummary, FailureClass, LayerPair, Summary},
    settings::{Criterion, CutSchedule, Data, Dtype, ScoreData, ScoreMode, Unit},
    slot::{Event, StageJob},
    worker::Plan,
};

fn synflow(iterations: u32) -> Criterion {
    Criterion::Synflow { iterations, schedule: CutSchedule::Exponential, dtype: Dtype::F64 }
}

/// A search on LeNet-40-20 as it is drawn for a seed: 32,360 weights, three layers.
fn search(criterion: Criterion, seed: u64) -> CollapseJob {
    let network = Network { name: "mnist_lenet_40_20".to_owned(), image: [1, 28, 28], classes: 10 };
    let drawn = Drawn {
        model: tombola_spec::settings::Model { name: network.name.clone(), ..recipe(ADAM).model },
        init: stream(seed),
    };
    let (from, to, step, refine) = (0.0, 10.0, 0.25, 0.05);
    CollapseJob { network, criterion, drawn, data: None, ties: stream(seed), from, to, step, refine }
}

fn weights(job: &CollapseJob) -> (Architecture, Vec<Vec<f64>>) {
    let network = job.network.architecture().unwrap();
    let drawn = initial_weights(&network.tensors(), &job.drawn.model, &job.drawn.init);
    let drawn = drawn.into_iter().map(|tensor| tensor.into_iter().map(f64::from).collect()).collect();
    (network, drawn)
}

fn found(job: &CollapseJob) -> Vec<CollapsePoint> {
    let (network, drawn) = weights(job);
    let subject = Subject::of(&network, &drawn).unwrap();
    collapse(&subject, job, &|| true).unwrap().expect("nobody stops it")
}

fn ends(points: Vec<CollapsePoint>) -> (f64, f64) {
    let greatest = (32_360f64 / 3.0).log10();
    let summary =
        CollapseSummary { criterion: String::new(), points, greatest, flops: 0, device_seconds: 0.0 };
    (summary.last_alive().unwrap(), summary.first_collapse().unwrap().exponent)
}

/// A layer is empty once so few are left that its largest weight is not among them.
#[test]
fn magnitude_collapses_where_the_ranks_of_the_largest_weights_say() {
    tch::set_num_threads(1);
    for seed in 1..=3 {
        let job = search(Criterion::Magnitude, seed);
        let (network, drawn) = weights(&job);
        let of_weights: Vec<Vec<f64>> = network
            .tensors()
            .iter()
            .zip(drawn)
            .filter(|(tensor, _)| tensor.role == Role::Weight)
            .map(|(_, values)| values.iter().map(|value| value.abs()).collect())
            .collect();
        let mut all: Vec<f64> = of_weights.concat();
        all.sort_by(|a, b| b.total_cmp(a));
        let rank = |layer: &Vec<f64>| {
            let largest = layer.iter().copied().fold(0.0, f64::max);
            all.iter().position(|value| *value == largest).unwrap() + 1
        };
        let needed = of_weights.iter().map(rank).max().unwrap();
        let lives = |exponent: f64| (all.len() as f64 * 10f64.powf(-exponent)).round() as usize >= needed;
        let points = found(&job);
        for point in &points {
            assert_eq!(point.emptied.is_empty(), lives(point.exponent), "{seed}: {point:?}");
        }
        let (alive, collapsed) = ends(points);
        assert!(collapsed - alive < 0.051 && alive < 4.0, "{alive} to {collapsed}");
    }
}

#[test]
fn synflow_reaches_almost_the_greatest_compression_and_random_does_not() {
    tch::set_num_threads(1);
    let greatest = greatest_compression(&weights(&search(Criterion::Random, 1)).0);
    assert!((greatest - (32_360f64 / 3.0).log10()).abs() < 1e-12);
    let (alive, collapsed) = ends(found(&search(synflow(30), 1)));
    assert!(
        alive > greatest - 0.3 && alive <= greatest && collapsed <= alive + 0.13,
        "{alive} to {collapsed}"
    );
    let (random, _) = ends(found(&search(Criterion::Random, 1)));
    assert!(random < alive - 0.5, "{random} against {alive}");
}

#[test]
fn each_point_is_what_a_prune_step_to_that_compression_leaves() {
    tch::set_num_threads(1);
    for criterion in [synflow(5), Criterion::Magnitude, Criterion::Random] {
        let job = CollapseJob { from: 1.0, step: 1.0, refine: 0.5, ..search(criterion, 4) };
        let (network, drawn) = weights(&job);
        let subject = Subject::of(&network, &drawn).unwrap();
        let points = found(&job);
        assert!(points.windows(2).all(|pair| pair[0].exponent < pair[1].exponent), "{points:?}");
        for point in &points {
            let step = job.cut(point.exponent);
            let mask = prune(&subject, &step.rule, None, &step.ties, &|_| true).unwrap().unwrap();
            let empty = mask.layers.iter().filter(|layer| layer.living() == 0);
            let emptied: Vec<String> = empty.map(|layer| layer.name.clone()).collect();
            let living: u64 = mask.layers.iter().map(|layer| layer.living()).sum();
            assert_eq!(
                (point.living, &point.emptied),
                (living, &emptied),
                "{criterion:?} {}",
                point.exponent
            );
        }
    }
}

fn on_the_rigs_data(criterion: Criterion) -> StageJob {
    let recipe = recipe(ADAM);
    let data = ScoreData {
        data: Data { validation: 0, ..recipe.data.clone() },
        per_class: 5,
        balanced: false,
        stream: stream(3),
        dtype: Dtype::F32,
        mode: ScoreMode::Eval,
    };
    let drawn = Drawn { model: recipe.model.clone(), init: stream(1) };
    let data = criterion.needs_data().then(|| data.into());
    let spec = CollapseJob { network: recipe.network(), drawn, data, ..search(criterion, 1) };
    let (job, attempt) = (JobId(5), Attempt(1));
    StageJob { job, attempt, spec: JobSpec::Collapse(spec), inputs: BTreeMap::new(), resume: None }
}

fn summary(events: &[Event]) -> &CollapseSummary {
    let found = events.iter().find_map(|event| match event {
        Event::Finished { summary: Summary::Collapse(summary), .. } => Some(summary),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{events:?}"))
}

#[test]
fn a_search_on_examples_says_which_data_it_looked_at() {
    let rig = Rig::new();
    for criterion in [Criterion::Snip, Criterion::Magnitude] {
        let outcomes = rig.run(PLANS[0], vec![on_the_rigs_data(criterion)]);
        let found = summary(&outcomes.0);
        assert_eq!(found.criterion, criterion.name());
        assert!(found.last_alive().unwrap() < found.greatest);
        assert!(!found.first_collapse().unwrap().emptied.is_empty());
        assert_eq!(outcomes.provenance(5).data.is_some(), criterion.needs_data());
        assert_eq!(outcomes.provenance(5).plan, if criterion.needs_data() { "alone" } else { "rust" });
    }
    let mut starved = on_the_rigs_data(Criterion::Snip);
    if let JobSpec::Collapse(spec) = &mut starved.spec {
        spec.data = spec.data.take().map(|data| ScoreData { per_class: 100_000, ..(*data).clone() }.into());
    }
    assert_eq!(rig.run(PLANS[0], vec![starved]).failure(5).unwrap().class, FailureClass::User);
}

#[test]
fn a_search_can_be_stopped() {
    let rig = Rig::new();
    let link = Recorder::cancel_at(5, 2);
    let outcomes = rig.run_with(&rig.stage(PLANS[0], vec![on_the_rigs_data(synflow(30))]), &link, 1, None);
    assert!(!outcomes.has_finished(5) && outcomes.failure(5).is_none());
}

#[test]
fn masks_are_compared_layer_by_layer_each_with_each() {
    let rig = Rig::new();
    let architecture = recipe(ADAM).architecture().unwrap();
    let mut masks = vec![Mask::dense(&architecture); 3];
    // The last layer has 8 inputs and 5 outputs.
    let last = masks[0].layers.len() - 1;
    let total = masks[0].layers[last].bits.len() as u64;
    masks[1].layers[last].bits[..10].fill(0);
    masks[2].layers[last].bits[6..13].fill(0);
    let job = fingerprint;
    let inputs: Vec<Input> = (0..3).map(|n| Input { job: job(100 + n), output: Output::Mask }).collect();
    let folder = rig.stage_folder();
    let files = inputs.iter().zip(&masks).enumerate().map(|(number, (input, mask))| {
        let file = folder.join(format!("{number}.safetensors"));
        mask.save(&architecture, &file).unwrap();
        (input.to_string(), file)
    });
    let spec = JobSpec::MaskDistance(MaskDistanceJob {
        network: recipe(ADAM).network(),
        masks: inputs.clone(),
        unit: Unit::Weight,
    });
    let stage = StageJob { job: JobId(6), attempt: Attempt(1), spec, inputs: files.collect(), resume: None };
    let outcomes = rig.run(Plan::CpuLanes, vec![stage]);
    let pairs = outcomes.0.iter().find_map(|event| match event {
        Event::Finished { summary: Summary::MaskDistance(summary), .. } => Some(&summary.pairs),
        _ => None,
    });
    let pairs = pairs.unwrap_or_else(|| panic!("{:?}", outcomes.0));
    let numbers: Vec<[u32; 2]> = pairs.iter().map(|pair| pair.masks).collect();
    assert_eq!(numbers, [[0, 1], [0, 2], [1, 2]]);
    let name = masks[0].layers[last].name.clone();
    // Of the 13 pruned in either, 4 are pruned in both.
    let expected = |living, both| LayerPair { name: name.clone(), living, both, total };
    assert_eq!(pairs[0].layers[last], expected([total, total - 10], total - 10));
    assert_eq!(pairs[1].layers[last], expected([total, total - 7], total - 7));
    assert_eq!(pairs[2].layers[last], expected([total - 10, total - 7], total - 13));
    let untouched = &pairs[2].layers[0];
    assert!(untouched.living == [untouched.total; 2] && untouched.both == untouched.total);
    assert_eq!(compare(&masks, [0, 3]), None);
}
