//! Weights at initialization.
//!
//! Each parameter has a stream of its own, keyed by its name: neither order nor presence of other parameters moves it.

use crate::random::{Purpose, Random};
use tombola_spec::{
    arch::{Parameter, Role},
    job::Stream,
    settings::{BiasInit, Init},
};

/// Draws every parameter, in the order given; each row-major in PyTorch's shape. Drawn in f64, rounded to f32.
pub fn initial_weights(
    parameters: &[Parameter],
    init: Init,
    bias: BiasInit,
    stream: &Stream,
) -> Vec<Vec<f32>> {
    let draw = |parameter: &Parameter| {
        let mut random = Random::new(Purpose::Init, stream, &parameter.name, 0);
        match parameter.role {
            Role::Weight => fill(parameter, || deviation(init, parameter) * random.normal()),
            Role::Bias => match bias {
                BiasInit::Zero => vec![0.0; parameter.len()],
                BiasInit::Uniform => {
                    let bound = 1.0 / f64::from(parameter.fan_in).sqrt();
                    fill(parameter, || bound * (2.0 * random.uniform() - 1.0))
                }
            },
        }
    };
    parameters.iter().map(draw).collect()
}

fn fill(parameter: &Parameter, mut draw: impl FnMut() -> f64) -> Vec<f32> {
    (0..parameter.len()).map(|_| draw() as f32).collect()
}

/// Standard deviation of a weight.
fn deviation(init: Init, parameter: &Parameter) -> f64 {
    let (fan_in, fan_out) = (f64::from(parameter.fan_in), f64::from(parameter.fan_out));
    match init {
        Init::GlorotNormal => (2.0 / (fan_in + fan_out)).sqrt(),
        Init::KaimingNormal => (2.0 / fan_in).sqrt(),
    }
}
