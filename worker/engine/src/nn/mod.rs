//! Networks as libtorch computes them: interprets layer lists of `spec::arch`.
//!
//! Knows nothing of families, optimizers, masks or plans. A new kind of layer is an arm in [`forward`], for one
//! network and for lanes: with a leading lane dimension of its tensors all lanes are computed at once. Its gradients are
//! libtorch's autograd's business: [`ByHand`] and [`Sparse`], which make the steps of perceptrons, and of sparse convolutions
//! before one, cheaper, decline others.

mod by_hand;
mod forward;
mod layout;
mod loss;
mod perceptron;
mod sparse;
mod ways;

pub(crate) use by_hand::ByHand;
pub(crate) use forward::{Mode, forward, forward_dropping};
pub(crate) use layout::{Entry, Layout, Tensors};
pub(crate) use loss::{losses, tally};
pub(crate) use sparse::{Batch, Scratch, Sparse};
pub(crate) use ways::Way;
pub(crate) use ways::Ways;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::initial_weights;
    use tch::{Device, Kind, Tensor};
    use tombola_spec::{
        arch::{Architecture, Layer},
        job::Stream,
        settings::{BatchNormInit, BiasInit, Init, Model},
    };

    fn perceptron() -> Architecture {
        Architecture::parse("mnist_lenet_6_5", [1, 4, 4], 4).unwrap()
    }

    fn conv(name: &str, [inputs, outputs]: [u32; 2], stride: u32, size: u32) -> Layer {
        let name = name.to_owned();
        Layer::Conv { name, inputs, outputs, kernel: 3, stride, padding: 1, bias: true, size: [size; 2] }
    }

    fn convolutions() -> Architecture {
        let layers = vec![
            conv("first", [1, 3], 1, 4),
            Layer::Relu,
            conv("second", [3, 2], 2, 2),
            Layer::Relu,
            Layer::MaxPool { size: 2, stride: 2, padding: 0 },
            Layer::Flatten,
            Layer::Linear { name: "fc".to_owned(), inputs: 2, outputs: 4 },
        ];
        Architecture { name: "convolutions".to_owned(), input: [1, 4, 4], outputs: 4, layers }
    }

    fn unbiased(name: &str, inputs: u32, outputs: u32, kernel: u32, size: u32) -> Layer {
        let (name, padding) = (name.to_owned(), kernel / 2);
        Layer::Conv { name, inputs, outputs, kernel, stride: 1, padding, bias: false, size: [size; 2] }
    }

    fn batch_norm(name: &str, channels: u32) -> Layer {
        Layer::BatchNorm { name: name.to_owned(), channels }
    }

    /// Normalization, both kinds of shortcut, and the other poolings.
    fn residual() -> Architecture {
        let body = vec![
            unbiased("conv1", 3, 4, 3, 4),
            batch_norm("bn1", 4),
            Layer::Relu,
            unbiased("conv2", 4, 4, 3, 4),
            batch_norm("bn2", 4),
        ];
        let shortcut = vec![unbiased("shortcut", 3, 4, 1, 4), batch_norm("bn3", 4)];
        let inner = vec![batch_norm("bn4", 4), Layer::Relu, unbiased("conv3", 4, 4, 3, 2)];
        let layers = vec![
            unbiased("stem", 1, 3, 3, 4),
            batch_norm("bn", 3),
            Layer::Residual { body, shortcut },
            Layer::MaxPool { size: 3, stride: 2, padding: 1 },
            Layer::Residual { body: inner, shortcut: Vec::new() },
            Layer::AvgPool { size: 1 },
            Layer::GlobalAvgPool,
            Layer::Linear { name: "fc".to_owned(), inputs: 4, outputs: 4 },
        ];
        Architecture { name: "residual".to_owned(), input: [1, 4, 4], outputs: 4, layers }
    }

    fn networks() -> [Architecture; 3] {
        [perceptron(), convolutions(), residual()]
    }

    /// Parameters, and running statistics of no batch.
    fn weights(network: &Architecture, seed: u64) -> Vec<f64> {
        let stream = Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 };
        let (init, bias_init) = (Init::KaimingNormal, BiasInit::Uniform);
        let model = Model {
            name: network.name.clone(),
            init,
            bias_init,
            bn_init: BatchNormInit::Uniform,
            dropout: 0.0,
        };
        let drawn = initial_weights(&network.tensors(), &model, &stream);
        drawn.concat().into_iter().map(f64::from).collect()
    }

    fn batch() -> (Tensor, Tensor) {
        let pixels: Vec<f64> = (0..7 * 16).map(|n| f64::from(n * 37 % 19) / 9.0 - 1.0).collect();
        (Tensor::from_slice(&pixels).view([7, 1, 4, 4]), Tensor::from_slice(&[0i64, 1, 2, 3, 0, 1, 2]))
    }

    fn loss(network: &Architecture, weights: &[f64]) -> f64 {
        let tensors = Layout::of(network).tensors(&Tensor::from_slice(weights)).unwrap();
        let (images, labels) = batch();
        let logits = forward(&network.layers, &tensors, &images, Mode::Train).unwrap();
        losses(&logits, &labels).unwrap().double_value(&[])
    }

    /// Gradients by autograd.
    fn gradients(network: &Architecture, weights: &[f64]) -> Vec<f64> {
        let tensors = Layout::of(network).tensors(&Tensor::from_slice(weights)).unwrap();
        let (images, labels) = batch();
        let logits = forward(&network.layers, &tensors, &images, Mode::Train).unwrap();
        let total = losses(&logits, &labels).unwrap();
        let grads = Tensor::f_run_backward(&[&total], &tensors.trained, false, false).unwrap();
        grads.iter().flat_map(|grad| Vec::<f64>::try_from(grad.flatten(0, -1)).unwrap()).collect()
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        for network in networks() {
            let mut at = weights(&network, 1);
            let grads = gradients(&network, &at);
            let alive = grads.iter().filter(|grad| **grad != 0.0).count();
            assert!(2 * alive > grads.len(), "{} of {} gradients are 0", grads.len() - alive, grads.len());
            let step = 1e-5;
            for index in 0..grads.len() {
                let here = at[index];
                at[index] = here + step;
                let above = loss(&network, &at);
                at[index] = here - step;
                let below = loss(&network, &at);
                at[index] = here;
                let (difference, grad) = ((above - below) / (2.0 * step), grads[index]);
                let name = &network.name;
                assert!((difference - grad).abs() < 1e-8, "{name} {index}: {difference} against {grad}");
            }
        }
    }

    /// In f32 channels lie innermost between convolutions; in f64 they do not.
    #[test]
    fn gradients_do_not_depend_on_the_order_that_images_lie_in() {
        for network in networks() {
            let weights = weights(&network, 1);
            let flat = Tensor::from_slice(&weights).to_kind(Kind::Float);
            let tensors = Layout::of(&network).tensors(&flat).unwrap();
            let (images, labels) = batch();
            let logits = forward(&network.layers, &tensors, &images.to_kind(Kind::Float), Mode::Train);
            let loss = losses(&logits.unwrap(), &labels).unwrap();
            let grads = Tensor::f_run_backward(&[&loss], &tensors.trained, false, false).unwrap();
            let found =
                grads.iter().flat_map(|grad| Vec::<f32>::try_from(grad.contiguous().flatten(0, -1)).unwrap());
            for (index, (found, wanted)) in found.zip(gradients(&network, &weights)).enumerate() {
                let apart = (f64::from(found) - wanted).abs();
                assert!(apart < 1e-5, "{} {index}: {found} against {wanted}", network.name);
            }
        }
    }

    #[test]
    fn losses_and_gradients_by_hand_are_autograds() {
        for seed in 1..6 {
            let network = perceptron();
            let weights = weights(&network, seed);
            let flat = Tensor::from_slice(&weights);
            let mut by_hand = ByHand::new(&network, &Layout::of(&network), &flat, 7).unwrap().unwrap();
            let (images, labels) = batch();
            // The second step finds the memory of the first.
            for _ in 0..2 {
                let found = by_hand.step::<f64>(&images, &labels).unwrap();
                assert!((found - loss(&network, &weights)).abs() < 1e-14);
            }
            let found = Vec::<f64>::try_from(by_hand.grads()).unwrap();
            for (index, (found, wanted)) in found.iter().zip(gradients(&network, &weights)).enumerate() {
                assert!((found - wanted).abs() < 1e-14, "{index}: {found} against {wanted}");
            }
        }
    }

    /// Batches of less than a vector, of some vectors, and of more than one tile, whose examples are not in a row; layers of
    /// one block of columns and of several.
    #[test]
    fn losses_and_gradients_of_living_weights_are_autograds() {
        let perceptron = Architecture::parse("mnist_lenet_40_150_6", [1, 9, 9], 4).unwrap();
        living_gradients_are_autograds(&perceptron, &[1, 16, 30, 40, 61, 64, 131]);
    }

    /// Lines of whole strips and of some places more; what a pooling leaves over; convolutions and poolings behind both.
    #[test]
    fn losses_and_gradients_of_living_filters_are_autograds() {
        let layers = vec![
            conv("first", [1, 3], 1, 6),
            Layer::Relu,
            conv("second", [3, 2], 1, 6),
            Layer::MaxPool { size: 2, stride: 2, padding: 0 },
            conv("third", [2, 5], 1, 3),
            Layer::Relu,
            Layer::Flatten,
            Layer::Linear { name: "fc".to_owned(), inputs: 45, outputs: 4 },
        ];
        let small = Architecture { layers, input: [1, 6, 6], ..convolutions() };
        living_gradients_are_autograds(&small, &[1, 40]);
        let filter =
            |name: &str, [inputs, outputs]: [u32; 2], [kernel, padding]: [u32; 2], size| Layer::Conv {
                name: name.to_owned(),
                inputs,
                outputs,
                kernel,
                stride: 1,
                padding,
                bias: true,
                size,
            };
        let layers = vec![
            filter("wide", [1, 2], [5, 2], [7, 6]),
            Layer::Relu,
            filter("point", [2, 3], [1, 0], [7, 6]),
            filter("short", [3, 2], [3, 0], [5, 4]),
            Layer::Relu,
            filter("long", [2, 2], [3, 2], [7, 6]),
            Layer::MaxPool { size: 2, stride: 2, padding: 0 },
            Layer::Flatten,
            Layer::Linear { name: "fc".to_owned(), inputs: 18, outputs: 4 },
        ];
        let odd = Architecture { layers, input: [1, 7, 6], ..convolutions() };
        living_gradients_are_autograds(&odd, &[5, 33]);
        let conv = Architecture::parse("conv_4", [2, 9, 11], 4).unwrap();
        living_gradients_are_autograds(&conv, &[17, 66]);
    }

    fn living_gradients_are_autograds(network: &Architecture, counts: &[i64]) {
        let layout = Layout::of(network);
        let image = network.input.map(i64::from);
        let pixels = image.iter().product::<i64>() as i32;
        for (seed, &count) in counts.iter().enumerate() {
            let mask: Vec<f64> =
                (0..layout.len).map(|at| f64::from(u8::from((at * 31 + seed) % 97 < 30))).collect();
            let masked: Vec<f64> =
                weights(network, seed as u64).iter().zip(&mask).map(|(w, m)| w * m).collect();
            let pixels: Vec<f64> =
                (0..200 * pixels).map(|at| f64::from(at * 37 % 113) / 56.0 - 1.0).collect();
            let labels: Vec<i64> = (0..200).map(|at| at * 7 % 4).collect();
            let lines: Vec<i64> = (0..count).map(|at| at * 13 % 200).collect();

            let net = Sparse::new(network, &layout, &mask).unwrap();
            let packed: Vec<f64> = net.living().iter().map(|&at| masked[at as usize]).collect();
            let (mut scratch, mut grads) = (Scratch::of(&net), vec![0.0; packed.len()]);
            let batch = Batch { source: &pixels, labels: &labels, lines: &lines };
            // The second step finds what the first left.
            net.step(&mut scratch, batch, &packed, &mut grads);
            let found = net.step(&mut scratch, batch, &packed, &mut grads);

            let flat = Tensor::from_slice(&masked);
            let tensors = layout.tensors(&flat).unwrap();
            let lines = Tensor::from_slice(&lines);
            let images =
                Tensor::from_slice(&pixels).view([200, image[0], image[1], image[2]]).index_select(0, &lines);
            let labels = Tensor::from_slice(&labels).index_select(0, &lines);
            let logits = forward(&network.layers, &tensors, &images, Mode::Train).unwrap();
            let wanted = losses(&logits, &labels).unwrap();
            let autograd = Tensor::run_backward(&[&wanted], &tensors.trained, false, false);
            let autograd: Vec<f64> =
                autograd.iter().flat_map(|grad| Vec::try_from(grad.flatten(0, -1)).unwrap()).collect();
            assert!((found - wanted.double_value(&[])).abs() < 1e-14, "{count}");
            for (&at, grad) in net.living().iter().zip(&grads) {
                assert!((grad - autograd[at as usize]).abs() < 1e-14, "{count}, parameter {at}");
            }
            let living = mask.iter().filter(|&&alive| alive > 0.0).count();
            assert!(net.living().len() == living && grads.iter().any(|&grad| grad.abs() > 1e-3));
            let (sum, right) = net.tally(&mut scratch, batch, &packed);
            let (wanted_sum, wanted_right) = tally(&logits, &labels).unwrap();
            assert!((sum - wanted_sum.double_value(&[])).abs() < 1e-11, "{count}");
            assert_eq!(right, wanted_right.int64_value(&[]));
        }
    }

    #[test]
    fn what_is_not_finite_stays_so_by_hand() {
        let network = perceptron();
        let mut weights = weights(&network, 1);
        weights[3] = f64::NAN;
        let flat = Tensor::from_slice(&weights);
        let mut by_hand = ByHand::new(&network, &Layout::of(&network), &flat, 7).unwrap().unwrap();
        let (images, labels) = batch();
        assert!(by_hand.step::<f64>(&images, &labels).unwrap().is_nan());
    }

    #[test]
    fn only_stacks_of_linear_layers_and_rectifiers_are_done_by_hand() {
        let bound = |layers: &[Layer]| {
            let odd = Architecture { layers: layers.to_vec(), ..perceptron() };
            let layout = Layout::of(&odd);
            let flat = Tensor::zeros([layout.len as i64], (Kind::Double, Device::Cpu));
            ByHand::new(&odd, &layout, &flat, 7).unwrap().is_some()
        };
        let layers = perceptron().layers;
        assert!(bound(&layers));
        assert!(!bound(&[&[Layer::Relu], &layers[..]].concat()));
        assert!(!bound(&layers[..layers.len() - 1]), "it ends with a rectifier");
        assert!(!bound(&convolutions().layers) && !bound(&residual().layers));
    }

    #[test]
    fn lanes_are_computed_as_if_alone() {
        for network in networks() {
            let layout = Layout::of(&network);
            let (a, b) = (weights(&network, 1), weights(&network, 2));
            let both = Tensor::from_slice(&[a.clone(), b.clone()].concat()).view([2, -1]);
            let (images, labels) = batch();
            let twice = |tensor: &Tensor| Tensor::stack(&[tensor, tensor], 0);
            let tensors = layout.tensors(&both).unwrap();
            let logits = forward(&network.layers, &tensors, &twice(&images), Mode::Train).unwrap();
            let lanes = Vec::<f64>::try_from(losses(&logits, &twice(&labels)).unwrap()).unwrap();
            let alone = [loss(&network, &a), loss(&network, &b)];
            assert!(
                (lanes[0] - alone[0]).abs() < 1e-14 && (lanes[1] - alone[1]).abs() < 1e-14,
                "{lanes:?} {alone:?}"
            );
        }
    }

    /// What PyTorch's documentation says of `BatchNorm2d`, by hand.
    #[test]
    fn training_normalizes_by_the_batch_and_evaluation_by_what_training_left() {
        let network = Architecture {
            layers: vec![batch_norm("bn", 1), Layer::Flatten],
            input: [1, 4, 4],
            ..perceptron()
        };
        let (scale, shift) = (0.5, 0.25);
        let flat = Tensor::from_slice(&[scale, shift, 0.0, 1.0]);
        let tensors = Layout::of(&network).tensors(&flat).unwrap();
        let images = batch().0;
        let pixels = Vec::<f64>::try_from(images.flatten(0, -1)).unwrap();
        let count = pixels.len() as f64;
        let mean = pixels.iter().sum::<f64>() / count;
        let variance = pixels.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let assert_normalized = |mode, mean: f64, variance: f64| {
            let found = forward(&network.layers, &tensors, &images, mode).unwrap();
            let found = Vec::<f64>::try_from(found.flatten(0, -1)).unwrap();
            for (x, found) in pixels.iter().zip(found) {
                let wanted = scale * (x - mean) / (variance + 1e-5).sqrt() + shift;
                assert!((found - wanted).abs() < 1e-12, "{mode:?}: {found} against {wanted}");
            }
        };
        assert_normalized(Mode::Evaluate, 0.0, 1.0);
        assert_normalized(Mode::Train, mean, variance);
        let running = [0.1 * mean, 0.9 + 0.1 * variance * count / (count - 1.0)];
        assert!((flat.double_value(&[2]) - running[0]).abs() < 1e-14, "the flat buffer holds them");
        assert!((flat.double_value(&[3]) - running[1]).abs() < 1e-14);
        assert_normalized(Mode::Evaluate, running[0], running[1]);
        assert!((flat.double_value(&[3]) - running[1]).abs() < 1e-14, "evaluation moves nothing");
    }

    /// Rectifiers work in place where they may: here the shortcut and the caller look at what they are given.
    #[test]
    fn nothing_is_rectified_that_somebody_else_looks_at() {
        let layers = vec![Layer::Residual { body: vec![Layer::Relu], shortcut: Vec::new() }, Layer::Flatten];
        let network = Architecture { layers, ..perceptron() };
        let (images, flat) = (batch().0, Tensor::zeros([0], (Kind::Double, Device::Cpu)));
        let before = images.copy();
        let tensors = Layout::of(&network).tensors(&flat).unwrap();
        let found = forward(&network.layers, &tensors, &images, Mode::Train).unwrap();
        assert!(before.min().double_value(&[]) < 0.0 && images.equal(&before));
        assert!(found.equal(&(before.relu() + &before).flatten(1, -1)));
    }

    #[test]
    fn lanes_keep_their_own_statistics() {
        let network = residual();
        let layout = Layout::of(&network);
        let (a, b) = (weights(&network, 1), weights(&network, 2));
        let both = Tensor::from_slice(&[a.clone(), b.clone()].concat()).view([2, -1]);
        let images = batch().0;
        let lanes = Tensor::stack(&[&images, &images], 0);
        let _ = forward(&network.layers, &layout.tensors(&both).unwrap(), &lanes, Mode::Train).unwrap();
        for (lane, alone) in [a, b].into_iter().enumerate() {
            let alone = Tensor::from_slice(&alone);
            let _ = forward(&network.layers, &layout.tensors(&alone).unwrap(), &images, Mode::Train).unwrap();
            let apart = (both.get(lane as i64) - &alone).abs().max().double_value(&[]);
            assert!(apart < 1e-14, "lane {lane}: {apart:e}");
            let moved = alone.get(layout.len as i64 - 1).double_value(&[]);
            assert!(moved != 1.0, "a variance moved");
        }
    }

    /// Three lanes, trained for a step: all convolutions grouped, all apart, and some of each.
    #[test]
    fn grouped_convolutions_and_plain_ones_are_the_same_lanes_in_f64() {
        for network in [convolutions(), residual()] {
            let layout = Layout::of(&network);
            let lanes = (1..=3).flat_map(|seed| weights(&network, seed)).collect::<Vec<_>>();
            let (images, labels) = batch();
            let images = Tensor::stack(&[&images, &(&images * 0.5), &(&images + 0.1)], 0);
            let labels = labels.unsqueeze(0).expand([3, -1], false);
            let step = |ways: &str| {
                let flat = Tensor::from_slice(&lanes).view([3, -1]);
                let tensors = layout.tensors(&flat).unwrap().with_ways(Ways::read(ways).unwrap());
                let logits = forward(&network.layers, &tensors, &images, Mode::Train).unwrap();
                let total = losses(&logits, &labels).unwrap().sum(Kind::Double);
                let grads = Tensor::f_run_backward(&[&total], &tensors.trained, false, false).unwrap();
                let flat_grads: Vec<_> = grads.iter().map(|grad| grad.contiguous().view([3, -1])).collect();
                // Running statistics are moved too.
                (Tensor::cat(&flat_grads, 1), flat)
            };
            let (grouped, left) = step("");
            for ways in ["aaaaaa", "ga", "aggaga"] {
                let (apart, left_too) = step(ways);
                let off = (&apart - &grouped).abs().max().double_value(&[]);
                assert!(off < 1e-13, "{} {ways}: {off:e}", network.name);
                assert!((&left - &left_too).abs().max().double_value(&[]) < 1e-14);
            }
            assert!(grouped.abs().max().double_value(&[]) > 0.01);
        }
    }

    #[test]
    fn ways_are_read_as_they_are_written() {
        let ways = Ways::read("gag").unwrap();
        assert_eq!(ways.to_string(), "gag");
        assert!(!ways.are_usual() && Ways::read("gg").unwrap().are_usual() && Ways::read("gx").is_none());
    }

    #[test]
    fn an_untrained_guess_costs_the_logarithm_of_the_classes() {
        let logits = Tensor::zeros([5, 4], (Kind::Double, Device::Cpu));
        let labels = Tensor::from_slice(&[0i64, 0, 0, 3, 2]);
        assert!((losses(&logits, &labels).unwrap().double_value(&[]) - 4f64.ln()).abs() < 1e-15);
        let (sum, right) = tally(&logits, &labels).unwrap();
        assert!((sum.double_value(&[]) - 5.0 * 4f64.ln()).abs() < 1e-14);
        assert_eq!(right.int64_value(&[]), 3);
    }
}
