//! The forward pass: from inputs to logits.

use super::{Tensors, Way, ways};
use crate::error::Result;
use std::slice::Iter;
use tch::{Kind, Tensor, no_grad_guard};
use tombola_spec::arch::Layer;

/// Added to a variance before its root is divided by, PyTorch's default.
const EPS: f64 = 1e-5;
/// Share of a batch in the running statistics, PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Batch normalization goes by the batch, and moves the running statistics.
    Train,
    /// The same, with this share of the batch in the running statistics.
    Collect(f64),
    /// Batch normalization goes by the running statistics.
    Evaluate,
}

/// Logits of `inputs`.
///
/// Plain: inputs `[N, …]`, weights `[out, in]`, logits `[N, classes]`. With B lanes: inputs `[B, N, …]`, weights
/// `[B, out, in]`, logits `[B, N, classes]`. Between convolutions lanes are groups of channels, `[N, B * C, H, W]`.
pub(crate) fn forward(layers: &[Layer], tensors: &Tensors, inputs: &Tensor, mode: Mode) -> Result<Tensor> {
    forward_dropping(layers, tensors, inputs, mode, &[])
}

/// Logits of `inputs` where some values are dropped: `factors` has one tensor for each dropout layer, `[N, width]` or
/// `[B, N, width]`, by which its inputs are multiplied; or none, then nothing is dropped.
pub(crate) fn forward_dropping(
    layers: &[Layer],
    tensors: &Tensors,
    inputs: &Tensor,
    mode: Mode,
    factors: &[Tensor],
) -> Result<Tensor> {
    let Tensors { trained, statistics, lanes, products, ways } = tensors;
    let (trained, statistics, factors) = (trained.iter(), statistics.iter(), factors.iter());
    let (lanes, products, ways) = (*lanes, *products, ways.iter());
    Pass { trained, statistics, factors, lanes, products, ways, mode }.run(layers, inputs)
}

/// A pass on its way; layers take their tensors in turn.
struct Pass<'a> {
    trained: Iter<'a, Tensor>,
    statistics: Iter<'a, Tensor>,
    factors: Iter<'a, Tensor>,
    /// `None` = plain.
    lanes: Option<i64>,
    /// Number format of convolutions and linear layers; `None` = that of their inputs.
    products: Option<Kind>,
    /// Those of the convolutions of lanes.
    ways: ways::Iter<'a>,
    mode: Mode,
}

impl<'a> Pass<'a> {
    fn run(&mut self, layers: &[Layer], inputs: &Tensor) -> Result<Tensor> {
        let mut x = inputs.shallow_clone();
        // Whether nobody else looks at what `x` is: neither the caller nor, going back, the layer that made it.
        let mut own = false;
        for layer in layers {
            x = match layer {
                // In place: new memory for large activations costs about as much as rectifying them (`benches/LOG.md`).
                Layer::Relu if own => x.f_relu_()?,
                _ => self.layer(layer, &x)?,
            };
            // The same memory may come out of these.
            own |= !matches!(layer, Layer::Flatten | Layer::Dropout { .. });
        }
        Ok(x)
    }

    fn layer(&mut self, layer: &Layer, x: &Tensor) -> Result<Tensor> {
        Ok(match layer {
            Layer::Flatten => self.rows(x)?,
            Layer::Relu => x.f_relu()?,
            Layer::Dropout { .. } => match self.factors.next() {
                Some(factors) => x.f_mul(factors)?,
                None => x.shallow_clone(),
            },
            Layer::MaxPool { size, stride, padding } => {
                let [size, stride, padding] = [*size, *stride, *padding].map(|n| [i64::from(n); 2]);
                x.f_max_pool2d(size, stride, padding, [1; 2], false)?
            }
            Layer::AvgPool { size } => {
                let size = [i64::from(*size); 2];
                x.f_avg_pool2d(size, size, [0; 2], false, true, None)?
            }
            Layer::GlobalAvgPool => self.rows(&x.f_mean_dim([2i64, 3].as_slice(), true, None::<Kind>)?)?,
            Layer::Linear { .. } => {
                let (weight, bias) = (self.trained(), self.trained());
                let (weight, bias) = (self.lowered(weight)?, self.lowered(bias)?);
                linear(&self.lowered(x)?, &weight, &bias)?.f_to_kind(x.kind())?
            }
            Layer::Conv { stride, padding, bias, .. } => {
                let (weight, bias) = (self.trained(), bias.then(|| self.trained()));
                let (weight, bias) =
                    (self.lowered(weight)?, bias.map(|bias| self.lowered(bias)).transpose()?);
                let (stride, padding) = (i64::from(*stride), i64::from(*padding));
                let y = self.convolution(&self.lowered(x)?, &weight, bias.as_ref(), stride, padding)?;
                y.f_to_kind(x.kind())?
            }
            Layer::BatchNorm { .. } => self.batch_norm(x)?,
            Layer::Residual { body, shortcut } => {
                let through = self.run(body, x)?;
                through.f_add(&self.run(shortcut, x)?)?
            }
        })
    }

