//! Networks as libtorch computes them: interprets layer lists of `spec::arch`.
//!
//! Knows nothing of families, optimizers, masks or plans. A new kind of layer is an arm in [`forward`], which must take the
//! number of lanes from its parameters: with a leading lane dimension all lanes are computed at once. Its gradients are
//! libtorch's autograd's business, so that its arm in [`ByHand::new`], which only makes the step of a perceptron cheaper,
//! may decline.

mod by_hand;
mod forward;
mod layout;
mod loss;

pub(crate) use by_hand::ByHand;
pub(crate) use forward::forward;
pub(crate) use layout::Layout;
pub(crate) use loss::{losses, tally};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::initial_weights;
    use tch::{Device, Kind, Tensor};
    use tombola_spec::{
        arch::{Architecture, Layer},
        job::Stream,
        settings::{BiasInit, Init},
    };

    fn perceptron() -> Architecture {
        Architecture::parse("mnist_lenet_6_5", [1, 4, 4], 4).unwrap()
    }

    /// Every kind of layer, small.
    fn convolutions() -> Architecture {
        let conv = |name: &str, [inputs, outputs]: [u32; 2], stride, size| {
            let name = name.to_owned();
            Layer::Conv { name, inputs, outputs, kernel: 3, stride, padding: 1, size: [size; 2] }
        };
        let layers = vec![
            conv("first", [1, 3], 1, 4),
            Layer::Relu,
            conv("second", [3, 2], 2, 2),
            Layer::Relu,
            Layer::MaxPool { size: 2 },
            Layer::Flatten,
            Layer::Linear { name: "fc".to_owned(), inputs: 2, outputs: 4 },
        ];
        Architecture { name: "convolutions".to_owned(), input: [1, 4, 4], outputs: 4, layers }
    }

    fn weights(network: &Architecture, seed: u64) -> Vec<f64> {
        let stream = Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 };
        let parameters = network.parameters();
        let drawn = initial_weights(&parameters, Init::KaimingNormal, BiasInit::Uniform, &stream);
        drawn.concat().into_iter().map(f64::from).collect()
    }

    fn batch() -> (Tensor, Tensor) {
        let pixels: Vec<f64> = (0..7 * 16).map(|n| f64::from(n * 37 % 19) / 9.0 - 1.0).collect();
        (Tensor::from_slice(&pixels).view([7, 1, 4, 4]), Tensor::from_slice(&[0i64, 1, 2, 3, 0, 1, 2]))
    }

    fn loss(network: &Architecture, weights: &[f64]) -> f64 {
        let layout = Layout::of(network);
        let views = layout.views(&Tensor::from_slice(weights)).unwrap();
        let (images, labels) = batch();
        let logits = forward(&network.layers, &views, &images).unwrap();
        losses(&logits, &labels).unwrap().double_value(&[])
    }

    /// Gradients by autograd.
    fn gradients(network: &Architecture, weights: &[f64]) -> Vec<f64> {
        let leaves = Layout::of(network).leaves(&Tensor::from_slice(weights)).unwrap();
        let (images, labels) = batch();
        let total = losses(&forward(&network.layers, &leaves, &images).unwrap(), &labels).unwrap();
        let grads = Tensor::f_run_backward(&[&total], &leaves, false, false).unwrap();
        grads.iter().flat_map(|grad| Vec::<f64>::try_from(grad.flatten(0, -1)).unwrap()).collect()
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        for network in [perceptron(), convolutions()] {
            let mut at = weights(&network, 1);
            let grads = gradients(&network, &at);
            let alive = grads.iter().filter(|grad| **grad != 0.0).count();
            assert!(2 * alive > grads.len(), "{} of {} gradients are 0", grads.len() - alive, grads.len());
            let step = 1e-5;
            for index in 0..at.len() {
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
        assert!(!bound(&convolutions().layers));
    }

    #[test]
    fn lanes_are_computed_as_if_alone() {
        for network in [perceptron(), convolutions()] {
            let layout = Layout::of(&network);
            let (a, b) = (weights(&network, 1), weights(&network, 2));
            let both = Tensor::from_slice(&[a.clone(), b.clone()].concat()).view([2, -1]);
            let (images, labels) = batch();
            let twice = |tensor: &Tensor| Tensor::stack(&[tensor, tensor], 0);
            let logits = forward(&network.layers, &layout.views(&both).unwrap(), &twice(&images)).unwrap();
            let lanes = Vec::<f64>::try_from(losses(&logits, &twice(&labels)).unwrap()).unwrap();
            let alone = [loss(&network, &a), loss(&network, &b)];
            assert!(
                (lanes[0] - alone[0]).abs() < 1e-14 && (lanes[1] - alone[1]).abs() < 1e-14,
                "{lanes:?} {alone:?}"
            );
        }
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
