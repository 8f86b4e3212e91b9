//! Raw memory of tensors on the host, and kernels over it, compiled for the widest vectors this processor has.
//!
//! A multiplication and an addition are fused only by kernels that say so and run only where [`fuses`] holds, so that the
//! bits do not depend on the processor.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, AddAssign, Div, Mul, Sub};
use tch::{Tensor, kind::Element};

/// Numbers that are added up side by side. Fixed, because sums depend on it in the last bit: wider vectors must not change
/// them.
pub(crate) const ABREAST: usize = 16;

/// Rows and columns of a square that is turned at once.
pub(crate) const SQUARE: usize = 8;

/// A float the kernels compute in.
pub(crate) trait Real:
    Element
    + Copy
    + Default
    + PartialOrd
    + Into<f64>
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// The nearest value.
    fn of(value: f64) -> Self;
    /// The square root, correctly rounded.
    fn root(self) -> Self;
    /// `self * factor + sum`, rounded once. Only for kernels that run where [`fuses`] holds: elsewhere it is a call.
    fn fused(self, factor: Self, sum: Self) -> Self;

    /// The sum of each row: halves are added until one number is left, in this order whatever the processor.
    #[inline(always)]
    fn totals(rows: &[[Self; ABREAST]; ABREAST]) -> [Self; ABREAST] {
        totals(rows)
    }

    /// Columns of a square, given by its rows.
    #[inline(always)]
    fn turned(rows: [&[Self; SQUARE]; SQUARE]) -> [[Self; SQUARE]; SQUARE] {
        turned(rows)
    }
}

// Loops, not the methods of arrays: closures are not always made a part of the kernel.

#[inline(always)]
fn totals<T: Real>(rows: &[[T; ABREAST]; ABREAST]) -> [T; ABREAST] {
    let mut totals = [T::default(); ABREAST];
    for (sum, row) in totals.iter_mut().zip(rows) {
        *sum = total(*row);
    }
    totals
}

#[inline(always)]
fn turned<T: Real>(rows: [&[T; SQUARE]; SQUARE]) -> [[T; SQUARE]; SQUARE] {
    let mut columns = [[T::default(); SQUARE]; SQUARE];
    for (at, row) in rows.into_iter().enumerate() {
        for (column, &value) in columns.iter_mut().zip(row) {
            column[at] = value;
        }
    }
    columns
}

/// The sum of some numbers, in the order of [`Real::totals`].
#[inline(always)]
pub(crate) fn total<T: Real>(mut row: [T; ABREAST]) -> T {
    let mut half = ABREAST / 2;
    while half > 0 {
        for index in 0..half {
            row[index] += row[index + half];
        }
        half /= 2;
    }
    row[0]
}

macro_rules! real {
    ($float:ty $(, $wide:ident)?) => {
        impl Real for $float {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn fused(self, factor: Self, sum: Self) -> Self {
                self.mul_add(factor, sum)
            }

            $(
                #[cfg(target_arch = "x86_64")]
                #[inline(always)]
                fn totals(rows: &[[Self; ABREAST]; ABREAST]) -> [Self; ABREAST] {
                    $wide::totals(rows)
                }

                #[cfg(target_arch = "x86_64")]
                #[inline(always)]
                fn turned(rows: [&[Self; SQUARE]; SQUARE]) -> [[Self; SQUARE]; SQUARE] {
                    $wide::turned(rows)
                }
            )?
        }
    };
}

real!(f32, x86);
real!(f64);

/// A loop to be vectorized. `run` must be `#[inline(always)]`, or it is compiled for the oldest processor.
pub(crate) trait Kernel {
    /// The loop.
    fn run(self);
}

/// What [`capability`] may be.
#[cfg(test)]
pub(crate) const CAPABILITIES: [&str; 3] = ["AVX512", "AVX2", "DEFAULT"];

/// Runs `kernel` with the widest vectors at hand.
pub(crate) fn run(kernel: impl Kernel) {
    run_as(capability(), kernel);
}

/// Runs `kernel` with the vectors of a capability; without any where the processor lacks it.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the processor's features are checked right before the call")]
pub(crate) fn run_as(wanted: &str, kernel: impl Kernel) {
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
    fn with_avx512(kernel: impl Kernel) {
        kernel.run();
    }
    #[target_feature(enable = "avx2,fma")]
    fn with_avx2(kernel: impl Kernel) {
        kernel.run();
    }
    match (wanted, capability()) {
        // SAFETY: `capability` found every feature the function is compiled with.
        ("AVX512", "AVX512") => unsafe { with_avx512(kernel) },
        // SAFETY: as above; a processor that has the longer vectors has these.
        ("AVX2", "AVX512" | "AVX2") => unsafe { with_avx2(kernel) },
        _ => kernel.run(),
    }
}