    fn trained(&mut self) -> &'a Tensor {
        self.trained.next().expect("every layer has its parameters")
    }

    /// A tensor in the format of products; autograd leads its gradient back to its own.
    fn lowered(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(match self.products {
            Some(kind) => tensor.f_to_kind(kind)?,
            None => tensor.shallow_clone(),
        })
    }

    fn statistic(&mut self) -> &'a Tensor {
        self.statistics.next().expect("every batch normalization has its statistics")
    }

    /// Examples as rows: `[N, …]` or, of lanes, `[B, N, …]`.
    fn rows(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match self.lanes {
            None => x.f_flatten(1, -1)?,
            Some(lanes) if x.dim() == 4 => {
                x.f_reshape([x.size()[0], lanes, -1])?.f_transpose(0, 1)?.f_contiguous()?
            }
            Some(_) => x.f_flatten(2, -1)?,
        })
    }

    fn convolution(
        &mut self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: i64,
        padding: i64,
    ) -> Result<Tensor> {
        let (strides, paddings) = ([stride; 2], [padding; 2]);
        let plain = |x: &Tensor, weight: &Tensor, bias: Option<&Tensor>| -> Result<Tensor> {
            Ok(channels_innermost(x)?.f_conv2d(weight, bias, strides, paddings, [1; 2], 1)?)
        };
        let Some(lanes) = self.lanes else { return plain(x, weight, bias) };
        if self.ways.next() == Way::Apart {
            let one = |lane: i64| -> Result<Tensor> {
                let bias = bias.map(|bias| bias.f_get(lane)).transpose()?;
                plain(&images_of(x, lane, lanes)?, &weight.f_get(lane)?, bias.as_ref())
            };
            return Ok(Tensor::f_cat(&(0..lanes).map(one).collect::<Result<Vec<_>>>()?, 1)?);
        }
        // The images of each lane, side by side.
        let x = if x.dim() == 5 { x.f_transpose(0, 1)?.f_flatten(1, 2)? } else { x.shallow_clone() };
        let bias = bias.map(side_by_side).transpose()?;
        Ok(x.f_conv2d(&side_by_side(weight)?, bias, strides, paddings, [1; 2], lanes)?)
    }

    fn batch_norm(&mut self, x: &Tensor) -> Result<Tensor> {
        let (scale, shift) = (self.trained(), self.trained());
        let statistics = [self.statistic(), self.statistic()];
        let Some(_) = self.lanes else { return normalize(x, [scale, shift], statistics, self.mode) };
        // Copies, for libtorch moves the statistics it is given, and those of lanes do not lie side by side.
        let copy = |all: &Tensor| -> Result<Tensor> { Ok(all.f_detach_copy()?.f_flatten(0, 1)?) };
        let moved = [copy(statistics[0])?, copy(statistics[1])?];
        let terms = [&side_by_side(scale)?, &side_by_side(shift)?];
        let y = normalize(x, terms, [&moved[0], &moved[1]], self.mode)?;
        if self.mode != Mode::Evaluate {
            let _guard = no_grad_guard();
            for (all, moved) in statistics.into_iter().zip(&moved) {
                all.shallow_clone().f_copy_(&moved.f_view_as(all)?)?;
            }
        }
        Ok(y)
    }
}

/// The images of a lane, `[N, C, H, W]`, of `[B, N, C, H, W]` or `[N, B * C, H, W]`.
fn images_of(x: &Tensor, lane: i64, lanes: i64) -> Result<Tensor> {
    if x.dim() == 5 {
        return Ok(x.f_get(lane)?);
    }
    let channels = x.size()[1] / lanes;
    Ok(x.f_narrow(1, lane * channels, channels)?)
}

/// The same `[N, C, H, W]` in the order of memory that convolutions of f32 and bf16 on a CPU are fastest in; what comes of it keeps
/// that order, up to the first linear layer, so that a network pays for one copy (`benches/LOG.md`). On a GPU it is taken for
/// the faster one, which was not measured.
fn channels_innermost(x: &Tensor) -> Result<Tensor> {
    let gains = x.kind() != Kind::Double;
    // One channel has no order: the second convolution of such images is the first to be told.
    if !gains || x.size()[1] == 1 || x.stride()[1] == 1 {
        return Ok(x.shallow_clone());
    }
    Ok(x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}

/// `[B, C, …]` as `[B * C, …]`.
fn side_by_side(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_flatten(0, 1)?)
}

fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    Ok(match weight.dim() {
        2 => bias.f_addmm(x, &weight.f_transpose(0, 1)?)?,
        _ => bias.f_unsqueeze(1)?.f_baddbmm(x, &weight.f_transpose(1, 2)?, 1.0, 1.0)?,
    })
}

/// Batch normalization of `[N, C, H, W]`; the statistics `[C]` are moved in training.
fn normalize(
    x: &Tensor,
    [scale, shift]: [&Tensor; 2],
    [mean, variance]: [&Tensor; 2],
    mode: Mode,
) -> Result<Tensor> {
    let (train, share) = match mode {
        Mode::Train => (true, MOMENTUM),
        Mode::Collect(share) => (true, share),
        Mode::Evaluate => (false, 0.0),
    };
    Ok(x.f_batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), train, share, EPS, true)?)
}
