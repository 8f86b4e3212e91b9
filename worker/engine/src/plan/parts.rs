//! Which trained parameters an update moves, and which of them are scales of a batch normalization.

use crate::{
    error::Result,
    nn::{Layout, Mode},
};
use std::ops::Range;
use tch::{Device, Kind, Tensor};
use tombola_spec::{
    arch::{Architecture, Role},
    settings::{Frozen, Train},
};

/// Parts of the trained part of a lane's flat buffer.
pub(crate) struct Parts {
    /// Where it moves: neighbours are one range.
    moving: Vec<Range<usize>>,
    /// Where scales lie.
    scales: Vec<Range<usize>>,
    /// Elements in all.
    len: usize,
    /// How batch normalization goes in training.
    pub(crate) mode: Mode,
}

impl Parts {
    /// Those of a recipe.
    pub(crate) fn of(architecture: &Architecture, layout: &Layout, train: &Train) -> Self {
        let frozen = Frozen::among(&train.freeze, architecture);
        let (mut moving, mut scales): (Vec<Range<usize>>, Vec<_>) = (Vec::new(), Vec::new());
        for ((entry, frozen), tensor) in layout.trained().iter().zip(frozen).zip(architecture.parameters()) {
            let range = entry.offset..entry.offset + entry.len;
            if tensor.role == Role::Scale {
                scales.push(range.clone());
            }
            match moving.last_mut() {
                _ if frozen => {}
                Some(last) if last.end == range.start => last.end = range.end,
                _ => moving.push(range),
            }
        }
        let still = train.freeze.contains(&Frozen::Bn);
        let mode = if still { Mode::Evaluate } else { Mode::Train };
        Self { moving, scales, len: layout.trained_len, mode }
    }

    /// Where it moves.
    pub(crate) fn moving(&self) -> &[Range<usize>] {
        &self.moving
    }

    /// Whether the parameter that lies here moves.
    pub(crate) fn moves(&self, range: &Range<usize>) -> bool {
        self.moving.iter().any(|moving| moving.start <= range.start && range.end <= moving.end)
    }

    /// Whether the parameter that lies here is a scale.
    pub(crate) fn scales(&self, range: &Range<usize>) -> bool {
        self.scales.contains(range)
    }

    /// 1 where it moves, else 0, `[T]`; `None` if all of it moves.
    pub(crate) fn moving_mask(&self, options: (Kind, Device)) -> Result<Option<Tensor>> {
        let whole = self.moving.iter().map(Range::len).sum::<usize>() == self.len;
        (!whole).then(|| self.filled(&self.moving, 1.0, options)).transpose()
    }

    /// `strength` where scales lie, else 0, `[T]`; `None` for a strength of 0.
    pub(crate) fn scale_weights(&self, strength: f64, options: (Kind, Device)) -> Result<Option<Tensor>> {
        (strength != 0.0).then(|| self.filled(&self.scales, strength, options)).transpose()
    }

    fn filled(&self, ranges: &[Range<usize>], value: f64, options: (Kind, Device)) -> Result<Tensor> {
        let all = Tensor::f_zeros([self.len as i64], options)?;
        for range in ranges {
            let _ = all.f_narrow(0, range.start as i64, range.len() as i64)?.f_fill_(value)?;
        }
        Ok(all)
    }
}
