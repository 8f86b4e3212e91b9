//! Lines between solutions: their ends are the solutions, what lies between is worked out by other means.

use crate::rig::{PLANS, Recorder, Rig, SGD, edit, edit_recipe, fingerprint, job, recipe, stream, tensors};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tombola_engine::{
    checkpoint::{FileKind, TensorFile},
    data::{DataSet, Pixels, split},
};
use tombola_spec::{
    Attempt, JobId,
    job::{BatchStatistics, ConnectivityJob, Input, JobSpec, Output},
    outcome::{ConnectivitySummary, CurvePoint, FailureClass, Split, Summary},
    settings::{Dtype, Model, Recipe},
    slot::{Event, StageJob},
    worker::Plan,
};

/// The line between two files of weights.
fn line(recipe: Recipe, alphas: u32, on: &[Split], ends: [&Path; 2]) -> StageJob {
    let jobs = [fingerprint(201), fingerprint(202)];
    let inputs: BTreeMap<String, PathBuf> = jobs
        .into_iter()
        .zip(ends)
        .map(|(job, file)| (Input { job, output: Output::Weights }.to_string(), file.to_owned()))
        .collect();
    let bn = vec![BatchStatistics::Interpolate];
    let spec = ConnectivityJob { recipe: recipe.into(), ends: jobs, alphas, on: on.to_vec(), bn };
    let (job, attempt) = (JobId(9), Attempt(1));
    StageJob { job, attempt, spec: JobSpec::Connectivity(spec), inputs, resume: None }
}

