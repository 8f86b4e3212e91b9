//! Plan `cpu-lanes`: a lane on a thread of its own, computed with all its weights, dead ones included.
//!
//! Gradients by hand for perceptrons, else by `run_backward`; then one pass of a Rust kernel over weights, state and mask
//! in raw memory.

use super::{Common, Drive, LaneStart, Pack, Part, Score, Seen, Snapshot};
use crate::{
    error::Result,
    nn::{ByHand, Mode, Tensors, forward, forward_dropping, losses, tally},
    optim::{Memory, Pace, Rule, clip, l1},
    simd::{Real, slice, slice_mut},
};
use std::ops::Range;
use tch::{Kind, Tensor, no_grad_guard};
use tombola_spec::arch::Layer;

/// One lane in host memory. Its thread must have called `tch::set_num_threads(1)`.
pub(crate) struct Lone {
    common: Common,
    held: Held,
    /// What passes go by: views of the weights.
    tensors: Tensors,
    /// How gradients are taken instead, where that is cheaper.
    by_hand: Option<ByHand>,
    loss_sum: f64,
}

/// What training changes, and the mask it keeps to.
struct Held {
    /// `[P]`, running statistics included; the rest is about the trained parameters only, `[T]`.
    weights: Tensor,
    state: Vec<Tensor>,
    mask: Option<Tensor>,
}

impl Lone {
    /// A lane that starts from `start`.
    pub(crate) fn new(common: Common, start: LaneStart) -> Result<Self> {
        let LaneStart { memory: Snapshot { weights, state }, mask, .. } = start;
        let tensors = common.layout.tensors(&weights)?.with_products(common.products);
        let by_hand = match common.products {
            None => ByHand::new(&common.architecture, &common.layout, &weights, common.batch)?,
            // By hand, everything is of one format.
            Some(_) => None,
        };
        Ok(Self { common, held: Held { weights, state, mask }, tensors, by_hand, loss_sum: 0.0 })
    }

    fn update<T: Real>(&mut self, seen: &Seen, pace: Pace) -> Result<()> {
        let Self { common, held, .. } = self;
        let (images, labels) = common.examples.batch(&seen.rows, seen.views.as_ref())?;
        let mut grads = Vec::new();
        if let Some(by_hand) = &mut self.by_hand {
            self.loss_sum += by_hand.step::<T>(&images, &labels)?;
            for range in common.parts.moving() {
                let grad = by_hand.grads().f_narrow(0, range.start as i64, range.len() as i64)?;
                grads.push((range.clone(), grad));
            }
        } else {
            let (layers, mode) = (&common.architecture.layers, common.parts.mode);
            let logits = forward_dropping(layers, &self.tensors, &images, mode, &seen.factors)?;
            let loss = losses(&logits, &labels)?;
            let taken = Tensor::f_run_backward(&[&loss], &self.tensors.trained, false, false)?;
            self.loss_sum += loss.f_double_value(&[])?;
            for (entry, grad) in common.layout.trained().iter().zip(&taken) {
                let range = entry.offset..entry.offset + entry.len;
                if common.parts.moves(&range) {
                    // A no-op for linear layers; a gradient of other strides would be applied to the wrong weights.
                    grads.push((range, grad.f_contiguous()?));
                }
            }
        }
        if common.rule.bn_l1 != 0.0 {
            for (range, grad) in grads.iter_mut().filter(|(range, _)| common.parts.scales(range)) {
                let weights = &slice::<T>(&held.weights)[range.clone()];
                l1::add(common.rule.bn_l1, weights, slice_mut::<T>(grad));
            }
        }
        if let Some(most) = common.rule.clip {
            held.clip::<T>(most, &mut grads);
        }
        for (range, grad) in grads {
            held.update::<T>(&common.rule, range, &grad, pace);
        }
        Ok(())
    }
}

impl Held {
    /// Scales the gradients of all ranges of parameters down to a norm of `most`.
    fn clip<T: Real>(&self, most: f64, grads: &mut [(Range<usize>, Tensor)]) {
        let mask = self.mask.as_ref().map(|mask| slice::<T>(mask));
        let square = |(range, grad): &(Range<usize>, Tensor)| {
            clip::sum_of_squares(slice::<T>(grad), mask.map(|mask| &mask[range.clone()]))
        };
        let factor = T::of(clip::factor(most, grads.iter().map(square).sum()));
        for (_, grad) in grads {
            slice_mut::<T>(grad).iter_mut().for_each(|value| *value = *value * factor);
        }
    }

    /// Updates the parameters in `range` from their gradients.
    fn update<T: Real>(&mut self, rule: &Rule, range: Range<usize>, grads: &Tensor, pace: Pace) {
        let state = self.state.iter_mut().map(|buffer| &mut slice_mut::<T>(buffer)[range.clone()]);
        let memory = Memory {
            state: state.collect(),
            weights: &mut slice_mut::<T>(&mut self.weights)[range.clone()],
            grads: slice::<T>(grads),
            mask: self.mask.as_ref().map(|mask| &slice::<T>(mask)[range]),
        };
        rule.update(pace, memory);
    }
}

