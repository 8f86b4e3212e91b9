//! Criteria against independent arithmetic: worked numbers, finite differences, conservation laws.

use tch::Tensor;
use tombola_engine::{
    init::initial_weights,
    mask::Mask,
    prune::{self, Subject, scores},
    random::{Purpose, Random},
};
use tombola_spec::{
    arch::{Architecture, Layer, Role},
    job::Stream,
    settings::{
        Amount, BatchNormInit, BiasInit, Criterion, CutSchedule, Dtype, GraspSign, Init, Model, Prune, Scope,
    },
};

const SYNFLOW: Criterion =
    Criterion::Synflow { iterations: 100, schedule: CutSchedule::Exponential, dtype: Dtype::F64 };

const SUPERMASK: Criterion =
    Criterion::Supermask { iterations: 5, batch: 4, lr: 20.0, momentum: 0.9, rescale: false };

fn stream(seed: u64) -> Stream {
    Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
}

fn to_density(criterion: Criterion, density: f64) -> Prune {
    Prune::new(criterion, Scope::Global, Amount::Density(density))
}

fn prune(subject: &Subject, rule: &Prune, mask: Option<&Mask>) -> Mask {
    prune::prune(subject, rule, mask, &stream(1), &|_| true).unwrap().expect("nobody stops it")
}

fn scored(subject: &Subject, criterion: Criterion) -> Vec<Vec<f64>> {
    scores(subject, criterion, &subject.dense(), &stream(1)).unwrap()
}

fn linear(name: &str, inputs: u32, outputs: u32) -> Layer {
    Layer::Linear { name: name.to_owned(), inputs, outputs }
}

/// Three linear layers of the published example, without biases to speak of.
fn chain() -> (Architecture, Vec<Vec<f64>>) {
    let layers = vec![
        Layer::Flatten,
        linear("first", 3, 2),
        Layer::Relu,
        linear("second", 2, 2),
        Layer::Relu,
        linear("third", 2, 1),
    ];
    let architecture = Architecture { name: "chain".to_owned(), input: [3, 1, 1], outputs: 1, layers };
    let parameters = vec![
        vec![1.0, -2.0, 0.5, -0.25, 0.75, 1.5],
        vec![0.0; 2],
        vec![2.0, -1.0, 0.5, -3.0],
        vec![0.0; 2],
        vec![-1.0, 0.2],
        vec![0.0],
    ];
    (architecture, parameters)
}

#[track_caller]
fn assert_close(found: &[f64], wanted: &[f64], slack: f64) {
    assert_eq!(found.len(), wanted.len());
    let apart = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart <= slack, "{found:?} against {wanted:?}");
}

/// R = 11.35 = 1^T |W3| |W2| |W1| 1, and each weight's share of it, worked by hand.
#[test]
fn synflow_scores_are_the_worked_ones() {
    let (architecture, parameters) = chain();
    let scores = scored(&Subject::of(&architecture, &parameters).unwrap(), SYNFLOW);
    assert_close(&scores[0], &[2.1, 4.2, 1.05, 0.4, 1.2, 2.4], 1e-14);
    assert_close(&scores[1], &[7.0, 2.5, 0.35, 1.5], 1e-14);
    assert_close(&scores[2], &[9.5, 1.85], 1e-14);
    for layer in &scores {
        assert_close(&[layer.iter().sum()], &[11.35], 1e-13);
    }
    // What flows into a hidden unit flows out of it.
    let row =
        |scores: &[f64], unit: usize, inputs: usize| scores[unit * inputs..][..inputs].iter().sum::<f64>();
    let column = |scores: &[f64], unit: usize| scores.iter().skip(unit).step_by(2).sum::<f64>();
    for unit in 0..2 {
        assert_close(&[row(&scores[0], unit, 3)], &[column(&scores[1], unit)], 1e-13);
        assert_close(&[row(&scores[1], unit, 2)], &[column(&scores[2], unit)], 1e-13);
    }
}

fn drawn(architecture: &Architecture, seed: u64) -> Vec<Vec<f64>> {
    // The suite runs one test on each core.
    tch::set_num_threads(1);
    let model = Model {
        name: architecture.name.clone(),
        init: Init::KaimingNormal,
        bias_init: BiasInit::Zero,
        bn_init: BatchNormInit::One,
        dropout: 0.0,
    };
    let drawn = initial_weights(&architecture.tensors(), &model, &stream(seed));
    drawn.into_iter().map(|tensor| tensor.into_iter().map(f64::from).collect()).collect()
}

