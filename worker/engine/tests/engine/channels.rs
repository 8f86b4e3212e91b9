//! Channels pruned whole: which go, what dies with them, and that they stay dead.

use crate::rig::{ADAM, PLANS, Rig, SGD, edit_recipe, fingerprint, job, recipe, stream, with_mask};
use tombola_engine::{
    EngineError,
    checkpoint::{FileKind, TensorFile},
    init::initial_weights,
    mask::Mask,
    prune::{self, Subject},
};
use tombola_spec::{
    Attempt, JobId,
    arch::{Architecture, Parameter},
    job::{Input, JobSpec, Output, Preserve, RandomMaskJob, SlimJob},
    outcome::Summary,
    settings::{Amount, BatchNormInit, Criterion, Dtype, Prune, Scope, Unit},
    slot::{Event, StageJob},
};

fn rule(criterion: Criterion, scope: Scope, rate: f64) -> Prune {
    let (amount, unit) = (Amount::Rate(rate), Unit::Channel);
    Prune { unit, ..Prune::new(criterion, scope, amount) }
}

fn prune(
    architecture: &Architecture,
    values: &[Vec<f64>],
    rule: &Prune,
    mask: Option<&Mask>,
) -> Result<Mask, EngineError> {
    let subject = Subject::of(architecture, values)?;
    let mask = prune::prune(&subject, rule, mask, &stream(1), &|_| true)?;
    Ok(mask.expect("nobody stops it"))
}

/// 2 inputs, hidden layers of 3 and 2 neurons, 2 classes.
fn perceptron() -> (Architecture, Vec<Vec<f64>>) {
    let architecture = Architecture::parse("mnist_lenet_3_2", [1, 1, 2], 2).unwrap();
    let values = vec![
        // Filters of size 3, 1 and 2.
        vec![1.0, -2.0, 0.5, 0.5, 2.0, 0.0],
        vec![0.1, 0.2, 0.3],
        // 6 and 0.6.
        vec![1.0, -2.0, 3.0, 0.1, 0.2, 0.3],
        vec![0.4, 0.5],
        vec![1.0, 2.0, 3.0, 4.0],
        vec![0.6, 0.7],
    ];
    (architecture, values)
}

fn resnet() -> Architecture {
    Architecture::parse("cifar_resnet_8", [3, 8, 8], 4).unwrap()
}

/// Values drawn for a network whose scales are all different.
fn drawn(architecture: &Architecture) -> Vec<Vec<f64>> {
    let mut model = recipe(ADAM).model;
    (model.name, model.bn_init) = (architecture.name.clone(), BatchNormInit::Uniform);
    let drawn = initial_weights(&architecture.tensors(), &model, &stream(3));
    drawn.into_iter().map(|tensor| tensor.into_iter().map(f64::from).collect()).collect()
}

/// Living channels of each layer that has some to lose.
fn widths(architecture: &Architecture, mask: &Mask) -> Vec<usize> {
    let living = |units: tombola_spec::arch::Units| {
        let filters = mask.bits(&format!("{}.weight", units.layer)).unwrap();
        filters.chunks(filters.len() / units.count as usize).filter(|filter| filter.contains(&1)).count()
    };
    architecture.units().into_iter().map(living).collect()
}

#[test]
fn a_dead_neuron_takes_its_weights_its_bias_and_what_is_made_of_it() {
    let (architecture, values) = perceptron();
    let rule = rule(Criterion::L1Filter, Scope::PerLayer, 0.34);
    let mask = prune(&architecture, &values, &rule, None).unwrap();
    // The second of three, and the second of two.
    assert_eq!(mask.layers[0].bits, [1, 1, 0, 0, 1, 1]);
    assert_eq!(mask.layers[1].bits, [1, 0, 1, 0, 0, 0]);
    assert_eq!(mask.layers[2].bits, [1, 0, 1, 0]);
    assert_eq!(mask.bits("fc_layers.0.bias"), Some(&[1, 0, 1][..]));
    assert_eq!(mask.bits("fc_layers.1.bias"), Some(&[1, 0][..]));
    assert_eq!(mask.bits("fc.bias"), None, "outputs stay");
    let counts: Vec<_> = mask.counts().layers.into_iter().map(|c| (c.living, c.total, c.prunable)).collect();
    assert_eq!(counts, [(4, 6, true), (2, 6, true), (2, 4, true)], "biases count in no density");
}

