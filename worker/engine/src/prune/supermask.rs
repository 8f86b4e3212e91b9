//! Supermask: a mask learned by gradient descent, of weights that stay as they are (Zhou et al., arXiv 1905.01067,
//! section 4, and its released code).
//!
//! A weight lives with probability sigmoid(v). Each update samples a mask and a batch, and moves the logits v by the gradient
//! of the loss, taken as if the mask that was sampled were its expectation (straight-through). The score of a weight is its v.

use super::{Criterion, Lessons, Subject, gradients::Masked, gradients::host};
use crate::{
    error::{EngineError, Result},
    mask::{Mask, MaskLayer},
    nn::Entry,
    random::{Purpose, Random},
};
use tch::{Kind, Tensor};
use tombola_spec::job::Stream;

/// Steps of a draw: it has 16 bits, a quarter of a random number.
const STEPS: f32 = 65_536.0;

/// How the logits are learned, and what they are at the end.
pub(super) struct Supermask {
    pub(super) iterations: u32,
    pub(super) batch: u32,
    pub(super) lr: f64,
    pub(super) momentum: f64,
    pub(super) rescale: bool,
    pub(super) logits: Option<Vec<Vec<f64>>>,
}

impl Criterion for Supermask {
    fn learn(&mut self, subject: &Subject, mask: &Mask, lessons: &Lessons<'_>) -> Result<bool> {
        let mut layers = layers(subject, mask)?;
        let mut batches = Batches::new(subject.examples()?, self.batch, lessons.stream);
        for done in 0..self.iterations {
            self.update(subject, &mut layers, &batches.next()?, lessons.stream, done)?;
            if !(lessons.learned)(done + 1) {
                return Ok(false);
            }
        }
        self.logits = Some(layers.iter().map(|layer| host(&layer.logits)).collect::<Result<_>>()?);
        Ok(true)
    }

    fn lessons(&self) -> u32 {
        self.iterations
    }

    fn score(&self, _subject: &Subject, _mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let unlearned = || EngineError::Settings("a supermask was to score before it was learned".to_owned());
        self.logits.clone().ok_or_else(unlearned)
    }
}

impl Supermask {
    /// One update of all logits.
    fn update(
        &self,
        subject: &Subject,
        layers: &mut [Layer],
        batch: &(Tensor, Tensor),
        stream: &Stream,
        iteration: u32,
    ) -> Result<()> {
        let sample = |layer: &Layer| layer.sample(stream, iteration, self.rescale);
        let sampled: Vec<Sampled> = layers.iter().map(sample).collect::<Result<_>>()?;
        let network = Masked::multiplied(subject, &factors(subject, layers, &sampled)?)?;
        let gradients = network.loss_gradients(batch, 1.0)?;
        for ((layer, sampled), gradient) in layers.iter_mut().zip(&sampled).zip(&gradients) {
            let gradient = layer.gradient(sampled, gradient)?;
            layer.velocity = layer.velocity.f_mul_scalar(self.momentum)?.f_add(&gradient)?;
            layer.logits = layer.logits.f_sub(&layer.velocity.f_mul_scalar(self.lr)?)?;
        }
        Ok(())
    }
}

/// The logits of one weight tensor.
struct Layer {
    name: String,
    /// The weights, which stay.
    weights: Tensor,
    /// 1 where the prune step found a weight living.
    living: Tensor,
    /// Whether the prune step may cut it: one that it may not is left as it is found.
    learns: bool,
    logits: Tensor,
    /// Momentum of the logits.
    velocity: Tensor,
}

/// A mask of one weight tensor, sampled.
struct Sampled {
    /// 1 where a weight lives in this update.
    mask: Tensor,
    /// Living weights of the prune step by those of the sample; `None` = weights are not rescaled.
    scale: Option<f64>,
}

/// One for each weight tensor; every weight's chances are even at first.
fn layers(subject: &Subject, mask: &Mask) -> Result<Vec<Layer>> {
    let flat = subject.flat(mask)?;
    let layer = |found: &MaskLayer| -> Result<Layer> {
        let entry = subject.entry(&found.name)?;
        let view = |flat: &Tensor| -> Result<Tensor> {
            Ok(flat.f_narrow(0, entry.offset as i64, entry.len as i64)?.f_view(entry.shape.as_slice())?)
        };
        let (weights, living) = (view(&subject.values)?, view(&flat)?);
        let (logits, velocity) = (living.f_zeros_like()?, living.f_zeros_like()?);
        Ok(Layer { name: found.name.clone(), weights, living, learns: found.prunable, logits, velocity })
    };
    mask.layers.iter().map(layer).collect()
}