/// Without biases each layer passes on all of the flow (science: conservation of synaptic saliency, arXiv 2006.05467,
/// Theorem 2).
#[test]
fn synflow_is_conserved_from_layer_to_layer() {
    for (name, image) in [("mnist_lenet_300_100", [1, 28, 28]), ("cifar_vgg_11", [3, 32, 32])] {
        let network = Architecture::parse(name, image, 10).unwrap();
        let subject = Subject::of(&network, &drawn(&network, 1)).unwrap();
        for (kind, slack) in [(Dtype::F64, 1e-12), (Dtype::F32, 1e-5)] {
            let scores = scored(&subject.in_numbers_of(kind).unwrap(), SYNFLOW);
            let flows: Vec<f64> = scores.iter().map(|layer| layer.iter().sum()).collect();
            for flow in &flows {
                assert!((flow / flows[0] - 1.0).abs() < slack, "{name} {kind:?}: {flows:?}");
            }
        }
    }
}

/// One weight for each layer is the most that can be pruned, and SynFlow gets there (its axiom of maximal critical
/// compression); magnitude empties a layer long before.
#[test]
fn synflow_reaches_the_maximal_compression_and_magnitude_collapses() {
    let network = Architecture::parse("conv_2", [3, 8, 8], 10).unwrap();
    let subject = Subject::of(&network, &drawn(&network, 1)).unwrap();
    let most = network.weights().len() as f64 / network.weight_count() as f64;
    let living = |criterion, density| -> Vec<u64> {
        let mask = prune(&subject, &to_density(criterion, density), None);
        mask.layers.iter().map(|layer| layer.living()).collect()
    };
    assert_eq!(living(SYNFLOW, most), [1; 5]);
    let collapsed = living(Criterion::Magnitude, 1e-3);
    assert!(collapsed.contains(&0), "{collapsed:?}");
    assert!(!living(SYNFLOW, 1e-3).contains(&0));
}

/// Figure 1 of arXiv 2006.05467, on its grid of 0.25 in log10: VGG-16 of 100 classes as it is drawn, magnitude is last
/// alive at 10^2.75, SynFlow at 10^5.75 to 10^6; one weight a layer would be 10^6.023.
#[test]
fn vgg_16_survives_the_published_compressions() {
    let network = Architecture::parse("cifar_vgg_16", [3, 32, 32], 100).unwrap();
    // In f32, as the published figures were made: it is deep enough for 10^23, far below f32's end.
    let subject = Subject::of(&network, &drawn(&network, 1)).unwrap().in_numbers_of(Dtype::F32).unwrap();
    let alive = |criterion, log10: f64| {
        let mask = prune(&subject, &to_density(criterion, 10f64.powf(-log10)), None);
        mask.layers.iter().all(|layer| layer.living() > 0)
    };
    assert!(alive(Criterion::Magnitude, 2.5));
    assert!(!alive(Criterion::Magnitude, 3.0));
    assert!(alive(SYNFLOW, 5.75));
}

/// A small convolutional network and a few examples, in f64.
fn small() -> (Architecture, Vec<Vec<f64>>, Subject) {
    let conv = |name: &str, inputs, outputs| {
        let name = name.to_owned();
        Layer::Conv { name, inputs, outputs, kernel: 3, stride: 1, padding: 1, bias: true, size: [4; 2] }
    };
    let layers = vec![
        conv("first", 1, 2),
        Layer::Relu,
        conv("second", 2, 2),
        Layer::Relu,
        Layer::MaxPool { size: 2, stride: 2, padding: 0 },
        Layer::Flatten,
        linear("fc", 8, 3),
    ];
    let architecture = Architecture { name: "small".to_owned(), input: [1, 4, 4], outputs: 3, layers };
    let parameters = drawn(&architecture, 3);
    let subject = with_examples(Subject::of(&architecture, &parameters).unwrap());
    (architecture, parameters, subject)
}

fn with_examples(subject: Subject) -> Subject {
    repeated(subject, 1)
}

/// Six examples, over and over.
fn repeated(subject: Subject, times: usize) -> Subject {
    let pixels: Vec<f64> = (0..6 * 16).map(|n| f64::from(n * 37 % 19) / 9.0 - 1.0).collect();
    let labels: Vec<i64> = (0..6).map(|n| n * 7 % 3).collect();
    let images = Tensor::from_slice(&pixels.repeat(times)).view([-1, 1, 4, 4]);
    subject.with_examples(images, Tensor::from_slice(&labels.repeat(times)))
}

