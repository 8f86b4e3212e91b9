//! Where each tensor lies in the flat buffer of a lane. The order is that of `Architecture::tensors`: what is trained comes
//! first, so that optimizers, gradients and masks know nothing of running statistics.

use super::Ways;
use crate::error::Result;
use tch::{Kind, Tensor};
use tombola_spec::arch::Architecture;

/// Tensors of an architecture, one after another.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// One entry per tensor, in the order of the architecture.
    entries: Vec<Entry>,
    /// How many of them are trained.
    trained_entries: usize,
    /// Elements of all tensors together.
    pub(crate) len: usize,
    /// Elements of the trained ones, which are the first.
    pub(crate) trained_len: usize,
}

/// One tensor in the flat buffer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// PyTorch's name.
    pub(crate) name: String,
    /// PyTorch's shape.
    pub(crate) shape: Vec<i64>,
    /// Elements before it.
    pub(crate) offset: usize,
    /// Elements in it.
    pub(crate) len: usize,
}

/// The tensors of one network, or of lanes: views of a flat buffer.
pub(crate) struct Tensors {
    /// What gradients are taken for, of shapes `[…]` or `[B, …]`.
    pub(crate) trained: Vec<Tensor>,
    /// Running statistics, `[C]` or `[B, C]`.
    pub(crate) statistics: Vec<Tensor>,
    /// Number of lanes; `None` = one network, without a lane dimension.
    pub(crate) lanes: Option<i64>,
    /// Number format that convolutions and linear layers compute in; `None` = the tensors' own.
    pub(crate) products: Option<Kind>,
    /// How the convolutions of lanes are computed.
    pub(crate) ways: Ways,
}

impl Tensors {
    /// The same, for convolutions and linear layers that compute in another number format.
    pub(crate) fn with_products(self, products: Option<Kind>) -> Self {
        Self { products, ..self }
    }

    /// The same, for lanes whose convolutions go these ways.
    pub(crate) fn with_ways(self, ways: Ways) -> Self {
        Self { ways, ..self }
    }
}

impl Layout {
    /// The layout of `architecture`.
    pub(crate) fn of(architecture: &Architecture) -> Self {
        let (mut len, mut trained_len, mut trained_entries) = (0, 0, 0);
        let mut entries = Vec::new();
        for tensor in architecture.tensors() {
            let shape = tensor.shape.iter().map(|&n| i64::from(n)).collect();
            let entry = Entry { shape, offset: len, len: tensor.len(), name: tensor.name };
            len += entry.len;
            entries.push(entry);
            if tensor.role.is_trained() {
                (trained_len, trained_entries) = (len, entries.len());
            }
        }
        Self { entries, trained_entries, len, trained_len }
    }

    /// All tensors.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The trained tensors: the first of [`Layout::entries`].
    pub(crate) fn trained(&self) -> &[Entry] {
        &self.entries[..self.trained_entries]
    }

    /// The trained part of `flat` (`[P]`, or `[B, P]` for B lanes); it shares its memory.
    pub(crate) fn trained_part(&self, flat: &Tensor) -> Result<Tensor> {
        Ok(flat.f_narrow(flat.dim() as i64 - 1, 0, self.trained_len as i64)?)
    }

    /// All tensors in `flat` (`[P]`, or `[B, P]` for B lanes), ready for a pass. They share its memory.
    pub(crate) fn tensors(&self, flat: &Tensor) -> Result<Tensors> {
        let leaf = |view: Tensor| -> Result<Tensor> { Ok(view.f_detach()?.f_set_requires_grad(true)?) };
        // A pass moves statistics. A view counts changes with all of its buffer, and autograd would take that for a change
        // of the weights it has noted down; this is another tensor of the same memory.
        let apart = |view: Tensor| -> Result<Tensor> {
            Ok(Tensor::f_empty([0], (view.kind(), view.device()))?.f_set_source_tensor(&view)?)
        };
        let (trained, statistics) = self.entries.split_at(self.trained_entries);
        Ok(Tensors {
            trained: views(trained, flat)?.into_iter().map(leaf).collect::<Result<_>>()?,
            statistics: views(statistics, flat)?.into_iter().map(apart).collect::<Result<_>>()?,
            lanes: (flat.dim() == 2).then(|| flat.size()[0]),
            products: None,
            ways: Ways::default(),
        })
    }
}

/// Views of `flat` (`[P]`, or `[B, P]` for B lanes), one per entry, of shapes `[…]` or `[B, …]`. They share its memory.
pub(crate) fn views(entries: &[Entry], flat: &Tensor) -> Result<Vec<Tensor>> {
    let last = flat.dim() as i64 - 1;
    let lanes = &flat.size()[..last as usize];
    let view = |entry: &Entry| -> Result<Tensor> {
        let shape = [lanes, &entry.shape].concat();
        Ok(flat.f_narrow(last, entry.offset as i64, entry.len as i64)?.f_view(shape.as_slice())?)
    };
    entries.iter().map(view).collect()
}