/// Loss and accuracy of one network over batches of images and labels; `None` where there are none.
pub(crate) fn evaluate(
    layers: &[Layer],
    tensors: &Tensors,
    batches: impl Iterator<Item = Result<(Tensor, Tensor)>>,
) -> Result<Option<Score>> {
    let _guard = no_grad_guard();
    let (mut loss, mut right, mut count) = (0.0, 0, 0);
    for batch in batches {
        let (images, labels) = batch?;
        let logits = forward(layers, tensors, &images, Mode::Evaluate)?;
        let (losses, rights) = tally(&logits, &labels)?;
        loss += losses.f_double_value(&[])?;
        right += rights.f_int64_value(&[])?;
        count += labels.size()[0];
    }
    let mean = |sum: f64| sum / count as f64;
    Ok((count > 0).then(|| Score { loss: mean(loss), accuracy: mean(right as f64) }))
}

impl Pack for Lone {
    fn width(&self) -> usize {
        1
    }

    fn advance(&mut self, drive: &Drive) -> Result<()> {
        let kind = self.common.kind;
        let all: Vec<Seen> = drive.seen(1, None, &self.common)?.collect::<Result<_>>()?;
        for (seen, &pace) in all.iter().zip(&drive.paces) {
            match kind {
                Kind::Double => self.update::<f64>(seen, pace)?,
                _ => self.update::<f32>(seen, pace)?,
            }
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
        let slices = self.common.examples.slices(part);
        let score = evaluate(&self.common.architecture.layers, &self.tensors, slices)?;
        Ok(score.map(|score| vec![score]))
    }

    fn snapshot(&self, _lane: usize) -> Result<Snapshot> {
        let _guard = no_grad_guard();
        let copy = |tensor: &Tensor| -> Result<Tensor> { Ok(tensor.f_detach_copy()?) };
        Ok(Snapshot {
            weights: copy(&self.held.weights)?,
            state: self.held.state.iter().map(copy).collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        nn::{Layout, Ways},
        plan::{Examples, Parts},
    };
    use tombola_spec::{
        arch::Architecture,
        settings::{Optimizer, Train},
    };

    const BATCH: i64 = 5;

    fn lane(clip: Option<f64>) -> Lone {
        let architecture = Architecture::parse("mnist_lenet_6_5", [1, 3, 3], 4).unwrap();
        let layout = Layout::of(&architecture);
        let pixels: Vec<f64> = (0..20 * 9).map(|n| f64::from(n * 37 % 19) / 9.0 - 1.0).collect();
        let labels: Vec<i64> = (0..20).map(|n| n * 7 % 4).collect();
        let set = || (Tensor::from_slice(&pixels).view([20, 1, 3, 3]), Tensor::from_slice(&labels));
        let optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
        let train = Train { decay: 0.01, clip, ..Train::plain(BATCH as u32, optimizer, 0.0) };
        let weights: Vec<f64> = (0..layout.len).map(|n| (n * 29 % 31) as f64 / 31.0 - 0.5).collect();
        let mask: Vec<f64> = (0..layout.len).map(|n| f64::from(u8::from(n % 3 > 0))).collect();
        let (weights, mask) = (Tensor::from_slice(&weights), Tensor::from_slice(&mask));
        let memory = Snapshot { weights: &weights * &mask, state: vec![weights.zeros_like()] };
        let examples = Examples::new(set(), set(), set());
        let (rule, parts, kind) = (Rule::of(&train), Parts::of(&architecture, &layout, &train), Kind::Double);
        let (dropout, products, ways, batch) = (None, None, Ways::default(), BATCH);
        let common =
            Common { architecture, layout, rule, parts, dropout, examples, kind, products, ways, batch };
        Lone::new(common, LaneStart { memory, mask: Some(mask), sparse: false }).unwrap()
    }

    #[test]
    fn a_lane_trained_by_hand_equals_one_trained_by_autograd() {
        let mut ends = Vec::new();
        for clip in [None, Some(0.1)] {
            let (mut by_hand, mut by_autograd) = (lane(clip), lane(clip));
            assert!(by_hand.by_hand.is_some());
            by_autograd.by_hand = None;
            // Every third batch is a smaller one.
            let sizes: Vec<i64> = (0..30).map(|step| BATCH - i64::from(step % 3 == 2)).collect();
            let rows = (0..sizes.iter().sum()).map(|n: i64| n * 11 % 20).collect();
            let paces = vec![Pace { rate: 0.1, ..Pace::STILL }; 30];
            let drive = Drive { sizes, rows, paces, ..Drive::new() };
            for lane in [&mut by_hand, &mut by_autograd] {
                lane.advance(&drive).unwrap();
            }
            let apart = |other: &Tensor| (&by_hand.held.weights - other).abs().max().double_value(&[]);
            assert!(apart(&by_autograd.held.weights) < 1e-13);
            assert!((by_hand.loss_sum - by_autograd.loss_sum).abs() < 1e-12);
            assert!(apart(&lane(clip).held.weights) > 0.1);
            assert_eq!(by_hand.evaluate(Part::Test).unwrap().unwrap().len(), 1);
            ends.push(by_hand.held.weights);
        }
        assert!((&ends[0] - &ends[1]).abs().max().double_value(&[]) > 0.1, "clipping changes something");
    }
}
