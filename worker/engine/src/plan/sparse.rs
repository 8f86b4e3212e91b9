//! Plan `cpu-sparse`: a lane of a perceptron, or of plain convolutions before one, on a thread of its own, of which only living
//! weights are computed with.
//!
//! What a mask has cut is nowhere in memory: weights, gradients and optimizer state are packed. Chosen lane by lane in a
//! pack of plan `cpu-lanes`, by [`suits`]. Beside the order of sums, two things differ from a dense lane: a dead weight times
//! infinity is nothing here and NaN there, and an evaluation's losses are added up in f64 rather than in the lane's format.

use super::{Common, Drive, LaneStart, Pack, Part, Score, Snapshot};
use crate::{
    error::{EngineError, Result},
    mask::Mask,
    nn::{Batch, Scratch, Sparse},
    optim::{Memory, Pace, clip},
    simd::{Real, fuses, slice, slice_mut},
};
use std::ops::Range;
use tch::Tensor;
use tombola_spec::{
    flops,
    settings::{Dtype, Recipe},
};

/// Living share of the multiplications, times what a batch is padded by, from which on dense products on one thread are faster.
/// Measured in f32 and batches of 60, padded to 64: between 51 and 64 % of LeNet-300-100's, between 40 and 79 % of Conv-2's,
/// where a line through what was measured crosses at 59 % (`benches/LOG.md`).
pub(crate) const BREAK_EVEN: f64 = 0.6;

/// Whether a lane is computed like this. That follows from its network, mask, batch, number format, whether the processor fuses
/// multiplications with additions, and the threads of the slot, never from load. Batches are padded to whole vectors, so that a
/// small one has to be sparser; dense products use all of a slot's threads, this one; f64, which was not measured, has half as
/// many numbers in a vector.
pub(crate) fn suits(recipe: &Recipe, mask: Option<&Mask>, threads: u32, below: f64) -> Result<bool> {
    let (Some(mask), architecture) = (mask, recipe.architecture()?) else { return Ok(false) };
    let total = architecture.multiply_adds();
    let living = flops::theoretical(total, &architecture, &mask.counts().layers);
    let batch = recipe.train.batch.max(1);
    let padded = f64::from(batch.next_multiple_of(crate::simd::ABREAST as u32)) / f64::from(batch);
    let cost = match recipe.dtype {
        Dtype::F64 => 2.0,
        Dtype::F32 | Dtype::Bf16 | Dtype::Tf32 => 1.0,
    };
    let sparse = living as f64 / total as f64 * padded * cost * f64::from(threads) < below;
    let plain = super::products_of(recipe.dtype).is_none();
    Ok(sparse && plain && fuses() && Sparse::knows(&architecture))
}

/// One lane in host memory.
pub(crate) struct Living<T> {
    common: Common,
    net: Sparse,
    scratch: Scratch<T>,
    /// What is packed, each of [`Sparse::living`]'s length.
    weights: Vec<T>,
    grads: Vec<T>,
    state: Vec<Vec<T>>,
    /// Where it moves: packed ranges.
    moving: Vec<Range<usize>>,
    loss_sum: f64,
}

impl<T: Real> Living<T> {
    /// A lane that starts from `start`.
    ///
    /// # Errors
    /// When its network is another one or it has no mask.
    pub(crate) fn new(common: Common, start: &LaneStart) -> Result<Self> {
        let net = start
            .mask
            .as_ref()
            .and_then(|mask| Sparse::new(&common.architecture, &common.layout, slice::<T>(mask)));
        let net = net.ok_or_else(|| {
            EngineError::Settings(format!("`{}` cannot be computed sparsely", common.architecture.name))
        })?;
        let packed = |flat: &Tensor| -> Vec<T> {
            let flat = slice::<T>(flat);
            net.living().iter().map(|&at| flat[at as usize]).collect()
        };
        let Snapshot { weights, state } = &start.memory;
        let (weights, state): (_, Vec<_>) = (packed(weights), state.iter().map(packed).collect());
        let moving = moving(net.living(), common.parts.moving());
        let (scratch, grads) = (Scratch::of(&net), vec![T::default(); weights.len()]);
        Ok(Self { common, net, scratch, weights, grads, state, moving, loss_sum: 0.0 })
    }

