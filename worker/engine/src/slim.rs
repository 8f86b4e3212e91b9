//! Slimming: a network without the units that a mask has taken from it, which computes the same.
//!
//! A unit can go if nothing living reads it, or if it is 0 whatever comes in: its filter is dead, and so are its bias, scale
//! and shift. Masks of channels leave only such units dead. Of masks of single weights few are: a filter without living
//! weights still gives its bias.

use crate::{
    error::{EngineError, Result},
    mask::Mask,
};
use tombola_spec::arch::{Architecture, Parameter, Units};

/// A network and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Slim {
    /// Its layers; called as the whole network if nothing could go.
    pub architecture: Architecture,
    /// One vector each, in the order of `Architecture::tensors`.
    pub values: Vec<Vec<f64>>,
}

/// The network of `architecture` with `values` (one vector each, in the order of `Architecture::tensors`) as `mask` leaves
/// it, without the units that can go. One of a layer stays, whatever the mask.
///
/// # Errors
/// When the mask or the values are another network's.
pub fn slim(architecture: &Architecture, mask: &Mask, values: &[Vec<f64>]) -> Result<Slim> {
    mask.check(architecture)?;
    let tensors = architecture.tensors();
    if !tensors.iter().map(Parameter::len).eq(values.iter().map(Vec::len)) {
        return Err(EngineError::Settings(format!("the values are not those of `{}`", architecture.name)));
    }
    let units = architecture.units();
    let kept = kept(&units, mask);
    let widths: Vec<u32> = kept.iter().map(|kept| kept.len() as u32).collect();
    let whole = units.iter().zip(&widths).all(|(units, width)| units.count == *width);
    let narrow = if whole { architecture.clone() } else { architecture.narrowed(&widths)? };
    let copy = |(tensor, values): (&Parameter, &Vec<f64>)| {
        let mut values = values.clone();
        if let Some(bits) = mask.bits(&tensor.name) {
            // Adding 0 turns -0.0 into 0.0.
            values.iter_mut().zip(bits).for_each(|(value, bit)| *value = *value * f64::from(*bit) + 0.0);
        }
        part(tensor, &values, &units, &kept)
    };
    Ok(Slim { architecture: narrow, values: tensors.iter().zip(values).map(copy).collect() })
}

/// The units of each layer that stay.
fn kept(units: &[Units], mask: &Mask) -> Vec<Vec<usize>> {
    let mut kept: Vec<Vec<usize>> = units.iter().map(|units| (0..units.count as usize).collect()).collect();
    loop {
        let before: usize = kept.iter().map(Vec::len).sum();
        for (at, of) in units.iter().enumerate() {
            // What reads these may have gone meanwhile.
            let readers = units.iter().position(|next| next.layer == of.reader).map(|next| &kept[next]);
            let living: Vec<usize> =
                kept[at].iter().copied().filter(|&unit| lives(of, unit, readers, mask)).collect();
            kept[at] = if living.is_empty() { vec![kept[at][0]] } else { living };
        }
        if kept.iter().map(Vec::len).sum::<usize>() == before {
            return kept;
        }
    }
}

/// Whether something comes out of a unit and is read by one of `readers`, `None` = all.
fn lives(of: &Units, unit: usize, readers: Option<&Vec<usize>>, mask: &Mask) -> bool {
    let own = |name: String| mask.bits(&name).is_none_or(|bits| bits[unit] == 1);
    let filters = mask.bits(&format!("{}.weight", of.layer)).unwrap_or_default();
    let length = filters.len() / of.count as usize;
    let speaks = filters[unit * length..(unit + 1) * length].contains(&1)
        || (of.bias && own(format!("{}.bias", of.layer)))
        || of.norm.iter().any(|norm| own(format!("{norm}.weight")) || own(format!("{norm}.bias")));
    let Some(layer) = mask.layers.iter().find(|layer| layer.name == format!("{}.weight", of.reader)) else {
        return speaks;
    };
    let kernel: usize = layer.shape[2..].iter().product();
    let (row, part) = (layer.shape[1] * kernel, of.places as usize * kernel);
    let hears = |reader: usize| layer.bits[reader * row + unit * part..][..part].contains(&1);
    let heard = match readers {
        Some(readers) => readers.iter().any(|&reader| hears(reader)),
        None => (0..layer.shape[0]).any(hears),
    };
    speaks && heard
}