#[test]
fn channels_are_ranked_by_their_scales_and_none_of_the_residual_stream_goes() {
    let network = resnet();
    let (values, rule) = (drawn(&network), rule(Criterion::BnScale, Scope::Global, 0.5));
    let mask = prune(&network, &values, &rule, None).unwrap();
    // 16, 32 and 64 channels inside of three blocks.
    assert_eq!(widths(&network, &mask).iter().sum::<usize>(), 56);
    let scale = |name: &str| {
        let at = network.tensors().iter().position(|tensor| tensor.name == name).unwrap();
        values[at].iter().copied().zip(mask.bits(name).unwrap().iter().copied()).collect::<Vec<_>>()
    };
    let all: Vec<(f64, u8)> = (0..3).flat_map(|b| scale(&format!("blocks.{b}.bn1.weight"))).collect();
    let of = |bit| all.iter().filter(move |(_, living)| *living == bit).map(|(scale, _)| *scale);
    assert!(of(0).fold(0.0, f64::max) < of(1).fold(1.0, f64::min), "the smallest went");
    for name in ["conv.weight", "blocks.0.conv2.weight", "blocks.1.shortcut.0.weight"] {
        let bits = mask.bits(name).unwrap();
        let rows = network.weights().iter().find(|w| w.name == name).unwrap().shape[0] as usize;
        assert!(bits.chunks(bits.len() / rows).all(|filter| filter.contains(&1)), "{name}");
    }
    assert_eq!(mask.bits("bn.weight"), None);
}

#[test]
fn a_step_after_another_counts_living_channels_and_brings_none_back() {
    let network = resnet();
    let mut mask = None;
    for (round, left) in [84, 63, 47].into_iter().enumerate() {
        let mut values = drawn(&network);
        values.iter_mut().flatten().for_each(|value| *value = (*value * (round + 1) as f64).sin());
        let rule = rule(Criterion::BnScale, Scope::Global, 0.25);
        let next = prune(&network, &values, &rule, mask.as_ref()).unwrap();
        assert_eq!(widths(&network, &next).iter().sum::<usize>(), left);
        for before in mask.iter().flat_map(|mask: &Mask| mask.layers.iter().chain(&mask.rest)) {
            let after = next.bits(&before.name).unwrap();
            assert!(after.iter().zip(&before.bits).all(|(after, before)| after <= before));
        }
        mask = Some(next);
    }
}

#[test]
fn no_layer_loses_its_last_channel_though_its_scales_are_the_smallest() {
    let network = resnet();
    let mut values = drawn(&network);
    for (tensor, values) in network.tensors().iter().zip(&mut values) {
        if tensor.name == "blocks.1.bn1.weight" {
            values.iter_mut().enumerate().for_each(|(n, scale)| *scale = 1e-6 * (n + 1) as f64);
        }
    }
    let mask = prune(&network, &values, &rule(Criterion::BnScale, Scope::Global, 0.9), None).unwrap();
    let widths = widths(&network, &mask);
    assert_eq!((widths[1], widths.iter().sum()), (1, 11));
    assert_eq!(mask.bits("blocks.1.bn1.weight").unwrap()[31], 1, "its best");
    let refused = prune(&network, &values, &rule(Criterion::BnScale, Scope::Global, 0.99), None).unwrap_err();
    assert!(refused.to_string().contains("cannot keep 3 layers connected"), "{refused}");
}

#[test]
fn scales_that_are_all_alike_are_nothing_to_choose_by() {
    let network = resnet();
    let mut values = drawn(&network);
    for (tensor, values) in network.tensors().iter().zip(&mut values) {
        if tensor.name.ends_with("bn1.weight") {
            values.fill(0.5);
        }
    }
    let refused = prune(&network, &values, &rule(Criterion::BnScale, Scope::Global, 0.5), None).unwrap_err();
    assert!(refused.to_string().contains("there is nothing to choose by"), "{refused}");
}

#[test]
fn a_criterion_that_cannot_rank_what_is_pruned_says_so() {
    let (lenet, values) = perceptron();
    let of_channels = prune(&lenet, &values, &rule(Criterion::Magnitude, Scope::Global, 0.5), None);
    assert!(of_channels.unwrap_err().to_string().contains("ranks single weights, not channels"));
    let no_scales = prune(&lenet, &values, &rule(Criterion::BnScale, Scope::Global, 0.5), None);
    assert!(no_scales.unwrap_err().to_string().contains("no batch normalization"));
    let weights = Prune { unit: Unit::Weight, ..rule(Criterion::L1Filter, Scope::Global, 0.5) };
    assert!(prune(&lenet, &values, &weights, None).unwrap_err().to_string().contains("ranks channels"));
}

#[test]
fn a_mask_of_channels_is_read_as_it_was_written_and_shuffled_by_channels() {
    let network = resnet();
    let rule = rule(Criterion::BnScale, Scope::Global, 0.5);
    let mask = prune(&network, &drawn(&network), &rule, None).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("mask.safetensors");
    mask.save(&network, &path).unwrap();
    assert_eq!(Mask::load(&network, &path).unwrap(), mask);
    let job = RandomMaskJob {
        network: recipe(ADAM).network(),
        mask: Input { job: fingerprint(1), output: Output::Mask },
        preserve: Preserve::PerLayer,
        whole: Vec::new(),
        stream: stream(9),
    };
    let mut network_of = job.network.clone();
    (network_of.name, network_of.image, network_of.classes) = (network.name.clone(), network.input, 4);
    let random = prune::run_random_mask(&RandomMaskJob { network: network_of, ..job }, &path).unwrap();
    assert_ne!(random, mask);
    assert_eq!(random.counts(), mask.counts());
    assert_eq!(widths(&network, &random), widths(&network, &mask));
}

