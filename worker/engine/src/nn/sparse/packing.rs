//! Which parameters live, tensor after tensor, and where they are packed.

use crate::{
    nn::layout::{Entry, Layout},
    simd::Real,
};
use std::{ops::Range, slice::Iter};

/// Parameters in the order in which they are packed so far.
pub(super) struct Packing<'a, T> {
    entries: Iter<'a, Entry>,
    mask: &'a [T],
    living: Vec<u32>,
}

/// The living elements of a tensor.
pub(super) struct Alive {
    offset: usize,
    /// Counted from its first.
    pub(super) places: Vec<usize>,
}

impl<'a, T: Real> Packing<'a, T> {
    /// Of a network's trained tensors; `mask` is not 0 where a parameter lives.
    pub(super) fn new(layout: &'a Layout, mask: &'a [T]) -> Self {
        Self { entries: layout.trained().iter(), mask, living: Vec::new() }
    }

    /// What lives of the next tensor.
    pub(super) fn next(&mut self) -> Option<Alive> {
        let Entry { offset, len, .. } = *self.entries.next()?;
        let places = (0..len).filter(|at| self.mask[offset + at] != T::default()).collect();
        Some(Alive { offset, places })
    }

    /// Packs a tensor's living elements, in this order of them.
    pub(super) fn pack(&mut self, alive: &Alive, order: impl IntoIterator<Item = usize>) -> Range<usize> {
        let first = self.living.len();
        self.living.extend(order.into_iter().map(|at| (alive.offset + alive.places[at]) as u32));
        first..self.living.len()
    }

    /// Packs the living biases of a layer; where, and whose they are.
    pub(super) fn biases(&mut self) -> Option<(Range<usize>, Vec<u32>)> {
        let alive = self.next()?;
        let packed = self.pack(&alive, 0..alive.places.len());
        Some((packed, alive.places.iter().map(|&at| at as u32).collect()))
    }

    /// Where each packed parameter lies in the trained part of the flat buffer.
    pub(super) fn living(self) -> Vec<u32> {
        self.living
    }
}
