//! Loss and gradients of a multilayer perceptron by hand, into memory that is there already.
//!
//! Beside the matrix products a step then costs little: autograd's graph, its small operations and its new memory were a
//! fifth of a step of LeNet-300-100 (`benches/LOG.md`).

use super::{Layout, layout::views};
use crate::{
    error::Result,
    simd::{Real, slice, slice_mut},
};
use tch::{Tensor, no_grad_guard};
use tombola_spec::arch::{Architecture, Layer};

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
        let mut layers: Vec<Linear> = Vec::new();
        for layer in &architecture.layers {
            match (layer, layers.last_mut()) {
                // Each example is a row from the beginning.
                (Layer::Flatten, _) => {}
                (Layer::Relu, Some(linear)) => linear.rectified = true,
                (Layer::Linear { outputs, .. }, _) => {
                    let (Some((weight, grad_weight)), Some((bias, grad_bias))) =
                        (parameters.next(), parameters.next())
                    else {
                        return Ok(None);
                    };
                    let output =
                        flat.f_new_zeros([batch, i64::from(*outputs)], (flat.kind(), flat.device()))?;
                    let delta = output.f_zeros_like()?;
                    let rectified = false;
                    layers.push(Linear { rectified, weight, bias, grad_weight, grad_bias, output, delta });
                }
                (Layer::Relu, None)
                | (
                    Layer::Conv { .. }
                    | Layer::BatchNorm { .. }
                    | Layer::Residual { .. }
                    | Layer::MaxPool { .. }
                    | Layer::AvgPool { .. }
                    | Layer::GlobalAvgPool
                    | Layer::Dropout { .. },
                    _,
                ) => return Ok(None),
            }
        }
        let complete = layers.last().is_some_and(|last| !last.rectified);
        Ok(complete.then_some(Self { layers, grads }))
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
        let loss = cross_entropy::<T>(&last.output, labels, &mut last.delta);
        for index in (0..self.layers.len()).rev() {
            let (before, from) = self.layers.split_at_mut(index);
            let layer = &mut from[0];
            layer.differentiate::<T>(before.last().map_or(&rows, |before| &before.output))?;
            if let Some(before) = before.last_mut() {
                before.take_back::<T>(layer)?;
            }
        }
        Ok(loss)
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

/// Mean cross-entropy of `logits` `[N, classes]`, and its gradient by them. In f64 whatever the network computes in.
fn cross_entropy<T: Real>(logits: &Tensor, labels: &Tensor, delta: &mut Tensor) -> f64 {
    let labels = slice::<i64>(labels);
    let (logits, deltas) = (slice::<T>(logits), slice_mut::<T>(delta));
    let (count, classes) = (labels.len() as f64, logits.len() / labels.len().max(1));
    let mut shares = vec![0.0; classes];
    let mut loss = 0.0;
    let rows = logits.chunks_exact(classes).zip(deltas.chunks_exact_mut(classes));
    for ((logits, deltas), &label) in rows.zip(labels) {
        let most = logits.iter().fold(f64::NEG_INFINITY, |most, &logit| most.max(logit.into()));
        for (share, &logit) in shares.iter_mut().zip(logits) {
            *share = libm::exp(logit.into() - most);
        }
        let total: f64 = shares.iter().sum();
        let right = label as usize;
        loss += most + libm::log(total) - logits[right].into();
        for (class, (delta, share)) in deltas.iter_mut().zip(&shares).enumerate() {
            let wanted = if class == right { 1.0 } else { 0.0 };
            *delta = T::of((share / total - wanted) / count);
        }
    }
    loss / count
}
