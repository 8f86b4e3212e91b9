//! Where each parameter lies in the flat buffer of a lane. The order is that of `Architecture::parameters`.

use crate::error::Result;
use tch::Tensor;
use tombola_spec::arch::Architecture;

/// Parameters of an architecture, one after another.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// One entry per parameter, in the order of the architecture.
    pub(crate) entries: Vec<Entry>,
    /// Elements of all parameters together.
    pub(crate) len: usize,
}

/// One parameter in the flat buffer.
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

impl Layout {
    /// The layout of `architecture`.
    pub(crate) fn of(architecture: &Architecture) -> Self {
        let mut len = 0;
        let mut entries = Vec::new();
        for parameter in architecture.parameters() {
            let shape = parameter.shape.iter().map(|&n| i64::from(n)).collect();
            let entry = Entry { shape, offset: len, len: parameter.len(), name: parameter.name };
            len += entry.len;
            entries.push(entry);
        }
        Self { entries, len }
    }

    /// Views of `flat` (`[P]`, or `[B, P]` for B lanes), one per parameter, of shapes `[…]` or `[B, …]`. They share its
    /// memory.
    pub(crate) fn views(&self, flat: &Tensor) -> Result<Vec<Tensor>> {
        let last = flat.dim() as i64 - 1;
        let lanes = &flat.size()[..last as usize];
        let view = |entry: &Entry| -> Result<Tensor> {
            let shape = [lanes, &entry.shape].concat();
            Ok(flat.f_narrow(last, entry.offset as i64, entry.len as i64)?.f_view(shape.as_slice())?)
        };
        self.entries.iter().map(view).collect()
    }

    /// [`Layout::views`] as leaves that gradients are taken for.
    pub(crate) fn leaves(&self, flat: &Tensor) -> Result<Vec<Tensor>> {
        let leaf = |view: Tensor| -> Result<Tensor> { Ok(view.f_detach()?.f_set_requires_grad(true)?) };
        self.views(flat)?.into_iter().map(leaf).collect()
    }
}
