//! Plans: how the lanes of a pack are computed. Chosen by the coordinator from the device kind, and by [`suits`] lane by lane;
//! part of provenance.
//!
//! A plan holds weights, optimizer state and masks, and does updates and evaluations. It knows no schedules, files,
//! jobs or events: those are `train`'s, which drives every plan through [`Pack`].

mod dropout;
mod examples;
mod fused;
mod lone;
mod parts;
mod sparse;
mod warp;

pub(crate) use dropout::Dropout;
pub(crate) use examples::Examples;
pub(crate) use fused::Fused;
pub(crate) use lone::{Lone, evaluate};
pub(crate) use parts::Parts;
pub(crate) use sparse::{BREAK_EVEN, Living, suits};
pub(crate) use warp::Warp;

use crate::{
    error::Result,
    nn::{Layout, Ways},
    optim::{Pace, Rule},
};
use tch::{Device, Kind, Tensor};
use tombola_spec::{
    arch::Architecture,
    settings::{Dtype, Train},
};

/// Lanes in memory, trained in step.
pub(crate) trait Pack {
    /// Number of lanes, ghosts included.
    fn width(&self) -> usize;

    /// Updates every lane once for each of `drive.sizes`. A lane whose loss is not finite ruins itself only.
    fn advance(&mut self, drive: &Drive) -> Result<()>;

    /// Per lane, the sum of the training losses since [`Pack::set_loss_sum`]; not finite if one of them was not.
    fn loss_sums(&self) -> Result<Vec<f64>>;

    /// Whether [`Pack::loss_sums`] makes nobody wait. Where it does, the host would wait for the device, and the device then for
    /// the host.
    fn losses_are_at_hand(&self) -> bool;

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
    /// What its training steps leave out; `None` = nothing.
    pub(crate) dropout: Option<Dropout>,
    /// The data, on the pack's device.
    pub(crate) examples: Examples,
    /// Number format.
    pub(crate) kind: Kind,
    /// That of convolutions and linear layers, if it is another.
    pub(crate) products: Option<Kind>,
    /// How convolutions of fused lanes go.
    pub(crate) ways: Ways,
    /// Examples per update, but for the last of an epoch.
    pub(crate) batch: i64,
}

impl Common {
    /// Of lanes that train a network as `train` says.
    pub(crate) fn new(
        architecture: Architecture,
        dropout: Option<Dropout>,
        train: &Train,
        dtype: Dtype,
        examples: Examples,
        ways: Ways,
    ) -> Self {
        let layout = Layout::of(&architecture);
        Self {
            rule: Rule::of(train),
            parts: Parts::of(&architecture, &layout, train),
            dropout,
            examples,
            kind: kind_of(dtype),
            products: products_of(dtype),
            ways,
            batch: i64::from(train.batch),
            layout,
            architecture,
        }
    }
}

/// What a lane starts from. Tensors lie on the host and have [`Common::kind`].
pub(crate) struct LaneStart {
    /// Weights and optimizer state, masked already.
    pub(crate) memory: Snapshot,
    /// Mask of 0 and 1 over all trained parameters (biases 1), `[T]`; `None` = dense.
    pub(crate) mask: Option<Tensor>,
    /// Whether it is computed by its living weights alone.
    pub(crate) sparse: bool,
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
    /// 1 for each value of a dropout layer that is kept, else 0, `[updates][lanes]`, each as [`Dropout::draw`] has it.
    pub(crate) kept: Vec<u8>,
    /// Paces, `[updates][lanes]`.
    pub(crate) paces: Vec<Pace>,
}

/// What a pack sees in one update, on its device.
pub(crate) struct Seen {
    /// Rows of the training images, `[lanes * size]`.
    pub(crate) rows: Tensor,
    /// Their views, if they are varied.
    pub(crate) views: Option<Tensor>,
    /// What each dropout layer's inputs are multiplied by.
    pub(crate) factors: Vec<Tensor>,
}

impl Drive {
    /// No updates yet.
    pub(crate) fn new() -> Self {
        let (sizes, rows, views) = (Vec::new(), Vec::new(), Vec::new());
        Self { sizes, rows, views, kept: Vec::new(), paces: Vec::new() }
    }

    /// What the lanes see, update by update. All of it is uploaded at once, and nobody waits for it: a small copy per update
    /// would cost as much as the update.
    pub(crate) fn seen<'a>(
        &'a self,
        width: usize,
        lanes: Option<i64>,
        common: &Common,
    ) -> Result<impl Iterator<Item = Result<Seen>> + use<'a>> {
        let device = common.examples.device();
        let upload_all = |numbers: &[i64]| upload(&Tensor::f_from_slice(numbers)?, device);
        let rows = upload_all(&self.rows)?;
        let views = (!self.views.is_empty()).then(|| upload_all(&self.views)).transpose()?;
        let kept = common.dropout.as_ref().zip((!self.kept.is_empty()).then_some(&self.kept));
        let kept = kept.map(|(dropout, kept)| -> Result<_> {
            Ok((dropout.clone(), upload(&Tensor::f_from_slice(kept)?, device)?))
        });
        let (kept, kind) = (kept.transpose()?, common.kind);
        let spans = self.sizes.iter().scan(0, move |end, size| {
            let (from, count) = (*end, size * width as i64);
            *end += count;
            Some((from, count))
        });
        Ok(spans.map(move |(from, count)| {
            let factors = kept.as_ref().map(|(dropout, kept)| {
                let width = dropout.width() as i64;
                dropout.factors(&kept.f_narrow(0, from * width, count * width)?, lanes, kind)
            });
            Ok(Seen {
                rows: rows.f_narrow(0, from, count)?,
                views: views.as_ref().map(|views| views.f_narrow(0, from, count)).transpose()?,
                factors: factors.transpose()?.unwrap_or_default(),
            })
        }))
    }
}

/// The same on a pack's device. The host does not wait for the copy: what is copied from lies in memory that the device can read
/// by itself, and that libtorch keeps until it has.
fn upload(host: &Tensor, device: Device) -> Result<Tensor> {
    if !device.is_cuda() {
        return Ok(host.f_to(device)?);
    }
    Ok(host.f_pin_memory(device)?.f_to_device_(device, host.f_kind()?, true, false)?)
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

/// libtorch's name of the number format in which numbers are kept.
pub(crate) fn kind_of(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F32 | Dtype::Bf16 | Dtype::Tf32 => Kind::Float,
        Dtype::F64 => Kind::Double,
    }
}

/// That of convolutions and linear layers, if it is another.
pub(crate) fn products_of(dtype: Dtype) -> Option<Kind> {
    (dtype == Dtype::Bf16).then_some(Kind::BFloat16)
}
