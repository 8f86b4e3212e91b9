//! The filters of a convolution of which only living weights are kept, and pictures they go over.
//!
//! A filter is not unfolded: where it stands at a place of a picture, each of its weights reads at a fixed distance from there,
//! for margins of zeros lie around the picture. Sums are added up in one order, whatever the processor.

use crate::simd::{ABREAST, Kernel, Real};

/// One value of each of [`ABREAST`] examples.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lane<T>(pub(super) [T; ABREAST]);

impl<T: Real> Lane<T> {
    pub(super) fn zero() -> Self {
        Self([T::default(); ABREAST])
    }
}

/// How pictures lie in memory: channel by channel, line by line, with zeros around each channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Zeros on each side.
    pub(super) margin: usize,
}

impl Frame {
    pub(super) fn with_margin(self, margin: usize) -> Self {
        Self { margin, ..self }
    }

    /// Values between a place and the one below it.
    pub(super) fn line(self) -> usize {
        self.width + 2 * self.margin
    }

    /// Values between a place and the same of the next channel.
    pub(super) fn plane(self) -> usize {
        (self.height + 2 * self.margin) * self.line()
    }

    /// Values of all channels.
    pub(super) fn len(self) -> usize {
        self.channels * self.plane()
    }

    /// Where a line of the picture itself begins.
    pub(super) fn at(self, channel: usize, line: usize) -> usize {
        channel * self.plane() + (line + self.margin) * self.line() + self.margin
    }
}

/// Places abreast for which a line of the output is added up at once. Twice as many are not vectorized any more.
const STRIP: usize = 4;
/// Lines for which gradients are added up while they are near.
const LINES: usize = 4;
/// Entries whose gradients are added up at once.
const ENTRIES: usize = 4;

/// The living weights, by the channel that comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    /// Where each channel's begin, and the end.
    starts: Vec<u32>,
    /// How far each reads from the place its filter stands at.
    offsets: Vec<u32>,
}

impl Filter {
    /// Filters for `outputs` channels of pictures in `frame`, of living weights `[channel out, channel in, line, column]`; and
    /// in which order they are kept: the place of each in `living`.
    pub(super) fn new(outputs: usize, frame: Frame, living: &[[usize; 4]]) -> (Self, Vec<u32>) {
        let offset = |[_, channel, line, column]: [usize; 4]| {
            (channel * frame.plane() + line * frame.line() + column) as u32
        };
        let mut order: Vec<u32> = (0..living.len() as u32).collect();
        order.sort_unstable_by_key(|&at| (living[at as usize][0], offset(living[at as usize])));
        let mut starts = vec![0; outputs + 1];
        for entry in living {
            starts[entry[0] + 1] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let offsets = order.iter().map(|&at| offset(living[at as usize])).collect();
        (Self { starts, offsets }, order)
    }

    fn of(&self, channel: usize) -> std::ops::Range<usize> {
        self.starts[channel] as usize..self.starts[channel + 1] as usize
    }
}

/// Goes over pictures: `to = filter * from + bias`.
pub(super) struct Convolve<'a, T> {
    pub(super) filter: &'a Filter,
    pub(super) values: &'a [T],
    /// Of each channel that comes out.
    pub(super) bias: &'a [T],
    pub(super) input: &'a [Lane<T>],
    pub(super) from: Frame,
    pub(super) output: &'a mut [Lane<T>],
    pub(super) to: Frame,
    /// Whether negative values become 0.
    pub(super) rectified: bool,
}

impl<T: Real> Kernel for Convolve<'_, T> {
    #[inline(always)]
    fn run(mut self) {
        for line in 0..self.to.height {
            for (channel, &bias) in self.bias.iter().enumerate() {
                let mut place = 0;
                while place + STRIP <= self.to.width {
                    self.strip::<STRIP>(channel, line, place, bias);
                    place += STRIP;
                }
                while place < self.to.width {
                    self.strip::<1>(channel, line, place, bias);
                    place += 1;
                }
            }
        }
    }
}

impl<T: Real> Convolve<'_, T> {
    #[inline(always)]
    fn strip<const PLACES: usize>(&mut self, channel: usize, line: usize, place: usize, bias: T) {
        let entries = self.filter.of(channel);
        let input = &self.input[line * self.from.line() + place..];
        let mut sums = [[bias; ABREAST]; PLACES];
        for (&offset, &value) in self.filter.offsets[entries.clone()].iter().zip(&self.values[entries]) {
            let Some(window) = input[offset as usize..].first_chunk::<PLACES>() else { return };
            for (place, sums) in sums.iter_mut().enumerate() {
                for (lane, sum) in sums.iter_mut().enumerate() {
                    *sum = window[place].0[lane].fused(value, *sum);
                }
            }
        }
        let zero = T::default();
        let first = self.to.at(channel, line) + place;
        for (output, sums) in self.output[first..].iter_mut().zip(sums) {
            for (output, sum) in output.0.iter_mut().zip(sums) {
                // Not the other way round: NaN must stay NaN.
                *output = if self.rectified && sum < zero { zero } else { sum };
            }
        }
    }
}