/// Trap 3 of the reference, for every kind of parameter that dies with a channel.
#[test]
fn what_died_with_a_channel_is_exactly_zero_after_training() {
    tch::set_num_threads(1);
    let rig = Rig::new();
    for (optimizer, network) in [(SGD, "cifar_resnet_8_4"), (ADAM, "mnist_lenet_16_8")] {
        let mut train = job(1, recipe(optimizer), 30);
        edit_recipe(&mut train, |recipe| recipe.model.name = network.to_owned());
        let JobSpec::Train(spec) = &train.spec else { unreachable!() };
        let network = spec.recipe.architecture().unwrap();
        let rule = rule(Criterion::L1Filter, Scope::PerLayer, 0.5);
        let mask = prune(&network, &drawn(&network), &rule, None).unwrap();
        let path = rig.stage_folder().join("mask.safetensors");
        mask.save(&network, &path).unwrap();
        for plan in PLANS {
            let outcomes = rig.run(plan, vec![with_mask(train.clone(), &path)]);
            let weights = outcomes.tensors(1, Output::Weights);
            let dead = |parameter: &Parameter| {
                let Some(bits) = mask.bits(&parameter.name) else { return 0 };
                let values = weights[&parameter.name].iter().zip(bits);
                let dead: Vec<f64> = values.filter(|(_, bit)| **bit == 0).map(|(value, _)| *value).collect();
                assert!(dead.iter().all(|value| value.to_bits() == 0), "{}", parameter.name);
                dead.len()
            };
            let parameters = network.parameters();
            let rest = parameters.iter().filter(|p| p.shape.len() == 1).map(dead).sum::<usize>();
            assert!(rest > 0 && parameters.iter().map(dead).sum::<usize>() > rest);
        }
    }
}

/// The analysis of a real ticket: half the filters inside of the blocks gone, and with them their work.
#[test]
fn a_trained_network_of_fewer_channels_costs_less_and_says_the_same() {
    tch::set_num_threads(1);
    let rig = Rig::new();
    let mut train = job(1, recipe(SGD), 20);
    edit_recipe(&mut train, |recipe| recipe.model.name = "cifar_resnet_8_4".to_owned());
    let JobSpec::Train(spec) = &train.spec else { unreachable!() };
    let (network, of) = (spec.recipe.architecture().unwrap(), spec.recipe.network());
    let rule = rule(Criterion::BnScale, Scope::PerLayer, 0.5);
    let mask = prune(&network, &drawn(&network), &rule, None).unwrap();
    let path = rig.stage_folder().join("mask.safetensors");
    mask.save(&network, &path).unwrap();
    let trained = rig.run(PLANS[0], vec![with_mask(train, &path)]);

    let (weights, masked) = (fingerprint(1), Input { job: fingerprint(1000), output: Output::Mask });
    let spec = SlimJob { network: of, weights, mask: Some(masked), dtype: Dtype::F32, batch: 5, passes: 3 };
    let file = trained.outputs(1)[&Output::Weights].file.clone();
    let inputs =
        [(Input { job: weights, output: Output::Weights }.to_string(), file), (masked.to_string(), path)];
    let (job, spec) = (JobId(2), JobSpec::Slim(spec));
    let slim = StageJob { job, attempt: Attempt(1), spec, inputs: inputs.into(), resume: None };
    let outcomes = rig.run(PLANS[0], vec![slim]);
    let event = outcomes.0.iter().find_map(|event| match event {
        Event::Finished { summary: Summary::Slim(summary), outputs, .. } => Some((summary, outputs)),
        _ => None,
    });
    let (summary, outputs) = event.unwrap_or_else(|| panic!("{:?}", outcomes.0));
    assert_eq!(summary.name, "cifar_resnet_8_4@2-4-8");
    let lost = lost_weights();
    assert_eq!(summary.masked.weights - summary.slim.weights, lost);
    assert_eq!(summary.masked.parameters - summary.slim.parameters, lost + 2 * (2 + 4 + 8));
    assert_eq!(summary.masked.bytes, 4 * network.element_count());
    assert_eq!(summary.masked.flops, 2 * network.multiply_adds());
    assert!(summary.slim.flops < summary.masked.flops && summary.slim.latency > 0.0);
    // f32, sums of some hundred numbers in another order.
    assert!(summary.difference < 1e-5, "{summary:?}");
    let file = TensorFile::load(&outputs[&Output::Weights].file, FileKind::Weights).unwrap();
    assert_eq!(file.network(), summary.name);
    assert_eq!(file.shape("blocks.1.conv1.weight").unwrap(), [4, 4, 3, 3]);
}

/// Half of the filters of 4, 8 and 16 channels that see 4, 4 and 8, and as much of what is made of them.
fn lost_weights() -> u64 {
    9 * (2 * 4 + 2 * 4 + 4 * 4 + 4 * 8 + 8 * 8 + 8 * 16)
}
