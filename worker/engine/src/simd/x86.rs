//! What a compiler does not vectorize well by itself, for f32 and vectors of eight (AVX2), which every processor has that
//! has longer ones. The results are those of `Real`'s own methods, bit for bit.

use super::{ABREAST, SQUARE};
use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

type Rows = [[f32; ABREAST]; ABREAST];

/// `Real::totals`.
#[inline(always)]
#[expect(unsafe_code, reason = "the processor's features are checked right before the call")]
pub(super) fn totals(rows: &Rows) -> [f32; ABREAST] {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { totals_of_eight(rows) }
    } else {
        super::totals(rows)
    }
}

/// `Real::turned`.
#[inline(always)]
#[expect(unsafe_code, reason = "the processor's features are checked right before the call")]
pub(super) fn turned(rows: [&[f32; SQUARE]; SQUARE]) -> [[f32; SQUARE]; SQUARE] {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { turned_by_eight(rows) }
    } else {
        super::turned(rows)
    }
}

#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "loads and stores of vectors go by address")]
fn load(row: &[f32; 8]) -> __m256 {
    // SAFETY: the address is that of eight numbers.
    unsafe { _mm256_loadu_ps(row.as_ptr()) }
}

#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "loads and stores of vectors go by address")]
fn store(vector: __m256) -> [f32; 8] {
    let mut row = [0.0; 8];
    // SAFETY: the address is that of eight numbers.
    unsafe { _mm256_storeu_ps(row.as_mut_ptr(), vector) };
    row
}

/// Each step adds the halves of what two vectors hold of a row, and leaves both in one.
#[target_feature(enable = "avx2")]
#[inline]
fn totals_of_eight(rows: &Rows) -> [f32; ABREAST] {
    let eight = |row: usize| {
        let (low, high) = (rows[row].first_chunk().expect("16"), rows[row].last_chunk().expect("16"));
        _mm256_add_ps(load(low), load(high))
    };
    let four = |row: usize| {
        let (a, b) = (eight(row), eight(row + 4));
        _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
    };
    let two = |row: usize| {
        let (a, b) = (four(row), four(row + 1));
        _mm256_add_ps(_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xEE>(a, b))
    };
    let one = |row: usize| {
        let (a, b) = (two(row), two(row + 2));
        store(_mm256_add_ps(_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xDD>(a, b)))
    };
    let mut totals = [0.0; ABREAST];
    totals[..8].copy_from_slice(&one(0));
    totals[8..].copy_from_slice(&one(8));
    totals
}

#[target_feature(enable = "avx2")]
#[inline]
fn turned_by_eight(rows: [&[f32; SQUARE]; SQUARE]) -> [[f32; SQUARE]; SQUARE] {
    // Two rows in turn, then four, then eight.
    let pair = |row: usize| {
        let (a, b) = (load(rows[row]), load(rows[row + 1]));
        [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)]
    };
    let four = |row: usize| {
        let ([a, b], [c, d]) = (pair(row), pair(row + 2));
        [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xEE>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xEE>(b, d),
        ]
    };
    let (top, bottom) = (four(0), four(4));
    let mut columns = [[0.0; SQUARE]; SQUARE];
    for (at, (top, bottom)) in top.into_iter().zip(bottom).enumerate() {
        columns[at] = store(_mm256_permute2f128_ps::<0x20>(top, bottom));
        columns[at + 4] = store(_mm256_permute2f128_ps::<0x31>(top, bottom));
    }
    columns
}
