//! First and second derivatives of a masked network by its weights.

use super::Subject;
use crate::{
    error::Result,
    mask::Mask,
    nn::{Mode, Tensors, forward, losses},
};
use std::collections::HashSet;
use tch::{Kind, Tensor};

/// Examples differentiated at a time: the second derivative keeps the whole graph of the first in memory.
const TOGETHER: i64 = 256;

/// Scores look at a network as its evaluation does (ganguli-lab's convention): they move no running statistics.
const MODE: Mode = Mode::Evaluate;

/// A network as it is with its mask: dead weights are 0, and weights are leaves that derivatives are taken by.
pub(super) struct Masked<'a> {
    subject: &'a Subject,
    /// All its tensors.
    tensors: Tensors,
    /// Those that are weights.
    weights: Vec<Tensor>,
}

impl<'a> Masked<'a> {
    pub(super) fn new(subject: &'a Subject, mask: &Mask) -> Result<Self> {
        Self::of(subject, &subject.parameters, mask)
    }

    /// With every parameter replaced by its size.
    pub(super) fn positive(subject: &'a Subject, mask: &Mask) -> Result<Self> {
        Self::of(subject, &subject.parameters.f_abs()?, mask)
    }

    fn of(subject: &'a Subject, parameters: &Tensor, mask: &Mask) -> Result<Self> {
        let flat = parameters.f_detach_copy()?;
        let _ = subject.layout.trained_part(&flat)?.f_mul_(&subject.flat(mask)?)?;
        let tensors = subject.layout.tensors(&flat)?;
        let names: HashSet<String> =
            subject.architecture.weights().into_iter().map(|tensor| tensor.name).collect();
        let trained = subject.layout.trained().iter().zip(&tensors.trained);
        let weights = trained.filter(|(entry, _)| names.contains(&entry.name));
        let weights = weights.map(|(_, tensor)| tensor.shallow_clone()).collect();
        Ok(Self { subject, tensors, weights })
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
            let mut along = Tensor::f_zeros([], (self.subject.parameters.kind(), loss.device()))?;
            for (gradient, direction) in gradients.iter().zip(direction) {
                along = along.f_add(&gradient.f_mul(&direction.f_detach()?)?.f_sum(None::<Kind>)?)?;
            }
            Ok(Tensor::f_run_backward(&[&along], &self.weights, false, false)?)
        })
    }

    /// Gradients of the sum of the outputs for one input of ones.
    pub(super) fn flow_gradients(&self) -> Result<Vec<Tensor>> {
        let parameters = &self.subject.parameters;
        let [channels, height, width] = self.subject.architecture.input.map(i64::from);
        let ones = Tensor::f_ones([1, channels, height, width], (parameters.kind(), parameters.device()))?;
        let outputs = forward(&self.subject.architecture.layers, &self.tensors, &ones, MODE)?;
        let flow = outputs.f_sum(None::<Kind>)?;
        Ok(Tensor::f_run_backward(&[&flow], &self.weights, false, false)?)
    }

    /// A number for each weight, of `derivative` and the weight itself; on the host.
    pub(super) fn read(
        &self,
        derivative: &[Tensor],
        number: impl Fn(f64, f64) -> f64,
    ) -> Result<Vec<Vec<f64>>> {
        let layers = derivative.iter().zip(&self.weights).map(|(derivative, weight)| {
            let (derivative, weight) = (host(derivative)?, host(weight)?);
            Ok(derivative.into_iter().zip(weight).map(|(a, b)| number(a, b)).collect())
        });
        layers.collect()
    }

    /// The mean cross-entropy itself.
    pub(super) fn loss_of(&self, (images, labels): &(Tensor, Tensor), temperature: f64) -> Result<f64> {
        Ok(self.loss(images, labels, temperature)?.f_double_value(&[])?)
    }

    fn loss(&self, images: &Tensor, labels: &Tensor, temperature: f64) -> Result<Tensor> {
        let logits = forward(&self.subject.architecture.layers, &self.tensors, images, MODE)?;
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
