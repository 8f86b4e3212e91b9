//! Plan `fused`: all lanes in one set of kernels. Serves GPUs (not run on one yet); on a CPU it is the oracle of
//! `cpu-lanes`.
//!
//! Everything has a leading lane dimension, and every operation keeps lanes apart, so that no lane's bits depend on
//! what its neighbours hold. Only the width of the pack matters, which is why ended lanes stay as ghosts.

use super::{Common, Drive, LaneStart, Pack, Part, Score, Seen, Snapshot, upload};
use crate::{
    error::Result,
    nn::{Mode, Tensors, forward, forward_dropping, losses, tally},
    optim::{self, Paces},
};
use tch::{Device, Kind, Tensor, no_grad_guard};

/// B lanes on one device.
pub(crate) struct Fused {
    common: Common,
    width: usize,
    /// Parameters and running statistics, `[B, P]`.
    flat: Tensor,
    /// The part of `flat` that the optimizer moves, `[B, T]`.
    trained: Tensor,
    /// What passes go by: views of `flat`, `[B, …]`.
    tensors: Tensors,
    /// Optimizer state, each `[B, T]`.
    state: Vec<Tensor>,
    /// `[B, T]`; `None` = all lanes dense.
    mask: Option<Tensor>,
    /// 1 where parameters move, `[T]`; `None` = all do.
    moving: Option<Tensor>,
    /// The strength of the L1 penalty where it acts, `[T]`.
    l1: Option<Tensor>,
    /// `[B]`, f64.
    loss_sum: Tensor,
}

impl Fused {
    /// Lanes that start from `lanes`, and ghosts of zero weights up to `width`.
    pub(crate) fn new(common: Common, lanes: &[LaneStart], width: usize) -> Result<Self> {
        let _guard = no_grad_guard();
        let width = width.max(lanes.len());
        let options = (common.kind, common.examples.device());
        let flat = Tensor::f_zeros([width as i64, common.layout.len as i64], options)?;
        let shape = [width as i64, common.layout.trained_len as i64];
        fill(&flat, lanes.iter().map(|lane| Some(&lane.memory.weights)))?;
        let mut state = Vec::new();
        for index in 0..common.rule.buffers().len() {
            let buffer = Tensor::f_zeros(shape, options)?;
            fill(&buffer, lanes.iter().map(|lane| lane.memory.state.get(index)))?;
            state.push(buffer);
        }
        let mask = match lanes.iter().any(|lane| lane.mask.is_some()) {
            true => {
                let mask = Tensor::f_ones(shape, options)?;
                fill(&mask, lanes.iter().map(|lane| lane.mask.as_ref()))?;
                Some(mask)
            }
            false => None,
        };
        let loss_sum = Tensor::f_zeros([shape[0]], (Kind::Double, options.1))?;
        let moving = common.parts.moving_mask(options)?;
        let l1 = common.parts.scale_weights(common.rule.bn_l1, options)?;
        let trained = common.layout.trained_part(&flat)?;
        let tensors = common.layout.tensors(&flat)?;
        let tensors = tensors.with_products(common.products).with_ways(common.ways.clone());
        Ok(Self { common, width, flat, trained, tensors, state, mask, moving, l1, loss_sum })
    }

    fn device(&self) -> Device {
        self.flat.device()
    }

    fn update(&mut self, seen: &Seen, paces: &Paces) -> Result<()> {
        let (images, labels) = self.common.examples.batch(&seen.rows, seen.views.as_ref())?;
        let images = self.by_lane(&images)?;
        let labels = self.by_lane(&labels)?;
        let (layers, mode) = (&self.common.architecture.layers, self.common.parts.mode);
        let logits = forward_dropping(layers, &self.tensors, &images, mode, &seen.factors)?;
        let losses = losses(&logits, &labels)?;
        let total = losses.f_sum(None::<Kind>)?;
        let grads = Tensor::f_run_backward(&[total], &self.tensors.trained, false, false)?;
        let _guard = no_grad_guard();
        let _ = self.loss_sum.f_add_(&losses.f_detach()?)?;
        let flat = |grad: &Tensor| -> Result<Tensor> { Ok(grad.f_reshape([self.width as i64, -1])?) };
        let grads = Tensor::f_cat(&grads.iter().map(flat).collect::<Result<Vec<_>>>()?, 1)?;
        let (mask, moving, l1) = (self.mask.as_ref(), self.moving.as_ref(), self.l1.as_ref());
        let pack =
            optim::Fused { weights: &mut self.trained, grads, mask, moving, l1, state: &mut self.state };
        self.common.rule.update_fused(paces, pack)
    }