/// The values of a tensor that belong to what is kept.
fn part(tensor: &Parameter, values: &[f64], units: &[Units], kept: &[Vec<usize>]) -> Vec<f64> {
    let (module, kind) = tensor.name.rsplit_once('.').unwrap_or((&tensor.name, ""));
    let made = units.iter().position(|of| of.layer == module || of.norm.as_deref() == Some(module));
    let rows = made.map_or_else(|| (0..tensor.shape[0] as usize).collect(), |at| kept[at].clone());
    let length = values.len() / tensor.shape[0] as usize;
    let read = units.iter().position(|of| of.reader == module && kind == "weight");
    let columns: Vec<usize> = match read {
        None => (0..length).collect(),
        Some(at) => {
            let kernel: usize = tensor.shape[2..].iter().map(|&n| n as usize).product();
            let part = units[at].places as usize * kernel;
            kept[at].iter().flat_map(|unit| unit * part..(unit + 1) * part).collect()
        }
    };
    rows.iter().flat_map(|row| columns.iter().map(move |column| values[row * length + column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        init::initial_weights,
        nn::{Layout, Mode, forward},
        prune::{Subject, prune},
        random::{Purpose, Random},
    };
    use tch::Tensor;
    use tombola_spec::{
        job::Stream,
        settings::{Amount, BatchNormInit, BiasInit, Criterion, Init, Model, Prune, Scope, Unit},
    };

    fn stream(seed: u64) -> Stream {
        Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
    }

    /// Values as of a trained network: no bias, shift or statistic is what it was drawn as.
    fn trained(architecture: &Architecture) -> Vec<Vec<f64>> {
        let (init, bias_init, bn_init) = (Init::KaimingNormal, BiasInit::Uniform, BatchNormInit::Uniform);
        let model = Model { name: architecture.name.clone(), init, bias_init, bn_init, dropout: 0.0 };
        let drawn = initial_weights(&architecture.tensors(), &model, &stream(3));
        let mut noise = Random::new(Purpose::Init, &stream(4), "moved", 0);
        let moved = |value: f32| f64::from(value) + 0.1 * noise.uniform();
        let mut moved = moved;
        drawn.into_iter().map(|tensor| tensor.into_iter().map(&mut moved).collect()).collect()
    }

    fn outputs(architecture: &Architecture, values: &[Vec<f64>]) -> Tensor {
        let tensors = Layout::of(architecture).tensors(&Tensor::from_slice(&values.concat())).unwrap();
        let mut pixels = Random::new(Purpose::Init, &stream(5), "pixels", 0);
        let [channels, height, width] = architecture.input.map(i64::from);
        let pixels: Vec<f64> = (0..3 * channels * height * width).map(|_| pixels.normal()).collect();
        let images = Tensor::from_slice(&pixels).view([3, channels, height, width]);
        forward(&architecture.layers, &tensors, &images, Mode::Evaluate).unwrap()
    }

    fn masked(architecture: &Architecture, mask: &Mask, values: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let apply = |(tensor, values): (Parameter, &Vec<f64>)| match mask.bits(&tensor.name) {
            Some(bits) => values.iter().zip(bits).map(|(value, &bit)| value * f64::from(bit)).collect(),
            None => values.clone(),
        };
        architecture.tensors().into_iter().zip(values).map(apply).collect()
    }

    fn pruned(architecture: &Architecture, criterion: Criterion, values: &[Vec<f64>]) -> Mask {
        let (scope, amount) = (Scope::Global, Amount::Rate(0.4));
        let unit = if criterion == Criterion::Magnitude { Unit::Weight } else { Unit::Channel };
        let rule = Prune { unit, ..Prune::new(criterion, scope, amount) };
        let subject = Subject::of(architecture, values).unwrap();
        prune(&subject, &rule, None, &stream(1), &|_| true).unwrap().unwrap()
    }

    /// Between sums of the same numbers in another order, some thousand of them: 1e-12 of what comes out.
    #[track_caller]
    fn assert_same_outputs(architecture: &Architecture, mask: &Mask, values: &[Vec<f64>]) -> Slim {
        let slim = slim(architecture, mask, values).unwrap();
        let sizes: Vec<usize> = slim.architecture.tensors().iter().map(Parameter::len).collect();
        assert!(slim.values.iter().map(Vec::len).eq(sizes));
        let wanted = outputs(architecture, &masked(architecture, mask, values));
        let found = outputs(&slim.architecture, &slim.values);
        let size = wanted.abs().max().double_value(&[]);
        let apart = (found - &wanted).abs().max().double_value(&[]) / size;
        assert!(apart < 1e-12, "{}: {apart}", slim.architecture.name);
        slim
    }

    #[test]
    fn a_slim_network_computes_what_the_masked_one_does() {
        tch::set_num_threads(1);
        for (name, image, criterion) in [
            ("mnist_lenet_30_10", [1, 8, 8], Criterion::L1Filter),
            ("conv_2", [3, 8, 8], Criterion::L1Filter),
            ("cifar_resnet_20", [3, 16, 16], Criterion::BnScale),
            ("cifar_resnet_8", [3, 8, 8], Criterion::Random),
            ("preresnet_11", [3, 8, 8], Criterion::BnScale),
            ("imagenet_resnet_18_8", [3, 32, 32], Criterion::L1Filter),
            ("cifar_vgg_11", [3, 32, 32], Criterion::BnScale),
        ] {
            let network = Architecture::parse(name, image, 10).unwrap();
            let values = trained(&network);
            let slim = assert_same_outputs(&network, &pruned(&network, criterion, &values), &values);
            assert!(slim.architecture.weight_count() < network.weight_count(), "{name}");
            let units = |network: &Architecture| network.units().iter().map(|units| units.count).sum::<u32>();
            let left = f64::from(units(&network)) * 0.6;
            assert!((f64::from(units(&slim.architecture)) - left).abs() <= 0.5, "{name}");
        }
    }

    #[test]
    fn a_mask_of_single_weights_frees_only_what_is_wholly_dead() {
        tch::set_num_threads(1);
        let lenet = Architecture::parse("mnist_lenet_6_5", [1, 4, 4], 3).unwrap();
        let values = trained(&lenet);
        let mut mask = pruned(&lenet, Criterion::Magnitude, &values);
        assert_eq!(assert_same_outputs(&lenet, &mask, &values).architecture, lenet, "nothing is wholly dead");
        // A neuron without inputs still says its bias; one that nobody hears can go, and so can who speaks to it alone.
        mask.layers[0].bits[..16].fill(0);
        assert_eq!(assert_same_outputs(&lenet, &mask, &values).architecture, lenet);
        mask.layers[2].bits.iter_mut().skip(2).step_by(5).for_each(|bit| *bit = 0);
        assert_eq!(assert_same_outputs(&lenet, &mask, &values).architecture.name, "mnist_lenet_6_5@6-4");
        (0..5).filter(|row| *row != 2).for_each(|row| mask.layers[1].bits[row * 6 + 4] = 0);
        assert_eq!(assert_same_outputs(&lenet, &mask, &values).architecture.name, "mnist_lenet_6_5@5-4");
    }

    #[test]
    fn a_network_whose_middle_is_gone_keeps_one_unit_of_it() {
        tch::set_num_threads(1);
        let lenet = Architecture::parse("mnist_lenet_6_5", [1, 4, 4], 3).unwrap();
        let values = trained(&lenet);
        let mut mask = Mask::dense(&lenet);
        mask.layers[1].bits.fill(0);
        mask.layers[2].bits.fill(0);
        assert_eq!(assert_same_outputs(&lenet, &mask, &values).architecture.name, "mnist_lenet_6_5@1-1");
    }
}
