//! Plan `cpu-lanes`: a dense lane on a thread of its own, one intra-op thread.
//!
//! Gradients by `run_backward`, then one pass of a Rust kernel over weights, state and mask in raw memory.

use super::{Common, Drive, LaneStart, Pack, Part, Score, Snapshot};
use crate::{
    error::Result,
    nn::{forward, losses, tally},
    optim::{Memory, Pace, simd::Real},
};
use tch::{Kind, Tensor, no_grad_guard};

/// One lane in host memory. Its thread must have called `tch::set_num_threads(1)`.
pub(crate) struct Lone {
    common: Common,
    /// All parameters, `[P]`.
    flat: Tensor,
    /// Views of `flat` that gradients are taken for.
    leaves: Vec<Tensor>,
    state: Vec<Tensor>,
    mask: Option<Tensor>,
    loss_sum: f64,
}

impl Lone {
    /// A lane that starts from `start`.
    pub(crate) fn new(common: Common, start: LaneStart) -> Result<Self> {
        let LaneStart { memory, mask } = start;
        let leaves = common.layout.leaves(&memory.weights)?;
        Ok(Self { common, leaves, flat: memory.weights, state: memory.state, mask, loss_sum: 0.0 })
    }

    fn update(&mut self, rows: &Tensor, pace: Pace) -> Result<()> {
        let (images, labels) = self.common.examples.batch(rows)?;
        let logits = forward(&self.common.architecture.layers, &self.leaves, &images)?;
        let loss = losses(&logits, &labels)?;
        let grads = Tensor::f_run_backward(&[&loss], &self.leaves, false, false)?;
        self.loss_sum += loss.f_double_value(&[])?;
        match self.common.kind {
            Kind::Double => self.apply::<f64>(&grads, pace),
            _ => self.apply::<f32>(&grads, pace),
        }
    }

    fn apply<T: Real>(&mut self, grads: &[Tensor], pace: Pace) -> Result<()> {
        for (entry, grad) in self.common.layout.entries.iter().zip(grads) {
            // A no-op for linear layers; a gradient of other strides would be applied to the wrong weights.
            let grad = grad.f_contiguous()?;
            let range = entry.offset..entry.offset + entry.len;
            let memory = Memory {
                weights: &mut slice_mut::<T>(&mut self.flat)[range.clone()],
                grads: slice::<T>(&grad),
                mask: self.mask.as_ref().map(|mask| &slice::<T>(mask)[range.clone()]),
                state: self
                    .state
                    .iter_mut()
                    .map(|buffer| &mut slice_mut::<T>(buffer)[range.clone()])
                    .collect(),
            };
            self.common.rule.update(pace, memory);
        }
        Ok(())
    }
}

impl Pack for Lone {
    fn width(&self) -> usize {
        1
    }

    fn advance(&mut self, drive: &Drive) -> Result<()> {
        let rows = Tensor::f_from_slice(&drive.rows)?;
        for (step, &pace) in drive.paces.iter().enumerate() {
            let rows = rows.f_narrow(0, (step * drive.batch) as i64, drive.batch as i64)?;
            self.update(&rows, pace)?;
        }
        Ok(())
    }

    fn loss_sums(&self) -> Result<Vec<f64>> {
        Ok(vec![self.loss_sum])
    }

    fn set_loss_sum(&mut self, _lane: usize, sum: f64) -> Result<()> {
        self.loss_sum = sum;
        Ok(())
    }

    fn evaluate(&self, part: Part) -> Result<Option<Vec<Score>>> {
        let _guard = no_grad_guard();
        let count = self.common.examples.count(part);
        if count == 0 {
            return Ok(None);
        }
        let (mut loss, mut right) = (0.0, 0);
        for slice in self.common.examples.slices(part) {
            let (images, labels) = slice?;
            let logits = forward(&self.common.architecture.layers, &self.leaves, &images)?;
            let (losses, rights) = tally(&logits, &labels)?;
            loss += losses.f_double_value(&[])?;
            right += rights.f_int64_value(&[])?;
        }
        Ok(Some(vec![Score { loss: loss / count as f64, accuracy: right as f64 / count as f64 }]))
    }

    fn snapshot(&self, _lane: usize) -> Result<Snapshot> {
        let _guard = no_grad_guard();
        let copy = |tensor: &Tensor| -> Result<Tensor> { Ok(tensor.f_detach_copy()?) };
        Ok(Snapshot {
            weights: copy(&self.flat)?,
            state: self.state.iter().map(copy).collect::<Result<_>>()?,
        })
    }
}

/// The elements of a contiguous host tensor of type `T`.
#[expect(unsafe_code, reason = "the optimizer is one pass over raw memory")]
fn slice<T: Real>(tensor: &Tensor) -> &[T] {
    debug_assert!(tensor.is_contiguous() && tensor.kind().elt_size_in_bytes() == size_of::<T>());
    // SAFETY: every tensor that gets here is contiguous, of the pack's kind, on the host, and kept alive by the
    // borrow; nobody writes to it while the slice lives, because this thread alone holds it.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// As [`slice`], to write to.
#[expect(unsafe_code, reason = "the optimizer is one pass over raw memory")]
fn slice_mut<T: Real>(tensor: &mut Tensor) -> &mut [T] {
    debug_assert!(tensor.is_contiguous() && tensor.kind().elt_size_in_bytes() == size_of::<T>());
    // SAFETY: as in `slice`; flat buffers do not overlap, and their views are not read while the slice lives.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}