fn summary(events: &[Event]) -> &ConnectivitySummary {
    let found = events.iter().find_map(|event| match event {
        Event::Finished { summary: Summary::Connectivity(summary), .. } => Some(summary),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{events:?}"))
}

/// Two copies of one training that differ in the order of the data, and their test loss and accuracy at the end.
fn copies(rig: &Rig, dtype: Dtype) -> ([PathBuf; 2], [(f64, f64); 2]) {
    let trained = |number: u64, order: u64| {
        let mut job = job(1, recipe(SGD), 60);
        edit(&mut job, |spec| spec.order = stream(order));
        edit_recipe(&mut job, |recipe| recipe.dtype = dtype);
        job.job = JobId(number);
        let outcomes = rig.run(Plan::CpuLanes, vec![job]);
        let of = |name: &str| {
            let last = &outcomes.summary(number).last;
            last.iter().find(|m| m.name == name && m.split == Split::Test).unwrap().value
        };
        (outcomes.outputs(number)[&Output::Weights].file.clone(), (of("loss"), of("accuracy")))
    };
    let (a, b) = (trained(1, 101), trained(2, 102));
    ([a.0, b.0], [a.1, b.1])
}

fn in_format(dtype: Dtype) -> Recipe {
    Recipe { dtype, ..recipe(SGD) }
}

#[test]
fn the_ends_of_a_line_are_the_trainings_own_last_evaluations_to_the_bit() {
    let rig = Rig::new();
    for dtype in [Dtype::F32, Dtype::F64, Dtype::Bf16] {
        let ([a, b], ends) = copies(&rig, dtype);
        let outcomes = rig.run(Plan::CpuLanes, vec![line(in_format(dtype), 7, &[Split::Test], [&a, &b])]);
        let curve = &summary(&outcomes.0).curve;
        let alphas: Vec<f64> = curve.iter().map(|point| point.alpha).collect();
        assert_eq!(alphas, [0.0, 1.0 / 6.0, 2.0 / 6.0, 0.5, 4.0 / 6.0, 5.0 / 6.0, 1.0]);
        for (point, (loss, accuracy)) in [curve[0], curve[6]].into_iter().zip(ends) {
            assert_eq!((point.loss, point.error), (loss, 1.0 - accuracy), "{dtype:?} {point:?}");
        }
        assert!(ends[0] != ends[1], "the copies saw other orders");
    }
}

#[test]
fn a_solution_has_no_barrier_to_itself() {
    let rig = Rig::new();
    for dtype in [Dtype::F32, Dtype::F64] {
        let ([a, _], _) = copies(&rig, dtype);
        let on = [Split::Train, Split::Validation, Split::Test];
        let outcomes = rig.run(Plan::CpuLanes, vec![line(in_format(dtype), 11, &on, [&a, &a])]);
        let curve = &summary(&outcomes.0).curve;
        assert_eq!(curve.len(), 33);
        for point in curve {
            let end = curve.iter().find(|end| end.split == point.split).unwrap();
            assert_eq!((point.loss, point.error), (end.loss, end.error), "{point:?}");
        }
    }
}

/// LeNet-16-8 by hand: logits of one image.
fn logits(parameters: &BTreeMap<String, Vec<f64>>, image: &[f64]) -> Vec<f64> {
    let mut x = image.to_vec();
    for layer in ["fc_layers.0", "fc_layers.1", "fc"] {
        let (weight, bias) = (&parameters[&format!("{layer}.weight")], &parameters[&format!("{layer}.bias")]);
        let row = |(row, bias): (&[f64], &f64)| bias + row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
        let out: Vec<f64> = weight.chunks(x.len()).zip(bias).map(row).collect();
        x = if layer == "fc" { out } else { out.into_iter().map(|value| value.max(0.0)).collect() };
    }
    x
}

/// Mean cross-entropy and error over images of pixels.
fn measured(parameters: &BTreeMap<String, Vec<f64>>, images: &[(Vec<f64>, usize)]) -> (f64, f64) {
    let (mut loss, mut wrong) = (0.0, 0);
    for (image, label) in images {
        let logits = logits(parameters, image);
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        loss += sum.ln() - logits[*label];
        wrong += usize::from(logits.iter().any(|logit| *logit > logits[*label]));
    }
    (loss / images.len() as f64, wrong as f64 / images.len() as f64)
}

#[test]
fn loss_and_error_between_the_ends_equal_those_worked_out_by_hand() {
    let rig = Rig::new();
    let ([a, b], _) = copies(&rig, Dtype::F64);
    let recipe = in_format(Dtype::F64);
    let on = [Split::Train, Split::Validation, Split::Test];
    let outcomes = rig.run(Plan::CpuLanes, vec![line(recipe.clone(), 5, &on, [&a, &b])]);
    let curve = &summary(&outcomes.0).curve;

    let (data, set) = (recipe.data, DataSet::open(&rig.data(), "tiny").unwrap());
    let parts = split(data.shape.train, data.validation, data.split_seed).unwrap();
    let images = |pixels: &Pixels, labels: &[u32], rows: &mut dyn Iterator<Item = usize>| -> Vec<_> {
        let size = pixels.len() / labels.len();
        let image = |row: usize| {
            let scaled = (row * size..(row + 1) * size).map(|place| (pixels.at(place) - 0.5) / 0.15);
            (scaled.collect::<Vec<f64>>(), labels[row] as usize)
        };
        rows.map(image).collect()
    };
    let train = |rows: &[u32]| {
        images(&set.train_images, &set.train_labels, &mut rows.iter().map(|&row| row as usize))
    };
    let test = images(&set.test_images, &set.test_labels, &mut (0..set.test_labels.len()));
    let (train, validation) = (train(&parts.train), train(&parts.validation));
    assert_eq!((train.len(), validation.len(), test.len()), (500, 100, 200));

    let [from, to] = [&a, &b].map(|file| tensors(file, FileKind::Weights));
    let mut between = 0.0f64;
    for &CurvePoint { split, alpha, loss, error, .. } in curve {
        let mix = |(name, from): (&String, &Vec<f64>)| {
            let mixed = from.iter().zip(&to[name]).map(|(a, b)| (1.0 - alpha) * a + alpha * b);
            (name.clone(), mixed.collect())
        };
        let part = match split {
            Split::Train => &train,
            Split::Validation => &validation,
            Split::Test => &test,
        };
        let (wanted, wrong) = measured(&from.iter().map(mix).collect(), part);
        assert!((loss - wanted).abs() < 1e-12, "{split:?} {alpha}: {loss} against {wanted}");
        assert!((error - wrong).abs() < 1e-12, "{split:?} {alpha}: {error} against {wrong}");
        between = between.max((loss - curve[0].loss).abs());
    }
    assert!(between > 1e-3, "the line goes somewhere");
}

#[test]
fn a_line_is_the_same_under_every_plan_and_leaves_nothing_behind() {
    let rig = Rig::new();
    let ([a, b], _) = copies(&rig, Dtype::F32);
    let curves = PLANS.map(|plan| {
        let two = [9, 10].map(|number| StageJob {
            job: JobId(number),
            ..line(recipe(SGD), 3, &[Split::Train, Split::Test], [&a, &b])
        });
        let outcomes = rig.run(plan, two.to_vec());
        let finished = outcomes.0.iter().filter_map(|event| match event {
            Event::Finished { outputs, summary: Summary::Connectivity(summary), provenance, .. } => {
                assert!(outputs.is_empty() && provenance.data.is_some() && provenance.plan == "alone");
                Some(summary.curve.clone())
            }
            _ => None,
        });
        finished.collect::<Vec<_>>()
    });
    assert_eq!(curves[0].len(), 2);
    assert_eq!(curves[0][0], curves[0][1]);
    assert_eq!(curves[0], curves[1]);
}

#[test]
fn a_line_that_is_stopped_tells_nothing() {
    let rig = Rig::new();
    let ([a, b], _) = copies(&rig, Dtype::F32);
    for link in [Recorder::cancel_at(9, 0), Recorder::yield_at(0)] {
        let stage = rig.stage(Plan::CpuLanes, vec![line(recipe(SGD), 3, &[Split::Test], [&a, &b])]);
        let outcomes = rig.run_with(&stage, &link, 1, None);
        let told = |event: &Event| matches!(event, Event::Finished { .. } | Event::Failed { .. });
        assert!(!outcomes.0.iter().any(told), "{outcomes:?}");
    }
}

#[test]
fn a_line_that_cannot_be_walked_says_why() {
    let rig = Rig::new();
    let ([a, b], _) = copies(&rig, Dtype::F32);
    let no_validation = || {
        let mut recipe = recipe(SGD);
        recipe.data.validation = 0;
        recipe
    };
    let cases = [
        (line(recipe(SGD), 1, &[Split::Test], [&a, &b]), "1 values of alpha make no line"),
        (line(no_validation(), 3, &[Split::Validation], [&a, &b]), "the validation split has no examples"),
        (
            StageJob { inputs: BTreeMap::new(), ..line(recipe(SGD), 3, &[Split::Test], [&a, &b]) },
            "was not given",
        ),
    ];
    for (job, said) in cases {
        let outcomes = rig.run(Plan::CpuLanes, vec![job]);
        let failure = outcomes.failure(9).unwrap();
        assert!(failure.message.contains(said), "{failure:?}");
        assert_eq!(failure.class, FailureClass::User);
    }
}

/// The file of weights at `from`, with other running means.
fn with_other_statistics(from: &Path, to: &Path) {
    let file = TensorFile::load(from, FileKind::Weights).unwrap();
    let mut other = TensorFile::new(FileKind::Weights, RESNET);
    for (name, mut values) in tensors(from, FileKind::Weights) {
        if name.ends_with("running_mean") {
            values.iter_mut().for_each(|mean| *mean += 3.0);
        }
        other.put(&name, file.shape(&name).unwrap(), values).unwrap();
    }
    other.save(to).unwrap();
}

const RESNET: &str = "cifar_resnet_8_4";

#[test]
fn recomputed_statistics_owe_nothing_to_those_of_the_ends() {
    let rig = Rig::new();
    let resnet = Recipe { model: Model { name: RESNET.to_owned(), ..recipe(SGD).model }, ..recipe(SGD) };
    let trained = rig.run(Plan::CpuLanes, vec![job(1, resnet.clone(), 6)]);
    let end = trained.outputs(1)[&Output::Weights].file.clone();
    let other = rig.stage_folder().join("other");
    with_other_statistics(&end, &other);
    let curve = |ends: [&Path; 2]| -> Vec<CurvePoint> {
        let mut line = line(resnet.clone(), 3, &[Split::Train, Split::Test], ends);
        let JobSpec::Connectivity(spec) = &mut line.spec else { panic!("a line") };
        spec.bn = vec![BatchStatistics::Interpolate, BatchStatistics::Recompute];
        let promised = spec.points();
        let curve = summary(&rig.run(Plan::CpuLanes, vec![line]).0).curve.clone();
        assert_eq!(curve.iter().map(|p| (p.bn, p.alpha, p.split)).collect::<Vec<_>>(), promised);
        curve
    };
    let (same, mixed) = (curve([&end, &end]), curve([&end, &other]));
    let by = |curve: &[CurvePoint], bn| -> Vec<f64> {
        curve.iter().filter(|point| point.bn == bn).map(|point| point.loss).collect()
    };
    let (interpolate, recompute) = (BatchStatistics::Interpolate, BatchStatistics::Recompute);
    assert_eq!(by(&same, recompute), by(&mixed, recompute));
    assert_ne!(
        by(&same, interpolate)[4],
        by(&mixed, interpolate)[4],
        "means count where they are interpolated"
    );
    // Six updates move running statistics by half at most: those of the examples are others.
    assert_ne!(by(&same, recompute)[0], by(&same, interpolate)[0]);
}
