//! What is done to pictures between convolutions: rectifiers on the way back, and poolings by two.

use super::filter::{Frame, Lane};
use crate::simd::{ABREAST, Kernel, Real};

/// Makes 0 of gradients of what was rectified away.
pub(super) struct Gate<'a, T> {
    pub(super) output: &'a [Lane<T>],
    pub(super) to: Frame,
    pub(super) delta: &'a mut [Lane<T>],
    pub(super) frame: Frame,
}

impl<T: Real> Kernel for Gate<'_, T> {
    #[inline(always)]
    fn run(self) {
        let zero = T::default();
        for channel in 0..self.to.channels {
            for line in 0..self.to.height {
                let outputs = &self.output[self.to.at(channel, line)..][..self.to.width];
                let deltas = &mut self.delta[self.frame.at(channel, line)..][..self.to.width];
                for (delta, output) in deltas.iter_mut().zip(outputs) {
                    for (delta, &output) in delta.0.iter_mut().zip(&output.0) {
                        *delta = if output <= zero { zero } else { *delta };
                    }
                }
            }
        }
    }
}

/// The largest of each two by two.
pub(super) struct Pool<'a, T> {
    pub(super) input: &'a [Lane<T>],
    pub(super) from: Frame,
    pub(super) output: &'a mut [Lane<T>],
    pub(super) to: Frame,
}

impl<T: Real> Kernel for Pool<'_, T> {
    #[inline(always)]
    #[expect(clippy::eq_op, reason = "what is no number differs from itself")]
    fn run(self) {
        for channel in 0..self.to.channels {
            for line in 0..self.to.height {
                let above = &self.input[self.from.at(channel, 2 * line)..][..2 * self.to.width];
                let below = &self.input[self.from.at(channel, 2 * line + 1)..][..2 * self.to.width];
                let outputs = &mut self.output[self.to.at(channel, line)..][..self.to.width];
                let four = above.chunks_exact(2).zip(below.chunks_exact(2));
                for (output, (above, below)) in outputs.iter_mut().zip(four) {
                    let mut largest = above[0].0;
                    for other in [&above[1], &below[0], &below[1]] {
                        for (largest, &value) in largest.iter_mut().zip(&other.0) {
                            // What is no number is passed on, as PyTorch does.
                            *largest = if value > *largest || value != value { value } else { *largest };
                        }
                    }
                    output.0 = largest;
                }
            }
        }
    }
}

/// Leads gradients back to the first that was largest of each two by two, or was no number.
pub(super) struct Unpool<'a, T> {
    pub(super) input: &'a [Lane<T>],
    pub(super) from: Frame,
    pub(super) output: &'a [Lane<T>],
    pub(super) to: Frame,
    /// Of the output, without margins.
    pub(super) delta: &'a [Lane<T>],
    pub(super) below: &'a mut [Lane<T>],
    pub(super) into: Frame,
}

impl<T: Real> Kernel for Unpool<'_, T> {
    #[inline(always)]
    #[expect(clippy::eq_op, reason = "what is no number differs from itself")]
    fn run(self) {
        let zero = T::default();
        for channel in 0..self.to.channels {
            for line in 0..self.to.height {
                let outputs = &self.output[self.to.at(channel, line)..][..self.to.width];
                let deltas = &self.delta[self.to.with_margin(0).at(channel, line)..][..self.to.width];
                for (place, (output, delta)) in outputs.iter().zip(deltas).enumerate() {
                    let mut left = delta.0;
                    for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                        let at = |frame: Frame| frame.at(channel, 2 * line + down) + 2 * place + right;
                        let input = &self.input[at(self.from)].0;
                        let below = &mut self.below[at(self.into)].0;
                        for lane in 0..ABREAST {
                            let value = input[lane];
                            let largest = value == output.0[lane] || value != value;
                            below[lane] = if largest { left[lane] } else { zero };
                            left[lane] = if largest { zero } else { left[lane] };
                        }
                    }
                }
            }
        }
    }
}