/// What all that is trained is multiplied by in one update, `[T]`.
fn factors(subject: &Subject, layers: &[Layer], sampled: &[Sampled]) -> Result<Tensor> {
    let options = (subject.values.kind(), subject.values.device());
    let factor = |entry: &Entry| -> Result<Tensor> {
        match layers.iter().zip(sampled).find(|(layer, _)| layer.name == entry.name) {
            Some((_, Sampled { mask, scale })) => {
                Ok(mask.f_mul_scalar(scale.unwrap_or(1.0))?.f_flatten(0, -1)?)
            }
            None => Ok(Tensor::f_ones([entry.len as i64], options)?),
        }
    };
    let factors: Vec<Tensor> = subject.layout.trained().iter().map(factor).collect::<Result<_>>()?;
    Ok(Tensor::f_cat(&factors, 0)?)
}

impl Layer {
    /// The mask of an update.
    fn sample(&self, stream: &Stream, iteration: u32, rescale: bool) -> Result<Sampled> {
        if !self.learns {
            return Ok(Sampled { mask: self.living.shallow_clone(), scale: None });
        }
        let mut random = Random::new(Purpose::Supermask, stream, &self.name, iteration.into());
        let draws = Tensor::f_from_slice(&draws(&mut random, self.living.numel()))?;
        // From f32 to f64 exactly: a draw is the same in both.
        let draws = draws.f_view_as(&self.living)?.f_to(self.living.device())?;
        let draws = draws.f_to_kind(self.living.kind())?;
        let mask = draws.f_lt_tensor(&self.logits.f_sigmoid()?)?;
        let mask = mask.f_to_kind(self.living.kind())?.f_mul(&self.living)?;
        let scale = rescale.then(|| -> Result<f64> { Ok(sum(&self.living)? / sum(&mask)?.max(1.0)) });
        Ok(Sampled { mask, scale: scale.transpose()? })
    }

    /// The gradient of the logits, from that of what the weights were multiplied to.
    fn gradient(&self, sampled: &Sampled, gradient: &Tensor) -> Result<Tensor> {
        if !self.learns {
            return Ok(self.logits.f_zeros_like()?);
        }
        let felt = gradient.f_mul(&self.weights)?.f_mul(&self.living)?;
        let by_mask = match sampled.scale {
            None => felt,
            // A weight more makes the scale of all smaller.
            Some(scale) => {
                let shared = sum(&felt.f_mul(&sampled.mask)?)? / sum(&sampled.mask)?.max(1.0);
                felt.f_sub_scalar(shared)?.f_mul_scalar(scale)?.f_mul(&self.living)?
            }
        };
        let chance = self.logits.f_sigmoid()?;
        Ok(by_mask.f_mul(&chance)?.f_mul(&chance.f_neg()?.f_add_scalar(1.0)?)?)
    }
}

fn sum(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.f_sum(Kind::Double)?.f_double_value(&[])?)
}

/// Draws between 0 and 1, each in the middle of its step.
fn draws(random: &mut Random, count: usize) -> Vec<f32> {
    let mut draws = Vec::with_capacity(count.next_multiple_of(4));
    while draws.len() < count {
        let bits = random.next_u64();
        draws.extend([0, 16, 32, 48].map(|shift| (f32::from((bits >> shift) as u16) + 0.5) / STEPS));
    }
    draws.truncate(count);
    draws
}

/// Batches of the score data: each pass over them in an order of its own, without what does not fill a batch.
struct Batches<'a> {
    examples: &'a (Tensor, Tensor),
    stream: &'a Stream,
    count: u32,
    batch: u32,
    /// Passes begun.
    passes: u64,
    /// What is left of this one.
    left: Vec<i64>,
}

impl<'a> Batches<'a> {
    fn new(examples: &'a (Tensor, Tensor), batch: u32, stream: &'a Stream) -> Self {
        let count = examples.1.size()[0] as u32;
        Self { examples, stream, count, batch: batch.min(count), passes: 0, left: Vec::new() }
    }

    fn next(&mut self) -> Result<(Tensor, Tensor)> {
        let batch = self.batch as usize;
        if self.left.len() < batch {
            // Weights have names, and draw by them.
            let mut random = Random::new(Purpose::Supermask, self.stream, "", self.passes);
            self.left = random.permutation(self.count).into_iter().map(i64::from).collect();
            self.passes += 1;
        }
        let rows = self.left.split_off(self.left.len() - batch);
        let (images, labels) = self.examples;
        let rows = Tensor::f_from_slice(&rows)?.f_to(labels.device())?;
        Ok((images.f_index_select(0, &rows)?, labels.f_index_select(0, &rows)?))
    }
}
