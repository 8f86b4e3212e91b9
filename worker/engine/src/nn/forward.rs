//! The forward pass: from inputs to logits.

use crate::error::Result;
use tch::Tensor;
use tombola_spec::arch::Layer;

/// Logits of `inputs`.
///
/// `parameters` as in `Architecture::parameters`. Plain: inputs `[N, …]`, weights `[out, in]`, logits `[N, classes]`.
/// With B lanes: inputs `[B, N, …]`, weights `[B, out, in]`, logits `[B, N, classes]`. Between convolutions lanes are
/// groups of channels, `[N, B * C, H, W]`.
pub(crate) fn forward(layers: &[Layer], parameters: &[Tensor], inputs: &Tensor) -> Result<Tensor> {
    let mut tensors = parameters.iter();
    let lanes = parameters.last().filter(|bias| bias.dim() == 2).map(|bias| bias.size()[0]);
    let mut pair = || tensors.next().zip(tensors.next()).expect("a layer has a weight and a bias");
    let mut x = inputs.shallow_clone();
    for layer in layers {
        x = match layer {
            Layer::Flatten => flatten(&x, lanes)?,
            Layer::Relu => x.f_relu()?,
            Layer::MaxPool { size } => {
                let size = i64::from(*size);
                x.f_max_pool2d([size; 2], [size; 2], [0; 2], [1; 2], false)?
            }
            Layer::Linear { .. } => linear(&x, pair())?,
            Layer::Conv { stride, padding, .. } => {
                convolution(&x, pair(), lanes, i64::from(*stride), i64::from(*padding))?
            }
        };
    }
    Ok(x)
}

/// Examples as rows: `[N, …]` or, of lanes, `[B, N, …]`.
fn flatten(x: &Tensor, lanes: Option<i64>) -> Result<Tensor> {
    Ok(match lanes {
        None => x.f_flatten(1, -1)?,
        Some(lanes) if x.dim() == 4 => {
            x.f_view([x.size()[0], lanes, -1])?.f_transpose(0, 1)?.f_contiguous()?
        }
        Some(_) => x.f_flatten(2, -1)?,
    })
}

fn linear(x: &Tensor, (weight, bias): (&Tensor, &Tensor)) -> Result<Tensor> {
    Ok(match weight.dim() {
        2 => bias.f_addmm(x, &weight.f_transpose(0, 1)?)?,
        _ => bias.f_unsqueeze(1)?.f_baddbmm(x, &weight.f_transpose(1, 2)?, 1.0, 1.0)?,
    })
}

fn convolution(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    lanes: Option<i64>,
    stride: i64,
    padding: i64,
) -> Result<Tensor> {
    let (strides, paddings) = ([stride; 2], [padding; 2]);
    let Some(lanes) = lanes else {
        return Ok(x.f_conv2d(weight, Some(bias), strides, paddings, [1; 2], 1)?);
    };
    let grouped = |tensor: &Tensor| tensor.f_flatten(0, 1);
    // The images of each lane, side by side.
    let x = if x.dim() == 5 { x.f_transpose(0, 1)?.f_flatten(1, 2)? } else { x.shallow_clone() };
    Ok(x.f_conv2d(&grouped(weight)?, Some(grouped(bias)?), strides, paddings, [1; 2], lanes)?)
}
