//! A matrix of which only living entries are kept, and what it is multiplied with: tiles.
//!
//! Sums are added up in one order, whatever the processor and however the matrix is cut into blocks.

use super::tile::Row;
use crate::simd::{self, ABREAST, Kernel, Real, total};

/// Columns of a block, so that their rows of a tile stay in the first-level cache: 28 KiB of f32. It changes no bit.
const BLOCK: usize = 112;

/// Living entries that a row needs in each block to make blocks worth their cost: measured for f32, as `BLOCK` was.
const PER_BLOCK: usize = 4;

/// Where the living entries of a matrix are: block by block of columns, row by row, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matrix {
    rows: usize,
    /// Where each row of each block begins, and the end, `[blocks * rows + 1]`.
    starts: Vec<u32>,
    /// The column of each entry.
    columns: Vec<u32>,
}

impl Matrix {
    /// The matrix of `[rows, columns]` in which what `living` names (row, column) lives, and in which order its entries are
    /// kept: the place of each in `living`.
    pub(super) fn new([rows, columns]: [usize; 2], living: &[[u32; 2]]) -> (Self, Vec<u32>) {
        let cut = living.len() >= rows * columns.div_ceil(BLOCK) * PER_BLOCK;
        let width = if cut { BLOCK } else { columns.max(1) };
        let mut order: Vec<u32> = (0..living.len() as u32).collect();
        let place = |&entry: &u32| {
            let [row, column] = living[entry as usize];
            (column as usize / width, row, column)
        };
        order.sort_unstable_by_key(place);
        let mut starts = vec![0; columns.div_ceil(width).max(1) * rows + 1];
        for (block, row, _) in order.iter().map(place) {
            starts[block * rows + row as usize + 1] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let columns = order.iter().map(|&entry| living[entry as usize][1]).collect();
        (Self { rows, starts, columns }, order)
    }

    /// Row and column of each entry, in their order.
    pub(super) fn entries(&self) -> impl Iterator<Item = [u32; 2]> {
        let rows = self.starts.windows(2).enumerate().flat_map(|(at, ends)| {
            std::iter::repeat_n((at % self.rows) as u32, (ends[1] - ends[0]) as usize)
        });
        rows.zip(&self.columns).map(|(row, &column)| [row, column])
    }

    /// `output = values input + bias`, of the first `parts` vectors of each row: `values` `[entries]`, `bias` `[rows]`, `input`
    /// `[columns]`, `output` `[rows]`.
    pub(super) fn multiply<T: Real>(
        &self,
        values: &[T],
        bias: &[T],
        input: &[Row<T>],
        output: &mut [Row<T>],
        parts: usize,
    ) {
        let Self { starts, columns, .. } = self;
        match parts {
            1 => simd::run(Multiply::<T, 1> { starts, columns, values, bias, input, output }),
            2 => simd::run(Multiply::<T, 2> { starts, columns, values, bias, input, output }),
            3 => simd::run(Multiply::<T, 3> { starts, columns, values, bias, input, output }),
            _ => simd::run(Multiply::<T, 4> { starts, columns, values, bias, input, output }),
        }
    }

    /// Adds to the gradient of each entry, `grads` `[entries]`, what `delta` `[rows]`, the gradient of the loss by the product,
    /// and `input` `[columns]` make of it.
    pub(super) fn correlate<T: Real>(
        &self,
        input: &[Row<T>],
        delta: &[Row<T>],
        grads: &mut [T],
        parts: usize,
    ) {
        let Self { starts, columns, .. } = self;
        match parts {
            1 => simd::run(Correlate::<T, 1> { starts, columns, input, delta, grads }),
            2 => simd::run(Correlate::<T, 2> { starts, columns, input, delta, grads }),
            3 => simd::run(Correlate::<T, 3> { starts, columns, input, delta, grads }),
            _ => simd::run(Correlate::<T, 4> { starts, columns, input, delta, grads }),
        }
    }
}

/// Makes 0 of what is negative in the first `parts` vectors of each row.
pub(super) fn rectify<T: Real>(rows: &mut [Row<T>], parts: usize) {
    simd::run(Rectify { rows, examples: parts * ABREAST });
}

/// Makes 0, in the first `parts` vectors of each row, of what belongs to an output that was rectified away.
pub(super) fn gate<T: Real>(rows: &mut [Row<T>], outputs: &[Row<T>], parts: usize) {
    simd::run(Gate { rows, outputs, examples: parts * ABREAST });
}

// These loops run to a length the compiler does not know: one it knows it unrolls, and then vectorizes nothing.

struct Rectify<'a, T> {
    rows: &'a mut [Row<T>],
    examples: usize,
}

