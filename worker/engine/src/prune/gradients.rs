//! First and second derivatives of a masked network by its weights.

use super::Subject;
use crate::{
    error::Result,
    mask::Mask,
    nn::{Mode, Tensors, forward, losses},
};
use tch::{Kind, Tensor};

/// Examples differentiated at a time: the second derivative keeps the whole graph of the first in memory.
const TOGETHER: i64 = 256;

/// A network as it is with its mask: dead weights are 0, and weights are leaves that derivatives are taken by.
pub(super) struct Masked<'a> {
    subject: &'a Subject,
    tensors: Tensors,
    /// Those that are weights.
    weights: Vec<Tensor>,
}

impl<'a> Masked<'a> {
    pub(super) fn new(subject: &'a Subject, mask: &Mask) -> Result<Self> {
        Self::of(subject, &subject.values, &subject.flat(mask)?)
    }

    /// With what is trained multiplied by `factors`, `[T]`.
    pub(super) fn multiplied(subject: &'a Subject, factors: &Tensor) -> Result<Self> {
        Self::of(subject, &subject.values, factors)
    }

    /// With every number replaced by its size, running statistics too.
    pub(super) fn positive(subject: &'a Subject, mask: &Mask) -> Result<Self> {
        Self::of(subject, &subject.values.f_abs()?, &subject.flat(mask)?)
    }

    fn of(subject: &'a Subject, values: &Tensor, factors: &Tensor) -> Result<Self> {
        let layout = &subject.layout;
        // A copy: a pass in training mode moves running statistics.
        let flat = values.f_detach_copy()?;
        let _ = layout.trained_part(&flat)?.f_mul_(factors)?;
        let tensors = layout.tensors(&flat)?;
        let weights = subject.architecture.weights();
        let is_weight = |name: &str| weights.iter().any(|weight| weight.name == name);
        let trained = layout.trained().iter().zip(&tensors.trained);
        let weights =
            trained.filter(|(entry, _)| is_weight(&entry.name)).map(|(_, tensor)| tensor.shallow_clone());
        Ok(Self { subject, weights: weights.collect(), tensors })
    }

    /// Gradients of the mean cross-entropy over the examples, logits divided by `temperature`; one per weight tensor.
    pub(super) fn loss_gradients(
        &self,
        examples: &(Tensor, Tensor),
        temperature: f64,
    ) -> Result<Vec<Tensor>> {
        self.over_batches(examples, |images, labels, share| {
            let loss = self.loss(images, labels, temperature)?.f_mul_scalar(share)?;
            Ok(Tensor::f_run_backward(&[&loss], &self.weights, false, false)?)
        })
    }

    /// The Hessian of the same loss times `direction`, a constant.
    pub(super) fn hessian_times(
        &self,
        direction: &[Tensor],
        examples: &(Tensor, Tensor),
        temperature: f64,
    ) -> Result<Vec<Tensor>> {
        self.over_batches(examples, |images, labels, share| {
            let loss = self.loss(images, labels, temperature)?.f_mul_scalar(share)?;
            let gradients = Tensor::f_run_backward(&[&loss], &self.weights, true, true)?;
            let mut along = Tensor::f_zeros([], (self.subject.values.kind(), loss.device()))?;
            for (gradient, direction) in gradients.iter().zip(direction) {
                along = along.f_add(&gradient.f_mul(&direction.f_detach()?)?.f_sum(None::<Kind>)?)?;
            }
            Ok(Tensor::f_run_backward(&[&along], &self.weights, false, false)?)
        })
    }

    /// Gradients of the sum of the outputs for one input of ones.
    pub(super) fn flow_gradients(&self) -> Result<Vec<Tensor>> {
        let values = &self.subject.values;
        let [channels, height, width] = self.subject.architecture.input.map(i64::from);
        let ones = Tensor::f_ones([1, channels, height, width], (values.kind(), values.device()))?;
        // By running statistics: normalized by itself, one constant image has no signal left.
        let outputs = forward(&self.subject.architecture.layers, &self.tensors, &ones, Mode::Evaluate)?;
        let flow = outputs.f_sum(None::<Kind>)?;
        Ok(Tensor::f_run_backward(&[&flow], &self.weights, false, false)?)
    }

    /// `derivative` times the weight, for each weight; on the host.
    pub(super) fn times_weights(&self, derivative: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let products = derivative.iter().zip(&self.weights);
        products.map(|(derivative, weight)| host(&derivative.f_mul(&weight.f_detach()?)?)).collect()
    }

    /// The mean cross-entropy itself.
    pub(super) fn loss_of(&self, (images, labels): &(Tensor, Tensor), temperature: f64) -> Result<f64> {
        Ok(self.loss(images, labels, temperature)?.f_double_value(&[])?)
    }

    fn loss(&self, images: &Tensor, labels: &Tensor, temperature: f64) -> Result<Tensor> {
        let logits = forward(&self.subject.architecture.layers, &self.tensors, images, self.subject.mode)?;
        losses(&logits.f_div_scalar(temperature)?, labels)
    }

    /// Sums what `part` gives for each batch, whose share of all examples it is told.
    fn over_batches(
        &self,
        (images, labels): &(Tensor, Tensor),
        part: impl Fn(&Tensor, &Tensor, f64) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        let count = labels.size()[0];
        let mut sums: Vec<Tensor> = self.weights.iter().map(|weight| weight.zeros_like()).collect();
        for from in (0..count).step_by(TOGETHER as usize) {
            let length = TOGETHER.min(count - from);
            let (images, labels) = (images.f_narrow(0, from, length)?, labels.f_narrow(0, from, length)?);
            for (sum, part) in sums.iter_mut().zip(part(&images, &labels, length as f64 / count as f64)?) {
                *sum = sum.f_detach()?.f_add(&part.f_detach()?)?;
            }
        }
        Ok(sums)
    }
}

/// The elements of a tensor in row-major order.
pub(super) fn host(tensor: &Tensor) -> Result<Vec<f64>> {
    let tensor = tensor.f_detach()?.f_to(tch::Device::Cpu)?.f_to_kind(Kind::Double)?.f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

/// Absolute values.
pub(super) fn sizes(mut scores: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    scores.iter_mut().flatten().for_each(|score| *score = score.abs());
    scores
}
