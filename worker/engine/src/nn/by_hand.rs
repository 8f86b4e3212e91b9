//! Loss and gradients of a multilayer perceptron by hand, into memory that is there already.
//!
//! Beside the matrix products a step then costs little: autograd's graph, its small operations and its new memory were a
//! fifth of a step of LeNet-300-100 (`benches/LOG.md`).

use super::{
    Layout,
    layout::views,
    loss::CrossEntropy,
    perceptron::{Shape, linears},
};
use crate::{
    error::Result,
    simd::{Real, slice, slice_mut},
};
use tch::{Tensor, no_grad_guard};
use tombola_spec::arch::Architecture;

/// A network of linear layers and rectifiers, bound to the memory of its parameters. Memory for a batch is kept: one of
/// another size costs new memory.
pub(crate) struct ByHand {
    layers: Vec<Linear>,
    /// Gradients of all parameters.
    grads: Tensor,
}

/// A linear layer and the rectifier after it, if there is one.
struct Linear {
    rectified: bool,
    /// `[out, in]`
    weight: Tensor,
    bias: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    /// What it gives for the batch, `[N, out]`.
    output: Tensor,
    /// Gradient of the loss by what goes into the rectifier, `[N, out]`.
    delta: Tensor,
}

impl ByHand {
    /// Bound to the parameters in `flat` `[P]`, for `batch` examples at a time as a rule; `None` for other networks.
    pub(crate) fn new(
        architecture: &Architecture,
        layout: &Layout,
        flat: &Tensor,
        batch: i64,
    ) -> Result<Option<Self>> {
        let grads = layout.trained_part(flat)?.f_zeros_like()?;
        let (weights, derivatives) = (views(layout.trained(), flat)?, views(layout.trained(), &grads)?);
        let mut parameters = weights.into_iter().zip(derivatives);
        let Some(linears) = linears(&architecture.layers) else { return Ok(None) };
        let layer = |Shape { outputs, rectified, .. }| -> Result<Option<Linear>> {
            let (Some((weight, grad_weight)), Some((bias, grad_bias))) =
                (parameters.next(), parameters.next())
            else {
                return Ok(None);
            };
            let output = flat.f_new_zeros([batch, outputs as i64], (flat.kind(), flat.device()))?;
            let delta = output.f_zeros_like()?;
            Ok(Some(Linear { rectified, weight, bias, grad_weight, grad_bias, output, delta }))
        };
        let layers: Option<Vec<Linear>> = linears.into_iter().map(layer).collect::<Result<_>>()?;
        Ok(layers.map(|layers| Self { layers, grads }))
    }

    /// Mean cross-entropy of a batch, in nat; its gradients are in [`ByHand::grads`] then. `images` `[N, …]`, `labels`
    /// `[N]`.
    pub(crate) fn step<T: Real>(&mut self, images: &Tensor, labels: &Tensor) -> Result<f64> {
        let _guard = no_grad_guard();
        let rows = images.f_flatten(1, -1)?;
        let mut input = &rows;
        for layer in &mut self.layers {
            layer.fit(labels.size()[0])?;
            layer.forward::<T>(input)?;
            input = &layer.output;
        }
        let Some(last) = self.layers.last_mut() else { return Ok(0.0) };
        let (labels, logits) = (slice::<i64>(labels), slice::<T>(&last.output));
        let loss =
            CrossEntropy::of(labels.len()).differentiate(logits, labels, slice_mut::<T>(&mut last.delta));
        for index in (0..self.layers.len()).rev() {
            let (before, from) = self.layers.split_at_mut(index);
            let layer = &mut from[0];
            layer.differentiate::<T>(before.last().map_or(&rows, |before| &before.output))?;
            if let Some(before) = before.last_mut() {
                before.take_back::<T>(layer)?;
            }
        }
        Ok(loss / labels.len() as f64)
    }

    /// Gradients of all parameters of the last step, `[P]`.
    pub(crate) fn grads(&self) -> &Tensor {
        &self.grads
    }
}

impl Linear {
    /// Makes room for a batch of this many examples.
    fn fit(&mut self, examples: i64) -> Result<()> {
        let [now, outputs] = self.output.size()[..] else { return Ok(()) };
        if now != examples {
            let shape = [examples, outputs];
            self.output = self.output.f_new_zeros(shape, (self.output.kind(), self.output.device()))?;
            self.delta = self.output.f_zeros_like()?;
        }
        Ok(())
    }

    fn forward<T: Real>(&mut self, input: &Tensor) -> Result<()> {
        let _ = input.f_mm_out(&self.output, &self.weight.f_transpose(0, 1)?)?;
        let bias = slice::<T>(&self.bias);
        let zero = T::default();
        for row in slice_mut::<T>(&mut self.output).chunks_exact_mut(bias.len()) {
            for (value, &bias) in row.iter_mut().zip(bias) {
                let sum = *value + bias;
                // Not the other way round: NaN must stay NaN.
                *value = if self.rectified && sum < zero { zero } else { sum };
            }
        }
        Ok(())
    }

    /// Gradients of weight and bias, from `delta` and the layer's input.
    fn differentiate<T: Real>(&mut self, input: &Tensor) -> Result<()> {
        let _ = self.delta.f_transpose(0, 1)?.f_mm_out(&self.grad_weight, input)?;
        let sums = slice_mut::<T>(&mut self.grad_bias);
        sums.fill(T::default());
        for row in slice::<T>(&self.delta).chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
        }
        Ok(())
    }

    /// `delta`, from that of the layer above.
    fn take_back<T: Real>(&mut self, above: &Self) -> Result<()> {
        let _ = above.delta.f_mm_out(&self.delta, &above.weight)?;
        if self.rectified {
            let zero = T::default();
            let deltas = slice_mut::<T>(&mut self.delta).iter_mut().zip(slice::<T>(&self.output));
            deltas.for_each(|(delta, &output)| *delta = if output <= zero { zero } else { *delta });
        }
        Ok(())
    }
}
