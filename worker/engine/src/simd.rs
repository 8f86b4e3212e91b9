//! Raw memory of tensors on the host, and kernels over it, compiled for the widest vectors this processor has.
//!
//! No fused multiply-add is ever used, so that the bits do not depend on the processor.

use std::ops::{Add, AddAssign, Div, Mul, Sub};
use tch::{Tensor, kind::Element};

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
}

macro_rules! real {
    ($float:ty) => {
        impl Real for $float {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }
        }
    };
}

real!(f32);
real!(f64);

/// A loop to be vectorized. `run` must be `#[inline(always)]`, or it is compiled for the oldest processor.
pub(crate) trait Kernel {
    /// The loop.
    fn run(self);
}

/// Runs `kernel` with the widest vectors at hand.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the processor's features are checked right before the call")]
pub(crate) fn run(kernel: impl Kernel) {
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
    fn with_avx512(kernel: impl Kernel) {
        kernel.run();
    }
    #[target_feature(enable = "avx2")]
    fn with_avx2(kernel: impl Kernel) {
        kernel.run();
    }
    match capability() {
        // SAFETY: `capability` found every feature the function is compiled with.
        "AVX512" => unsafe { with_avx512(kernel) },
        // SAFETY: as above.
        "AVX2" => unsafe { with_avx2(kernel) },
        _ => kernel.run(),
    }
}

/// Runs `kernel`.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run(kernel: impl Kernel) {
    kernel.run();
}

/// The processor's vector capability, as libtorch names it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn capability() -> &'static str {
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw");
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
    // SAFETY: every tensor that gets here is contiguous, of kind `T`, on the host, and kept alive by the borrow; nobody
    // writes to it while the slice lives, because one thread alone holds a lane.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// As [`slice`], to write to.
#[expect(unsafe_code, reason = "the optimizer is one pass over raw memory")]
pub(crate) fn slice_mut<T: Element>(tensor: &mut Tensor) -> &mut [T] {
    debug_assert!(tensor.is_contiguous() && tensor.kind() == T::KIND);
    // SAFETY: as in `slice`; flat buffers do not overlap, and their views are not read while the slice lives.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}
