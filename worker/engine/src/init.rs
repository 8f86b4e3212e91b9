//! Weights at initialization.
//!
//! Each tensor has a stream of its own, keyed by its name: neither order nor presence of other tensors moves it.

use crate::random::{Purpose, Random};
use tombola_spec::{
    arch::{Parameter, Role},
    job::Stream,
    settings::{BatchNormInit, BiasInit, Init, Model},
};

/// Draws every tensor, in the order given; each row-major in PyTorch's shape. Drawn in f64, rounded to f32. Running
/// statistics are those of no batch seen: mean 0, variance 1.
pub fn initial_weights(tensors: &[Parameter], model: &Model, stream: &Stream) -> Vec<Vec<f32>> {
    let draw = |tensor: &Parameter| {
        let mut random = Random::new(Purpose::Init, stream, &tensor.name, 0);
        let drawn = match tensor.role {
            Role::Weight => weight(model.init, tensor, &mut random),
            Role::Bias => bias(model.bias_init, tensor, &mut random),
            Role::Scale => scale(model.bn_init, tensor.len(), &mut random),
            Role::Shift | Role::Mean => vec![0.0; tensor.len()],
            Role::Variance => vec![1.0; tensor.len()],
        };
        drawn.into_iter().map(|value| value as f32).collect()
    };
    tensors.iter().map(draw).collect()
}

fn weight(init: Init, tensor: &Parameter, random: &mut Random) -> Vec<f64> {
    let (fan_in, fan_out) = (f64::from(tensor.fan_in), f64::from(tensor.fan_out));
    let deviation = match init {
        Init::GlorotNormal => (2.0 / (fan_in + fan_out)).sqrt(),
        Init::KaimingNormal | Init::KaimingUniform | Init::Binary => (2.0 / fan_in).sqrt(),
        Init::Orthogonal => return orthogonal(tensor, random),
    };
    let mut draw = || match init {
        Init::KaimingUniform => 3f64.sqrt() * (2.0 * random.uniform() - 1.0),
        Init::Binary => random.normal().signum(),
        Init::GlorotNormal | Init::KaimingNormal | Init::Orthogonal => random.normal(),
    };
    (0..tensor.len()).map(|_| deviation * draw()).collect()
}

fn bias(init: BiasInit, tensor: &Parameter, random: &mut Random) -> Vec<f64> {
    match init {
        BiasInit::Zero => vec![0.0; tensor.len()],
        BiasInit::Uniform => {
            let bound = 1.0 / f64::from(tensor.fan_in).sqrt();
            (0..tensor.len()).map(|_| bound * (2.0 * random.uniform() - 1.0)).collect()
        }
    }
}

fn scale(init: BatchNormInit, channels: usize, random: &mut Random) -> Vec<f64> {
    match init {
        BatchNormInit::One => vec![1.0; channels],
        BatchNormInit::Half => vec![0.5; channels],
        BatchNormInit::Uniform => (0..channels).map(|_| random.uniform()).collect(),
    }
}

/// The rows of `[outputs, inputs * places]`, or its columns where there are fewer of them, at right angles and of length
/// 1; any such set is equally likely.
fn orthogonal(tensor: &Parameter, random: &mut Random) -> Vec<f64> {
    let (rows, columns) = (tensor.shape[0] as usize, tensor.len() / tensor.shape[0] as usize);
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut vector: Vec<f64> = (0..length).map(|_| random.normal()).collect();
        // Gram and Schmidt's method; the second pass takes away what rounding left of the others.
        for _ in 0..2 {
            for other in &vectors {
                let along = dot(&vector, other);
                vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
            }
        }
        let norm = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|value| *value /= norm);
        vectors.push(vector);
    }
    if rows <= columns {
        return vectors.concat();
    }
    (0..rows).flat_map(|row| vectors.iter().map(move |vector| vector[row])).collect()
}

/// In the order of the indices: the sum must be the same on every machine.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
