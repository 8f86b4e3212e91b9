//! Clipping of a network's whole gradient by its norm, `torch.nn.utils.clip_grad_norm_`: g <- g min(1, most / (|g| + 1e-6)).
//!
//! Pruned weights have no gradient: the norm is that of the living ones, lane by lane.

use crate::{error::Result, simd::Real};
use tch::{Kind, Tensor};

/// PyTorch's guard against a norm of zero.
const EPS: f64 = 1e-6;

/// Sum of the squares of a lane's gradients, of those that live by `mask`; in f64.
pub(crate) fn sum_of_squares<T: Real>(grads: &[T], mask: Option<&[T]>) -> f64 {
    let square = |grad: T| -> f64 {
        let grad: f64 = grad.into();
        grad * grad
    };
    match mask {
        None => grads.iter().map(|&grad| square(grad)).sum(),
        Some(mask) => grads.iter().zip(mask).map(|(&grad, &alive)| square(grad * alive)).sum(),
    }
}

/// What a gradient whose squares sum up to `sum` is multiplied by.
pub(crate) fn factor(most: f64, sum: f64) -> f64 {
    let factor = most / (sum.sqrt() + EPS);
    // Not `min`, which would turn NaN into 1 and hide a ruined lane for a step.
    if factor > 1.0 { 1.0 } else { factor }
}

/// Clips the gradients of all lanes, `[B, P]`, masked already, each by its own norm.
pub(super) fn clip_fused(most: f64, grads: &mut Tensor) -> Result<()> {
    let sums = grads.f_to_kind(Kind::Double)?.f_square()?.f_sum_dim_intlist(1, true, None::<Kind>)?;
    let factors =
        sums.f_sqrt()?.f_add_scalar_(EPS)?.f_reciprocal_()?.f_mul_scalar_(most)?.f_clamp_max_(1.0)?;
    let _ = grads.f_mul_(&factors.f_to_kind(grads.f_kind()?)?)?;
    Ok(())
}
