//! Where chance comes from: one seed, so that a schedule can be had again.

use std::{ops::Range, time::Duration};

/// A seeded stream of draws.
#[derive(Debug)]
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    /// The stream of a seed and a purpose: draws for one purpose do not move those for another.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ purpose))
    }

    /// True once in so many draws.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(0..n) == 0
    }

    /// A number of a range.
    pub(crate) fn number(&mut self, range: Range<u64>) -> u64 {
        self.0.u64(range)
    }

    /// An index below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.usize(0..n)
    }

    /// A time between so many milliseconds.
    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
