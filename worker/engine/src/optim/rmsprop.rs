//! RMSprop, not centered (Hinton's lecture 6e), `torch.optim.RMSprop`.
//!
//! v <- alpha v + (1 - alpha) g²; d = g / (sqrt(v) + eps); w <- w - lr d, or b <- momentum b + d; w <- w - lr b.

use super::{Fused, Memory, Pace, Paces};
use crate::{
    error::Result,
    simd::{self, Kernel, Real},
};

/// Its own constants.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    pub(super) alpha: f64,
    pub(super) eps: f64,
    pub(super) momentum: f64,
}

/// One update of one lane.
pub(super) fn update<T: Real>(constants: Constants, decay: f64, pace: Pace, memory: Memory<'_, T>) {
    let Memory { weights, grads, mask, state } = memory;
    let mut state = state.into_iter();
    let Some(square) = state.next() else {
        return; // A rule's state always has the buffers it names; without them there is nothing to update.
    };
    let Constants { alpha, eps, momentum } = constants;
    let terms = Terms {
        rate: T::of(pace.rate),
        decay: T::of(decay),
        keep: T::of(alpha),
        take: T::of(1.0 - alpha),
        eps: T::of(eps),
        momentum: T::of(momentum),
    };
    // A dense lane's mask is its gradients, which are then not looked at as such.
    let (masked, mask) = (mask.is_some(), mask.unwrap_or(grads));
    match (masked, state.next()) {
        (false, None) => simd::run(Plain::<T, false> { weights, grads, mask, square, terms }),
        (true, None) => simd::run(Plain::<T, true> { weights, grads, mask, square, terms }),
        (false, Some(buffer)) => {
            simd::run(HeavyBall::<T, false> { weights, grads, mask, square, buffer, terms });
        }
        (true, Some(buffer)) => {
            simd::run(HeavyBall::<T, true> { weights, grads, mask, square, buffer, terms });
        }
    }
}

struct Terms<T> {
    rate: T,
    decay: T,
    keep: T,
    take: T,
    eps: T,
    momentum: T,
}

impl<T: Real> Terms<T> {
    /// The gradient over its root mean square.
    #[inline(always)]
    fn direction(&self, grad: T, weight: T, square: &mut T) -> T {
        let grad = grad + self.decay * weight;
        *square = self.keep * *square + self.take * grad * grad;
        grad / (square.root() + self.eps)
    }
}

struct Plain<'a, T, const MASKED: bool> {
    weights: &'a mut [T],
    grads: &'a [T],
    mask: &'a [T],
    square: &'a mut [T],
    terms: Terms<T>,
}

impl<T: Real, const MASKED: bool> Kernel for Plain<'_, T, MASKED> {
    #[inline(always)]
    fn run(self) {
        let terms = self.terms;
        let memory = self.weights.iter_mut().zip(self.grads).zip(self.mask).zip(self.square);
        for (((weight, &grad), &alive), square) in memory {
            let grad = if MASKED { grad * alive } else { grad };
            *weight = *weight - terms.rate * terms.direction(grad, *weight, square);
        }
    }
}

struct HeavyBall<'a, T, const MASKED: bool> {
    weights: &'a mut [T],
    grads: &'a [T],
    mask: &'a [T],
    square: &'a mut [T],
    buffer: &'a mut [T],
    terms: Terms<T>,
}

impl<T: Real, const MASKED: bool> Kernel for HeavyBall<'_, T, MASKED> {
    #[inline(always)]
    fn run(self) {
        let terms = self.terms;
        let memory = self.weights.iter_mut().zip(self.grads).zip(self.mask).zip(self.square).zip(self.buffer);
        for ((((weight, &grad), &alive), square), buffer) in memory {
            let grad = if MASKED { grad * alive } else { grad };
            *buffer = terms.momentum * *buffer + terms.direction(grad, *weight, square);
            *weight = *weight - terms.rate * *buffer;
        }
    }
}

/// One update of all lanes; the gradient is masked and decayed already.
pub(super) fn update_fused(constants: Constants, paces: &Paces, pack: Fused<'_>) -> Result<()> {
    let Constants { alpha, eps, momentum } = constants;
    let Fused { weights, grads, state, .. } = pack;
    let Some((square, buffer)) = state.split_first_mut() else {
        return Ok(()); // As in `update`.
    };
    let taken = grads.f_mul_scalar(1.0 - alpha)?;
    let _ = square.f_mul_scalar_(alpha)?.f_addcmul_(&taken, &grads)?;
    let mut direction = grads.f_div(&square.f_sqrt()?.f_add_scalar_(eps)?)?;
    if let Some(buffer) = buffer.first_mut() {
        direction = buffer.f_mul_scalar_(momentum)?.f_add_(&direction)?;
    }
    let _ = weights.f_addcmul_(&direction, &paces.minus_rate)?;
    Ok(())
}
