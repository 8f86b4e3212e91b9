//! L1 penalty on the scales of batch normalizations (arXiv 1909.11957, section 2; network slimming, arXiv 1708.06519):
//! g <- g + strength sign(w), after the backward pass and before anything else is made of the gradient.

use crate::simd::Real;

/// Adds the penalty's gradient to that of scales.
pub(crate) fn add<T: Real>(strength: f64, scales: &[T], grads: &mut [T]) {
    let (zero, pull) = (T::default(), T::of(strength));
    for (grad, &scale) in grads.iter_mut().zip(scales) {
        if scale > zero {
            *grad += pull;
        } else if scale < zero {
            *grad = *grad - pull;
        }
    }
}
