//! The forward pass: from inputs to logits.

use crate::error::Result;
use tch::Tensor;
use tombola_spec::arch::Layer;

/// Logits of `inputs`.
///
/// `parameters` as in `Architecture::parameters`. Plain: inputs `[N, …]`, weights `[out, in]`, logits `[N, classes]`.
/// With B lanes: inputs `[B, N, …]`, weights `[B, out, in]`, logits `[B, N, classes]`.
pub(crate) fn forward(layers: &[Layer], parameters: &[Tensor], inputs: &Tensor) -> Result<Tensor> {
    let mut parameters = parameters.iter();
    let lanes = parameters.as_slice().last().is_some_and(|bias| bias.dim() == 2);
    let mut x = inputs.shallow_clone();
    for layer in layers {
        x = match layer {
            Layer::Flatten => x.f_flatten(if lanes { 2 } else { 1 }, -1)?,
            Layer::Relu => x.f_relu()?,
            Layer::Linear { .. } => {
                let weight = parameters.next().expect("a linear layer has a weight");
                let bias = parameters.next().expect("a linear layer has a bias");
                linear(&x, weight, bias)?
            }
        };
    }
    Ok(x)
}

fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    Ok(match weight.dim() {
        2 => bias.f_addmm(x, &weight.f_transpose(0, 1)?)?,
        _ => bias.f_unsqueeze(1)?.f_baddbmm(x, &weight.f_transpose(1, 2)?, 1.0, 1.0)?,
    })
}
