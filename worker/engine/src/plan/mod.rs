//! Plans: how the lanes of a pack are computed. Chosen by the coordinator from device kind alone, part of provenance.
//!
//! A plan holds weights, optimizer state and masks, and does updates and evaluations. It knows no schedules, files,
//! jobs or events: those are `train`'s, which drives every plan through [`Pack`].

mod examples;
mod fused;
mod lone;
mod parts;
mod warp;

pub(crate) use examples::Examples;
pub(crate) use fused::Fused;
pub(crate) use lone::{Lone, evaluate};
pub(crate) use parts::Parts;
pub(crate) use warp::Warp;

use crate::{error::Result, nn::Layout, optim::Pace, optim::Rule};
use tch::{Device, Kind, Tensor};
use tombola_spec::{arch::Architecture, settings::Dtype};

/// Lanes in memory, trained in step.
pub(crate) trait Pack {
    /// Number of lanes, ghosts included.
    fn width(&self) -> usize;

    /// Updates every lane once for each of `drive.sizes`. A lane whose loss is not finite ruins itself only.
    fn advance(&mut self, drive: &Drive) -> Result<()>;

    /// Per lane, the sum of the training losses since [`Pack::set_loss_sum`]; not finite if one of them was not.
    fn loss_sums(&self) -> Result<Vec<f64>>;

    /// Sets a lane's sum of training losses.
    fn set_loss_sum(&mut self, lane: usize, sum: f64) -> Result<()>;

    /// Loss and accuracy of every lane; `None` where `part` has no examples.
    fn evaluate(&self, part: Part) -> Result<Option<Vec<Score>>>;

    /// A copy of a lane's memory.
    fn snapshot(&self, lane: usize) -> Result<Snapshot>;
}

/// What all lanes of a pack have in common.
pub(crate) struct Common {
    /// The network.
    pub(crate) architecture: Architecture,
    /// Where its tensors lie.
    pub(crate) layout: Layout,
    /// The update rule.
    pub(crate) rule: Rule,
    /// What of the network it moves.
    pub(crate) parts: Parts,
    /// The data, on the pack's device.
    pub(crate) examples: Examples,
    /// Number format.
    pub(crate) kind: Kind,
    /// Examples per update, but for the last of an epoch.
    pub(crate) batch: i64,
}

/// What a lane starts from. Tensors lie on the host and have [`Common::kind`].
pub(crate) struct LaneStart {
    /// Weights and optimizer state, masked already.
    pub(crate) memory: Snapshot,
    /// Mask of 0 and 1 over all trained parameters (biases 1), `[T]`; `None` = dense.
    pub(crate) mask: Option<Tensor>,
}

/// A lane's memory on the host.
pub(crate) struct Snapshot {
    /// Weights and running statistics, `[P]`.
    pub(crate) weights: Tensor,
    /// Optimizer state in the order of [`Rule::buffers`], each `[T]`: of the trained parameters only.
    pub(crate) state: Vec<Tensor>,
}

/// Some updates in a row: what each lane sees and how fast it goes.
pub(crate) struct Drive {
    /// Examples each lane sees in each update, `[updates]`.
    pub(crate) sizes: Vec<i64>,
    /// Rows of the training images, `[updates][lanes][size]`.
    pub(crate) rows: Vec<i64>,
    /// The view of each of these images, as `data::draw_views` numbers them; empty where they are seen as they are.
    pub(crate) views: Vec<i64>,
    /// Paces, `[updates][lanes]`.
    pub(crate) paces: Vec<Pace>,
}

impl Drive {
    /// Rows and views of all updates, on a device.
    pub(crate) fn seen(&self, device: Device) -> Result<(Tensor, Option<Tensor>)> {
        let upload = |numbers: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(numbers)?.f_to(device)?) };
        let views = (!self.views.is_empty()).then(|| upload(&self.views)).transpose()?;
        Ok((upload(&self.rows)?, views))
    }

    /// Of each update of a pack of `width` lanes: where its rows begin, and how many they are.
    pub(crate) fn spans(&self, width: usize) -> impl Iterator<Item = (i64, i64)> {
        self.sizes.iter().scan(0, move |end, size| {
            let (from, count) = (*end, size * width as i64);
            *end += count;
            Some((from, count))
        })
    }
}

/// What lanes are evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The held-out part of the training set.
    Validation,
    /// The test set.
    Test,
}

/// Result of an evaluation of one lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// Mean cross-entropy, nat.
    pub(crate) loss: f64,
    /// Fraction of right answers.
    pub(crate) accuracy: f64,
}

/// libtorch's name of a number format.
pub(crate) fn kind_of(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
    }
}