/// The loss of the network with one number more at one parameter, by the forward pass alone.
fn loss(architecture: &Architecture, parameters: &[Vec<f64>], temperature: f64) -> f64 {
    with_examples(Subject::of(architecture, parameters).unwrap()).loss(temperature).unwrap()
}

fn weight_tensors(architecture: &Architecture) -> Vec<usize> {
    let roles = architecture.parameters();
    (0..roles.len()).filter(|&index| roles[index].role == Role::Weight).collect()
}

/// Gradients of the loss by each weight, from central differences.
fn differences(architecture: &Architecture, parameters: &[Vec<f64>], temperature: f64) -> Vec<Vec<f64>> {
    let step = 1e-6;
    let mut moved = parameters.to_vec();
    let mut gradient = |tensor: usize, index: usize| {
        let here = moved[tensor][index];
        moved[tensor][index] = here + step;
        let above = loss(architecture, &moved, temperature);
        moved[tensor][index] = here - step;
        let below = loss(architecture, &moved, temperature);
        moved[tensor][index] = here;
        (above - below) / (2.0 * step)
    };
    weight_tensors(architecture)
        .into_iter()
        .map(|tensor| (0..parameters[tensor].len()).map(|index| gradient(tensor, index)).collect())
        .collect()
}

#[test]
fn snip_scores_are_weight_times_finite_difference() {
    let (architecture, parameters, subject) = small();
    let gradients = differences(&architecture, &parameters, 1.0);
    let weights = weight_tensors(&architecture).into_iter().map(|tensor| &parameters[tensor]);
    let snip: Vec<f64> =
        gradients.iter().flatten().zip(weights.flatten()).map(|(g, w)| (g * w).abs()).collect();
    assert_close(&scored(&subject, Criterion::Snip).concat(), &snip, 1e-8);
    let sizes: Vec<f64> = gradients.iter().flatten().map(|gradient| gradient.abs()).collect();
    assert_close(&scored(&subject, Criterion::Gradient).concat(), &sizes, 1e-8);
    assert!(sizes.iter().any(|size| *size > 0.01));
}

/// Hg is how the gradient changes along itself.
#[test]
fn grasp_scores_are_weight_times_the_difference_of_gradients_along_the_gradient() {
    let (architecture, parameters, subject) = small();
    for temperature in [1.0, 200.0] {
        let gradients = differences(&architecture, &parameters, temperature);
        // Far enough for the second difference, not so far that a rectifier turns.
        let step = 1e-4 * temperature;
        let along = |sign: f64| {
            let mut moved = parameters.clone();
            for (tensor, gradient) in weight_tensors(&architecture).into_iter().zip(&gradients) {
                moved[tensor].iter_mut().zip(gradient).for_each(|(w, g)| *w += sign * step * g);
            }
            differences(&architecture, &moved, temperature)
        };
        let (ahead, behind) = (along(1.0), along(-1.0));
        let weights = weight_tensors(&architecture).into_iter().map(|tensor| &parameters[tensor]);
        let curved = ahead.iter().flatten().zip(behind.iter().flatten()).map(|(a, b)| (a - b) / (2.0 * step));
        let wanted: Vec<f64> =
            curved.zip(weights.flatten()).map(|(curved, weight)| curved * weight).collect();
        let found = scored(&subject, Criterion::Grasp { temperature, sign: GraspSign::Paper }).concat();
        let most = wanted.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        assert_close(&found, &wanted, 1e-3 * most);
        let opposite = scored(&subject, Criterion::Grasp { temperature, sign: GraspSign::Opposite }).concat();
        assert!(found.iter().zip(opposite).all(|(a, b)| *a == -b));
    }
}

/// Three linear layers whose biases keep every rectifier off its kink, whatever a mask leaves of its inputs.
fn perceptron() -> (Architecture, Vec<Vec<f64>>, Subject) {
    let layers = vec![
        Layer::Flatten,
        linear("first", 16, 6),
        Layer::Relu,
        linear("second", 6, 5),
        Layer::Relu,
        linear("third", 5, 3),
    ];
    let architecture = Architecture { name: "perceptron".to_owned(), input: [1, 4, 4], outputs: 3, layers };
    let mut parameters = drawn(&architecture, 3);
    for (tensor, values) in architecture.parameters().iter().zip(&mut parameters) {
        if tensor.role == Role::Bias {
            values.iter_mut().for_each(|bias| *bias = 0.1);
        }
    }
    let subject = with_examples(Subject::of(&architecture, &parameters).unwrap());
    (architecture, parameters, subject)
}

