//! Stochastic gradient descent with heavy-ball or Nesterov momentum, `torch.optim.SGD` without dampening.
//!
//! b <- momentum b + g; w <- w - lr b, or w - lr (g + momentum b) with Nesterov's look-ahead.

use super::{Fused, Memory, Pace, Paces};
use crate::{
    error::Result,
    simd::{self, Kernel, Real},
};

/// One update of one lane.
pub(super) fn update<T: Real>(momentum: f64, nesterov: bool, decay: f64, pace: Pace, memory: Memory<'_, T>) {
    let Memory { weights, grads, mask, state } = memory;
    let (rate, decay, momentum) = (T::of(pace.rate), T::of(decay), T::of(momentum));
    let terms = Terms { rate, decay, momentum };
    match (mask, state.into_iter().next()) {
        (None, None) => simd::run(Plain::<T, false> { weights, grads, mask: grads, terms }),
        (Some(mask), None) => simd::run(Plain::<T, true> { weights, grads, mask, terms }),
        (None, Some(buffer)) => {
            simd::run(HeavyBall::<T, false> { weights, grads, mask: grads, buffer, terms, nesterov });
        }
        (Some(mask), Some(buffer)) => {
            simd::run(HeavyBall::<T, true> { weights, grads, mask, buffer, terms, nesterov });
        }
    }
}

struct Terms<T> {
    rate: T,
    decay: T,
    momentum: T,
}

struct Plain<'a, T, const MASKED: bool> {
    weights: &'a mut [T],
    grads: &'a [T],
    mask: &'a [T],
    terms: Terms<T>,
}

impl<T: Real, const MASKED: bool> Kernel for Plain<'_, T, MASKED> {
    #[inline(always)]
    fn run(self) {
        let Terms { rate, decay, .. } = self.terms;
        for ((weight, &grad), &alive) in self.weights.iter_mut().zip(self.grads).zip(self.mask) {
            let grad = if MASKED { grad * alive } else { grad };
            *weight = *weight - rate * (grad + decay * *weight);
        }
    }
}

struct HeavyBall<'a, T, const MASKED: bool> {
    weights: &'a mut [T],
    grads: &'a [T],
    mask: &'a [T],
    buffer: &'a mut [T],
    terms: Terms<T>,
    nesterov: bool,
}

impl<T: Real, const MASKED: bool> Kernel for HeavyBall<'_, T, MASKED> {
    #[inline(always)]
    fn run(self) {
        let Terms { rate, decay, momentum } = self.terms;
        let memory = self.weights.iter_mut().zip(self.grads).zip(self.mask).zip(self.buffer);
        for (((weight, &grad), &alive), buffer) in memory {
            let grad = if MASKED { grad * alive } else { grad };
            let grad = grad + decay * *weight;
            *buffer = momentum * *buffer + grad;
            let direction = if self.nesterov { grad + momentum * *buffer } else { *buffer };
            *weight = *weight - rate * direction;
        }
    }
}

/// One update of all lanes; the gradient is masked and decayed already.
pub(super) fn update_fused(momentum: f64, nesterov: bool, paces: &Paces, mut pack: Fused<'_>) -> Result<()> {
    let direction = match pack.state.first_mut() {
        None => pack.grads,
        Some(buffer) => {
            let _ = buffer.f_mul_scalar_(momentum)?.f_add_(&pack.grads)?;
            if nesterov {
                let ahead = buffer.f_mul_scalar(momentum)?;
                pack.grads.f_add_(&ahead)?
            } else {
                buffer.shallow_clone()
            }
        }
    };
    let _ = pack.weights.f_addcmul_(&direction, &paces.minus_rate)?;
    Ok(())
}