    fn update(&mut self, batch: Batch<'_, T>, pace: Pace) {
        let Self { common, net, scratch, weights, grads, state, moving, .. } = self;
        self.loss_sum += net.step(scratch, batch, weights, grads);
        if let Some(most) = common.rule.clip {
            let square = |range: &Range<usize>| clip::sum_of_squares(&grads[range.clone()], None);
            let factor = T::of(clip::factor(most, moving.iter().map(square).sum()));
            for range in moving.iter() {
                grads[range.clone()].iter_mut().for_each(|grad| *grad = *grad * factor);
            }
        }
        for range in moving {
            let memory = Memory {
                weights: &mut weights[range.clone()],
                grads: &grads[range.clone()],
                mask: None,
                state: state.iter_mut().map(|buffer| &mut buffer[range.clone()]).collect(),
            };
            common.rule.update(pace, memory);
        }
    }

    /// The packed values where they belong, in `[len]`; everything else is dead, that is 0.
    fn unpacked(&self, packed: &[T], len: usize) -> Result<Tensor> {
        let mut flat = Tensor::f_zeros([len as i64], (self.common.kind, tch::Device::Cpu))?;
        let values = slice_mut::<T>(&mut flat);
        self.net.living().iter().zip(packed).for_each(|(&at, &value)| values[at as usize] = value);
        Ok(flat)
    }
}

/// Packed ranges of what lies in `flat` ranges; neighbours are one range. (These networks have no scales, on which there is L1.)
fn moving(living: &[u32], flat: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut packed: Vec<Range<usize>> = Vec::new();
    for (at, &place) in living.iter().enumerate() {
        if flat.iter().any(|range| range.contains(&(place as usize))) {
            match packed.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => packed.push(at..at + 1),
            }
        }
    }
    packed
}

impl<T: Real> Pack for Living<T> {
    fn width(&self) -> usize {
        1
    }

    fn advance(&mut self, drive: &Drive) -> Result<()> {
        if drive.views.is_empty() {
            let (images, labels) = self.common.examples.all();
            let images = images.f_contiguous()?;
            let mut rows = &drive.rows[..];
            for (&size, &pace) in drive.sizes.iter().zip(&drive.paces) {
                let (lines, rest) = rows.split_at(size as usize);
                rows = rest;
                self.update(Batch { source: slice(&images), labels: slice(&labels), lines }, pace);
            }
            return Ok(());
        }
        let all: Vec<_> = drive.seen(1, None, &self.common)?.collect::<Result<_>>()?;
        for (seen, &pace) in all.iter().zip(&drive.paces) {
            let (images, labels) = self.common.examples.batch(&seen.rows, seen.views.as_ref())?;
            let (images, lines) = (images.f_contiguous()?, (0..labels.size()[0]).collect::<Vec<_>>());
            self.update(Batch { source: slice(&images), labels: slice(&labels), lines: &lines }, pace);
        }
        Ok(())
    }

    fn loss_sums(&self) -> Result<Vec<f64>> {
        Ok(vec![self.loss_sum])
    }

    fn losses_are_at_hand(&self) -> bool {
        true
    }

    fn set_loss_sum(&mut self, _lane: usize, sum: f64) -> Result<()> {
        self.loss_sum = sum;
        Ok(())
    }

    fn evaluate(&self, part: Part) -> Result<Option<Vec<Score>>> {
        let (images, labels) = self.common.examples.part(part);
        let lines: Vec<i64> = (0..labels.size()[0]).collect();
        let images = images.f_contiguous()?;
        let batch = Batch { source: slice(&images), labels: slice(labels), lines: &lines };
        let (loss, rights) = self.net.tally(&mut Scratch::of(&self.net), batch, &self.weights);
        let mean = |sum: f64| sum / lines.len() as f64;
        let score = Score { loss: mean(loss), accuracy: mean(rights as f64) };
        Ok((!lines.is_empty()).then(|| vec![score]))
    }

    fn snapshot(&self, _lane: usize) -> Result<Snapshot> {
        let layout = &self.common.layout;
        let state = self.state.iter().map(|buffer| self.unpacked(buffer, layout.trained_len));
        Ok(Snapshot {
            weights: self.unpacked(&self.weights, layout.len)?,
            state: state.collect::<Result<_>>()?,
        })
    }
}