impl<T: Real> Kernel for Rectify<'_, T> {
    #[inline(always)]
    fn run(self) {
        let zero = T::default();
        for row in self.rows {
            for value in &mut row.0.as_flattened_mut()[..self.examples] {
                // Not the other way round: NaN must stay NaN.
                *value = if *value < zero { zero } else { *value };
            }
        }
    }
}

struct Gate<'a, T> {
    rows: &'a mut [Row<T>],
    outputs: &'a [Row<T>],
    examples: usize,
}

impl<T: Real> Kernel for Gate<'_, T> {
    #[inline(always)]
    fn run(self) {
        let zero = T::default();
        for (row, outputs) in self.rows.iter_mut().zip(self.outputs) {
            let values = row.0.as_flattened_mut()[..self.examples].iter_mut();
            for (value, &output) in values.zip(outputs.0.as_flattened()) {
                *value = if output <= zero { zero } else { *value };
            }
        }
    }
}

struct Multiply<'a, T, const PARTS: usize> {
    starts: &'a [u32],
    columns: &'a [u32],
    values: &'a [T],
    /// `[rows]`
    bias: &'a [T],
    input: &'a [Row<T>],
    output: &'a mut [Row<T>],
}

impl<T: Real, const PARTS: usize> Kernel for Multiply<'_, T, PARTS> {
    #[inline(always)]
    fn run(self) {
        let rows = self.output.len();
        if rows == 0 {
            return;
        }
        for (output, &bias) in self.output.iter_mut().zip(self.bias) {
            output.0[..PARTS].fill([bias; ABREAST]);
        }
        for ends in self.starts.windows(rows + 1).step_by(rows) {
            for (output, ends) in self.output.iter_mut().zip(ends.windows(2)) {
                let entries = ends[0] as usize..ends[1] as usize;
                let Some(sums) = output.0.first_chunk_mut::<PARTS>() else { return };
                let mut copy = *sums;
                for (&column, &value) in self.columns[entries.clone()].iter().zip(&self.values[entries]) {
                    let input = &self.input[column as usize].0;
                    for (part, sums) in copy.iter_mut().enumerate() {
                        for (lane, sum) in sums.iter_mut().enumerate() {
                            *sum = input[part][lane].fused(value, *sum);
                        }
                    }
                }
                *sums = copy;
            }
        }
    }
}

struct Correlate<'a, T, const PARTS: usize> {
    starts: &'a [u32],
    columns: &'a [u32],
    input: &'a [Row<T>],
    delta: &'a [Row<T>],
    grads: &'a mut [T],
}

impl<T: Real, const PARTS: usize> Kernel for Correlate<'_, T, PARTS> {
    #[inline(always)]
    fn run(self) {
        let rows = self.delta.len();
        if rows == 0 {
            return;
        }
        // Sums of as many entries are added up at once, of whichever rows they are.
        let mut sums = [[T::default(); ABREAST]; ABREAST];
        let mut done = 0;
        for ends in self.starts.windows(rows + 1).step_by(rows) {
            for (delta, ends) in self.delta.iter().zip(ends.windows(2)) {
                let entries = ends[0] as usize..ends[1] as usize;
                for (entry, &column) in entries.clone().zip(&self.columns[entries]) {
                    sums[entry % ABREAST] = products::<T, PARTS>(&self.input[column as usize], delta);
                    if entry % ABREAST == ABREAST - 1 {
                        let grads = self.grads[done..=entry].iter_mut();
                        grads.zip(T::totals(&sums)).for_each(|(grad, total)| *grad += total);
                        done = entry + 1;
                    }
                }
            }
        }
        self.grads[done..].iter_mut().zip(sums).for_each(|(grad, sums)| *grad += total(sums));
    }
}