/// Runs `kernel`.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run_as(_: &str, kernel: impl Kernel) {
    kernel.run();
}

/// Whether kernels may fuse: the processor is known to do it as fast as an addition (x86-64-v3; others were not measured).
pub(crate) fn fuses() -> bool {
    capability() != "DEFAULT"
}

/// The processor's vector capability, as libtorch names it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn capability() -> &'static str {
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma");
    match () {
        () if avx512 => "AVX512",
        () if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") => "AVX2",
        () => "DEFAULT",
    }
}

/// The processor's vector capability, as libtorch names it.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn capability() -> &'static str {
    "DEFAULT"
}

/// The elements of a contiguous host tensor of type `T`.
#[expect(unsafe_code, reason = "the optimizer is one pass over raw memory")]
pub(crate) fn slice<T: Element>(tensor: &Tensor) -> &[T] {
    debug_assert!(tensor.is_contiguous() && tensor.kind() == T::KIND);
    if tensor.numel() == 0 {
        return &[]; // It may have no memory at all.
    }
    // SAFETY: every tensor that gets here is contiguous, of kind `T`, on the host, and kept alive by the borrow; nobody
    // writes to it while the slice lives, because one thread alone holds a lane, and data sets, which all of them read, are
    // never written to once they are loaded.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// As [`slice`], to write to.
#[expect(unsafe_code, reason = "the optimizer is one pass over raw memory")]
pub(crate) fn slice_mut<T: Element>(tensor: &mut Tensor) -> &mut [T] {
    debug_assert!(tensor.is_contiguous() && tensor.kind() == T::KIND);
    if tensor.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as in `slice`; flat buffers do not overlap, and their views are not read while the slice lives.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sums<'a, T>(&'a [[T; ABREAST]; ABREAST], &'a mut [T; ABREAST]);

    impl<T: Real> Kernel for Sums<'_, T> {
        #[inline(always)]
        fn run(self) {
            *self.1 = T::totals(self.0);
        }
    }

    struct Turn<'a, T>(&'a [[T; SQUARE]; SQUARE], &'a mut [[T; SQUARE]; SQUARE]);

    impl<T: Real> Kernel for Turn<'_, T> {
        #[inline(always)]
        fn run(self) {
            *self.1 = T::turned(self.0.each_ref());
        }
    }

    /// Numbers whose sum depends on the order they are added in.
    fn number(index: usize) -> f64 {
        let digits = (index * 7919 % 1009) as f64 - 500.0;
        digits * 10f64.powi(index as i32 * 31 % 7)
    }

    fn sums_do_not_depend_on_the_processor<T: Real + std::fmt::Debug>() {
        let rows = std::array::from_fn(|row| std::array::from_fn(|at| T::of(number(row * ABREAST + at))));
        let squares = std::array::from_fn(|row| std::array::from_fn(|at| T::of(number(row * SQUARE + at))));
        for capability in CAPABILITIES {
            let (mut totals, mut turned) = ([T::of(0.0); ABREAST], [[T::of(0.0); SQUARE]; SQUARE]);
            run_as(capability, Sums(&rows, &mut totals));
            run_as(capability, Turn(&squares, &mut turned));
            for (row, found) in rows.iter().zip(totals) {
                let halves = |numbers: &[T]| -> Vec<T> {
                    let (low, high) = numbers.split_at(numbers.len() / 2);
                    low.iter().zip(high).map(|(&a, &b)| a + b).collect()
                };
                let wanted = halves(&halves(&halves(&halves(row))))[0];
                assert_eq!(found.into().to_bits(), wanted.into().to_bits(), "{capability} {row:?}");
            }
            for (row, column) in (0..SQUARE).flat_map(|row| (0..SQUARE).map(move |column| (row, column))) {
                assert!(turned[column][row] == squares[row][column], "{capability} {row} {column}");
            }
        }
    }

    #[test]
    fn sums_and_turns_are_the_same_whatever_the_vectors() {
        sums_do_not_depend_on_the_processor::<f32>();
        sums_do_not_depend_on_the_processor::<f64>();
    }
}