/// A mask of each weight tensor, drawn by these logits: a draw has 16 bits, four in a number of the stream, low ones first.
fn sampled(architecture: &Architecture, logits: &[Vec<f64>], update: u64) -> Vec<Vec<f64>> {
    let sample = |(tensor, logits): (tombola_spec::arch::Parameter, &Vec<f64>)| {
        let random = Random::new(Purpose::Supermask, &stream(1), &tensor.name, update);
        let draw = |index: usize| (random.u64_at(index as u64 / 4) >> (16 * (index % 4))) as u16;
        let lives = |(index, v): (usize, &f64)| {
            f64::from(u8::from((f64::from(draw(index)) + 0.5) / 65_536.0 < 1.0 / (1.0 + (-v).exp())))
        };
        logits.iter().enumerate().map(lives).collect()
    };
    architecture.weights().into_iter().zip(logits).map(sample).collect()
}

/// The loss of the network with each weight times its entry of a mask, rescaled or not.
fn masked_loss(
    architecture: &Architecture,
    parameters: &[Vec<f64>],
    mask: &[Vec<f64>],
    rescale: bool,
) -> f64 {
    let mut masked = parameters.to_vec();
    for (tensor, mask) in weight_tensors(architecture).into_iter().zip(mask) {
        let scale = if rescale { mask.len() as f64 / mask.iter().sum::<f64>() } else { 1.0 };
        masked[tensor].iter_mut().zip(mask).for_each(|(weight, m)| *weight *= m * scale);
    }
    loss(architecture, &masked, 1.0)
}

/// Logits are moved by how the loss changes with the mask that was sampled, times how its expectation changes with them.
#[test]
fn a_supermasks_logits_follow_the_finite_differences_of_the_loss_by_its_mask() {
    let (architecture, parameters, subject) = perceptron();
    let (iterations, lr, momentum, step) = (3, 20.0, 0.9, 1e-6);
    for rescale in [false, true] {
        let mut logits: Vec<Vec<f64>> = architecture.weights().iter().map(|w| vec![0.0; w.len()]).collect();
        let mut velocity = logits.clone();
        for update in 0..u64::from(iterations) {
            let mut mask = sampled(&architecture, &logits, update);
            for layer in 0..mask.len() {
                for index in 0..mask[layer].len() {
                    let here = mask[layer][index];
                    mask[layer][index] = here + step;
                    let above = masked_loss(&architecture, &parameters, &mask, rescale);
                    mask[layer][index] = here - step;
                    let below = masked_loss(&architecture, &parameters, &mask, rescale);
                    mask[layer][index] = here;
                    let chance = 1.0 / (1.0 + (-logits[layer][index]).exp());
                    let gradient = (above - below) / (2.0 * step) * chance * (1.0 - chance);
                    velocity[layer][index] = momentum * velocity[layer][index] + gradient;
                }
            }
            for (logits, velocity) in logits.iter_mut().flatten().zip(velocity.iter().flatten()) {
                *logits -= lr * velocity;
            }
        }
        // All six examples in each batch.
        let criterion = Criterion::Supermask { iterations, batch: 250, lr, momentum, rescale };
        assert_close(&scored(&subject, criterion).concat(), &logits.concat(), 1e-6);
        assert!(logits.iter().flatten().any(|logit| logit.abs() > 1.0), "they got somewhere: {logits:?}");
    }
}

/// Three hundred are more than are differentiated at a time, and their mean loss is that of the six they repeat.
#[test]
fn many_examples_score_as_their_mean_does() {
    let (architecture, parameters, six) = small();
    let many = repeated(Subject::of(&architecture, &parameters).unwrap(), 50);
    for criterion in [Criterion::Snip, Criterion::Grasp { temperature: 1.0, sign: GraspSign::Paper }] {
        let (six, many) = (scored(&six, criterion).concat(), scored(&many, criterion).concat());
        let most = six.iter().fold(0.0f64, |most, score| most.max(score.abs()));
        assert_close(&many, &six, 1e-12 * most);
    }
}