/// Adds to `sums`, of each entry and each example apart, what the gradients of the output make of it; and to `biases`, of
/// each channel that comes out.
pub(super) struct Gather<'a, T> {
    pub(super) filter: &'a Filter,
    pub(super) input: &'a [Lane<T>],
    pub(super) from: Frame,
    pub(super) delta: &'a [Lane<T>],
    pub(super) to: Frame,
    pub(super) sums: &'a mut [Lane<T>],
    pub(super) biases: &'a mut [Lane<T>],
}

impl<T: Real> Kernel for Gather<'_, T> {
    #[inline(always)]
    fn run(mut self) {
        let lines = self.to.height;
        for first in (0..lines).step_by(LINES) {
            let block = first..(first + LINES).min(lines);
            for channel in 0..self.biases.len() {
                for line in block.clone() {
                    let delta = &self.delta[self.to.at(channel, line)..][..self.to.width];
                    for delta in delta {
                        for (sum, &value) in self.biases[channel].0.iter_mut().zip(&delta.0) {
                            *sum += value;
                        }
                    }
                }
                let entries = self.filter.of(channel);
                let mut entry = entries.start;
                while entry + ENTRIES <= entries.end {
                    self.entries::<ENTRIES>(channel, entry, block.clone());
                    entry += ENTRIES;
                }
                while entry < entries.end {
                    self.entries::<1>(channel, entry, block.clone());
                    entry += 1;
                }
            }
        }
    }
}

impl<T: Real> Gather<'_, T> {
    #[inline(always)]
    fn entries<const MANY: usize>(&mut self, channel: usize, entry: usize, block: std::ops::Range<usize>) {
        let Some(offsets) = self.filter.offsets[entry..].first_chunk::<MANY>() else { return };
        let Some(kept) = self.sums[entry..].first_chunk_mut::<MANY>() else { return };
        let mut sums = [[T::default(); ABREAST]; MANY];
        for (sums, kept) in sums.iter_mut().zip(kept.iter()) {
            *sums = kept.0;
        }
        for line in block {
            let delta = &self.delta[self.to.at(channel, line)..][..self.to.width];
            let input = &self.input[line * self.from.line()..];
            let mut lines = [&input[..0]; MANY];
            for (line, &offset) in lines.iter_mut().zip(offsets) {
                *line = &input[offset as usize..][..delta.len()];
            }
            for (place, delta) in delta.iter().enumerate() {
                for (sums, line) in sums.iter_mut().zip(&lines) {
                    for (lane, sum) in sums.iter_mut().enumerate() {
                        *sum = line[place].0[lane].fused(delta.0[lane], *sum);
                    }
                }
            }
        }
        for (kept, sums) in kept.iter_mut().zip(sums) {
            kept.0 = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{self, CAPABILITIES};

    fn lane(seed: usize) -> Lane<f32> {
        Lane(std::array::from_fn(|at| ((seed * 193 + at * 71) % 257) as f32 / 128.0 - 1.0))
    }

    #[test]
    fn vectors_change_no_bit() {
        let from = Frame { channels: 3, height: 6, width: 7, margin: 1 };
        let to = Frame { channels: 5, margin: 0, ..from };
        let places = (0..5 * 3 * 9).step_by(2).map(|at| [at / 27, at / 9 % 3, at / 3 % 3, at % 3]);
        let (filter, order) = Filter::new(5, from, &places.collect::<Vec<_>>());
        let values: Vec<f32> = order.iter().map(|at| (at * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let input: Vec<_> = (0..from.len()).map(lane).collect();
        let delta: Vec<_> = (0..to.len()).map(|at| lane(3 * at + 1)).collect();
        let by = |capability| {
            let (mut output, mut sums, mut biases) =
                (vec![lane(0); to.len()], vec![lane(1); order.len()], vec![lane(2); 5]);
            let (filter, values, bias, input, rectified) =
                (&filter, &values[..], &[0.5; 5][..], &input[..], true);
            simd::run_as(
                capability,
                Convolve { filter, values, bias, input, from, output: &mut output, to, rectified },
            );
            let (delta, all, biases_all) = (&delta[..], &mut sums[..], &mut biases[..]);
            simd::run_as(
                capability,
                Gather { filter, input, from, delta, to, sums: all, biases: biases_all },
            );
            [output, sums, biases].map(|lanes| lanes.iter().map(|lane| lane.0).collect::<Vec<_>>())
        };
        let wanted = by("DEFAULT");
        assert!(wanted[0].iter().flatten().any(|value| *value > 0.0));
        for capability in CAPABILITIES {
            assert_eq!(by(capability), wanted, "{capability}");
        }
    }
}
