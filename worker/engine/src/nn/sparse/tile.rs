//! Tiles: up to 64 examples side by side, a row of numbers for each feature.

use crate::simd::{ABREAST, Kernel, Real, SQUARE};

/// Examples of a full tile: as many as a batch of the small networks has, and a row of f32 is four of the longest vectors.
pub(super) const EXAMPLES: usize = 64;

/// Vectors of a row.
const PARTS: usize = EXAMPLES / ABREAST;

/// One feature of all examples of a tile, in vectors of [`ABREAST`]. Beyond the last example, up to a whole vector, are inputs of
/// 0 and what follows from them; their losses have no gradient.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Row<T>(pub(super) [[T; ABREAST]; PARTS]);

impl<T: Real> Row<T> {
    /// One value for all examples.
    #[inline(always)]
    pub(super) fn of(value: T) -> Self {
        Self([[value; ABREAST]; PARTS])
    }

    /// The value of an example.
    pub(super) fn at(&mut self, example: usize) -> &mut T {
        &mut self.0[example / ABREAST][example % ABREAST]
    }
}

/// Fills a tile with examples: their features become rows.
pub(super) struct Fill<'a, T> {
    /// All examples, a line of `tile.len()` features each.
    pub(super) source: &'a [T],
    /// Whose lines are wanted.
    pub(super) lines: &'a [i64],
    /// `[features]`
    pub(super) tile: &'a mut [Row<T>],
}

impl<T: Real> Kernel for Fill<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Self { source, lines, tile } = self;
        let end = lines.len().next_multiple_of(ABREAST);
        for row in tile.iter_mut() {
            row.0.as_flattened_mut()[lines.len()..end].fill(T::default());
        }
        let features = tile.len();
        let line = |line: i64| &source[line as usize * features..][..features];
        let nothing = [T::default(); SQUARE];
        // Eight examples from their first feature to their last: that many streams a processor can foresee, not 64.
        for (group, lines) in lines.chunks(SQUARE).enumerate() {
            let first = group * SQUARE;
            let whole = <&[i64; SQUARE]>::try_from(lines);
            for (square, rows) in tile.chunks_mut(SQUARE).enumerate() {
                let from = square * SQUARE;
                if let (Ok(lines), SQUARE) = (whole, rows.len()) {
                    let mut square = [&nothing; SQUARE];
                    for (place, &at) in square.iter_mut().zip(lines) {
                        *place = line(at)[from..].first_chunk().expect("as many as rows");
                    }
                    for (row, values) in rows.iter_mut().zip(T::turned(square)) {
                        row.0[first / ABREAST][first % ABREAST..][..SQUARE].copy_from_slice(&values);
                    }
                    continue;
                }
                for (example, &at) in lines.iter().enumerate() {
                    let values = &line(at)[from..];
                    rows.iter_mut().zip(values).for_each(|(row, &value)| *row.at(first + example) = value);
                }
            }
        }
    }
}