/// So that nobody takes a long prune step for an engine that is stuck.
#[test]
fn every_iteration_of_a_prune_step_is_told_and_may_be_the_last() {
    let (_, _, subject) = small();
    let (told, rule) = (std::cell::RefCell::new(Vec::new()), to_density(SYNFLOW, 0.5));
    let until = |last: u32| {
        let told = &told;
        move |done: u32| {
            told.borrow_mut().push(done);
            done < last
        }
    };
    let stopped = prune::prune(&subject, &rule, None, &stream(1), &until(3)).unwrap();
    assert_eq!((stopped, told.take()), (None, vec![1, 2, 3]));
    assert!(prune::prune(&subject, &rule, None, &stream(1), &until(101)).unwrap().is_some());
    assert_eq!(told.into_inner(), (1..=100).collect::<Vec<u32>>());
}

/// As with iterations; and a layer that is left whole is no part of what is learned.
#[test]
fn every_update_of_a_supermask_is_told_and_may_be_the_last() {
    let (_, _, subject) = small();
    let criterion = Criterion::Supermask { iterations: 20, batch: 4, lr: 20.0, momentum: 0.9, rescale: true };
    let rates = [("fc.weight".to_owned(), 0.0)].into();
    let rule = Prune { rates, ..to_density(criterion, 0.5) };
    let told = std::cell::RefCell::new(Vec::new());
    let until = |last: u32| {
        let told = &told;
        move |done: u32| {
            told.borrow_mut().push(done);
            done < last
        }
    };
    let stopped = prune::prune(&subject, &rule, None, &stream(1), &until(3)).unwrap();
    assert_eq!((stopped, told.take()), (None, vec![1, 2, 3]));
    let mask = prune::prune(&subject, &rule, None, &stream(1), &until(100)).unwrap().unwrap();
    // The last one cuts.
    assert_eq!(told.into_inner(), (1..=21).collect::<Vec<u32>>());
    assert!(mask.layers[2].bits.iter().all(|bit| *bit == 1) && !mask.layers[2].prunable);
}

/// Dead weights have no say in the scores of the living, and are not brought back.
#[test]
fn dead_weights_are_zero_to_every_criterion() {
    let (architecture, mut parameters, subject) = small();
    let half = prune(&subject, &to_density(Criterion::Magnitude, 0.5), None);
    for (tensor, layer) in weight_tensors(&architecture).into_iter().zip(&half.layers) {
        let dead = parameters[tensor].iter_mut().zip(&layer.bits).filter(|(_, bit)| **bit == 0);
        dead.for_each(|(weight, _)| *weight = 0.0);
    }
    let zeroed = with_examples(Subject::of(&architecture, &parameters).unwrap());
    for criterion in
        [Criterion::Snip, Criterion::Grasp { temperature: 200.0, sign: GraspSign::Paper }, SYNFLOW, SUPERMASK]
    {
        let (masked, zeroed) =
            (scores(&subject, criterion, &half, &stream(1)).unwrap(), scored(&zeroed, criterion));
        let living = |scores: &[Vec<f64>], mask: &Mask| -> Vec<f64> {
            let bits = mask.layers.iter().flat_map(|layer| &layer.bits);
            scores.iter().flatten().zip(bits).filter(|(_, bit)| **bit == 1).map(|(score, _)| *score).collect()
        };
        assert_eq!(living(&masked, &half), living(&zeroed, &half), "{criterion:?}");
        let third = prune(&subject, &to_density(criterion, 0.3), Some(&half));
        let bits = |mask: &Mask| mask.layers.iter().flat_map(|layer| layer.bits.clone()).collect::<Vec<_>>();
        assert!(
            bits(&third).iter().zip(bits(&half)).all(|(after, before)| *after <= before),
            "{criterion:?}"
        );
    }
}

#[test]
fn an_inverted_criterion_prunes_what_the_criterion_keeps() {
    let (_, _, subject) = small();
    let rule = to_density(Criterion::Snip, 0.5);
    let kept = prune(&subject, &rule, None);
    let inverted = prune(&subject, &Prune { invert: true, ..rule }, None);
    let both = kept.layers.iter().zip(&inverted.layers).flat_map(|(a, b)| a.bits.iter().zip(&b.bits));
    assert!(both.into_iter().all(|(a, b)| a + b == 1));
}