/// Products of two rows, the vectors of a row added up.
#[inline(always)]
fn products<T: Real, const PARTS: usize>(a: &Row<T>, b: &Row<T>) -> [T; ABREAST] {
    let mut sums = [T::default(); ABREAST];
    for (a, b) in a.0[..PARTS].iter().zip(&b.0) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = a.fused(b, *sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{nn::sparse::tile::Row, simd::CAPABILITIES};

    const SHAPE: [usize; 2] = [5, 300];

    fn row(seed: usize) -> Row<f32> {
        let value = |at: usize| ((seed * 193 + at * 71) % 257) as f32 / 128.0 - 1.0;
        Row(std::array::from_fn(|part| std::array::from_fn(|at| value(part * ABREAST + at))))
    }

    /// Every `every`-th entry.
    fn living(every: usize) -> Vec<[u32; 2]> {
        let entry = |at: usize| [(at / SHAPE[1]) as u32, (at % SHAPE[1]) as u32];
        (0..SHAPE[0] * SHAPE[1]).step_by(every).map(entry).collect()
    }

    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|at| (at * 37 % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Product and gradients, by these vectors.
    fn by(capability: &str, matrix: &Matrix, values: &[f32]) -> (Vec<Row<f32>>, Vec<f32>) {
        let (input, bias) = ((0..SHAPE[1]).map(row).collect::<Vec<_>>(), [0.5; SHAPE[0]]);
        let (mut output, mut grads) = (vec![row(0); SHAPE[0]], vec![0.0; values.len()]);
        let Matrix { starts, columns, .. } = matrix;
        let input = &input[..];
        let multiply = Multiply::<_, 4> { starts, columns, values, bias: &bias, input, output: &mut output };
        simd::run_as(capability, multiply);
        let delta = &output.clone()[..];
        simd::run_as(capability, Correlate::<_, 4> { starts, columns, input, delta, grads: &mut grads });
        (output, grads)
    }

    #[test]
    fn vectors_and_blocks_change_no_bit() {
        for every in [1, 3, 40] {
            let places = living(every);
            let (blocks, order) = Matrix::new(SHAPE, &places);
            assert_eq!(blocks.starts.len() > SHAPE[0] + 1, every < 40, "few entries are not worth blocks");
            let whole = whole(&places);
            let values = values(places.len());
            let reordered: Vec<f32> = order.iter().map(|&entry| values[entry as usize]).collect();
            let (wanted, grads) = by("DEFAULT", &whole, &values);
            for capability in CAPABILITIES {
                let (product, found) = by(capability, &blocks, &reordered);
                for (row, (found, wanted)) in product.iter().zip(&wanted).enumerate() {
                    assert_eq!(found.0, wanted.0, "{capability}, every {every}, row {row}");
                }
                for (place, &entry) in order.iter().enumerate() {
                    assert_eq!(found[place], grads[entry as usize], "{capability}, every {every}, {entry}");
                }
            }
        }
    }

    /// The same entries without blocks: in the order of `places`, which goes by rows.
    fn whole(places: &[[u32; 2]]) -> Matrix {
        let before = |row: usize| places.iter().filter(|place| (place[0] as usize) < row).count() as u32;
        Matrix {
            rows: SHAPE[0],
            starts: (0..=SHAPE[0]).map(before).collect(),
            columns: places.iter().map(|place| place[1]).collect(),
        }
    }
}