    /// `[B * n, …]` as `[B, n, …]`.
    fn by_lane(&self, tensor: &Tensor) -> Result<Tensor> {
        let size = tensor.size();
        let lanes = self.width as i64;
        Ok(tensor.f_view([&[lanes, size[0] / lanes], &size[1..]].concat().as_slice())?)
    }

    /// A number per update and lane, on the device in the pack's kind: `[updates, B, 1]`.
    fn table(&self, values: &[f64]) -> Result<Tensor> {
        let table = Tensor::f_from_slice(values)?.f_view([-1, self.width as i64, 1])?;
        upload(&table.f_to_kind(self.common.kind)?, self.device())
    }
}

impl Pack for Fused {
    fn width(&self) -> usize {
        self.width
    }

    fn advance(&mut self, drive: &Drive) -> Result<()> {
        // One upload for all updates: a small copy per update would cost as much as the update.
        let rates: Vec<f64> = drive.paces.iter().map(|pace| -pace.rate).collect();
        let lifts: Vec<f64> = drive.paces.iter().map(|pace| pace.lift).collect();
        let keeps: Vec<f64> = drive.paces.iter().map(|pace| pace.keep).collect();
        let (rates, lifts, keeps) = (self.table(&rates)?, self.table(&lifts)?, self.table(&keeps)?);
        for (step, seen) in (0..).zip(drive.seen(self.width, Some(self.width as i64), &self.common)?) {
            let (minus_rate, lift, keep) = (rates.f_get(step)?, lifts.f_get(step)?, keeps.f_get(step)?);
            self.update(&seen?, &Paces { minus_rate, lift, keep })?;
        }
        Ok(())
    }

    fn loss_sums(&self) -> Result<Vec<f64>> {
        host_values(&self.loss_sum)
    }

    fn losses_are_at_hand(&self) -> bool {
        false
    }

    fn set_loss_sum(&mut self, lane: usize, sum: f64) -> Result<()> {
        let _ = self.loss_sum.f_narrow(0, lane as i64, 1)?.f_fill_(sum)?;
        Ok(())
    }

    fn evaluate(&self, part: Part) -> Result<Option<Vec<Score>>> {
        let _guard = no_grad_guard();
        let count = self.common.examples.count(part);
        if count == 0 {
            return Ok(None);
        }
        let lanes = self.width as i64;
        let all = |tensor: &Tensor| -> Result<Tensor> {
            let shape = [&[lanes], tensor.size().as_slice()].concat();
            Ok(tensor.f_unsqueeze(0)?.f_expand(shape.as_slice(), false)?)
        };
        let mut loss = Tensor::f_zeros([lanes], (Kind::Double, self.device()))?;
        let mut right = Tensor::f_zeros([lanes], (Kind::Int64, self.device()))?;
        for slice in self.common.examples.slices(part) {
            let (images, labels) = slice?;
            let layers = &self.common.architecture.layers;
            let logits = forward(layers, &self.tensors, &all(&images)?, Mode::Evaluate)?;
            let (losses, rights) = tally(&logits, &all(&labels)?)?;
            let _ = loss.f_add_(&losses)?;
            let _ = right.f_add_(&rights)?;
        }
        let right = host_values(&right.f_to_kind(Kind::Double)?)?;
        let score =
            |(loss, right): (f64, f64)| Score { loss: loss / count as f64, accuracy: right / count as f64 };
        Ok(Some(host_values(&loss)?.into_iter().zip(right).map(score).collect()))
    }

    fn snapshot(&self, lane: usize) -> Result<Snapshot> {
        let _guard = no_grad_guard();
        let host = |all: &Tensor| -> Result<Tensor> {
            // The copy on the device comes first: on a CPU, moving to the host would share the memory.
            Ok(all.f_get(lane as i64)?.f_detach_copy()?.f_to(Device::Cpu)?)
        };
        Ok(Snapshot {
            weights: host(&self.flat)?,
            state: self.state.iter().map(host).collect::<Result<_>>()?,
        })
    }
}

/// Writes a row `[P]` of the host into each lane of `all` `[B, P]` that has one.
fn fill<'a>(all: &Tensor, rows: impl Iterator<Item = Option<&'a Tensor>>) -> Result<()> {
    for (lane, row) in rows.enumerate() {
        if let Some(row) = row {
            all.f_get(lane as i64)?.f_copy_(row)?;
        }
    }
    Ok(())
}

/// The values of a one-dimensional f64 tensor.
fn host_values(tensor: &Tensor) -> Result<Vec<f64>> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_to(Device::Cpu)?.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}
