//! Adam with bias correction (arXiv 1412.6980, Algorithm 1), `torch.optim.Adam`.
//!
//! m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g²; w <- w - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps).

use super::{Fused, Memory, Pace, Paces};
use crate::{
    error::Result,
    simd::{self, Kernel, Real},
};

/// Bias corrections of the `update`-th update, from 1.
pub(super) fn pace(lr: f64, beta1: f64, beta2: f64, update: u64) -> Pace {
    // From 2^31 updates on, the powers have long vanished.
    let power = i32::try_from(update).unwrap_or(i32::MAX);
    let (rate, lift) = (lr / (1.0 - beta1.powi(power)), 1.0 / (1.0 - beta2.powi(power)).sqrt());
    Pace { rate, lift, ..Pace::STILL }
}

/// One update of one lane; `constants` are beta1, beta2, eps.
pub(super) fn update<T: Real>(constants: [f64; 3], decay: f64, pace: Pace, memory: Memory<'_, T>) {
    let Memory { weights, grads, mask, state } = memory;
    let mut state = state.into_iter();
    let (Some(first), Some(second)) = (state.next(), state.next()) else {
        return; // A rule's state always has the buffers it names; without them there is nothing to update.
    };
    let [beta1, beta2, eps] = constants;
    let terms = Terms {
        rate: T::of(pace.rate),
        lift: T::of(pace.lift),
        shrink: T::of(pace.keep),
        decay: T::of(decay),
        keep: [T::of(beta1), T::of(beta2)],
        take: [T::of(1.0 - beta1), T::of(1.0 - beta2)],
        eps: T::of(eps),
    };
    match mask {
        None => simd::run(Moments::<T, false> { weights, grads, mask: grads, first, second, terms }),
        Some(mask) => simd::run(Moments::<T, true> { weights, grads, mask, first, second, terms }),
    }
}

struct Terms<T> {
    rate: T,
    lift: T,
    shrink: T,
    decay: T,
    keep: [T; 2],
    take: [T; 2],
    eps: T,
}

struct Moments<'a, T, const MASKED: bool> {
    weights: &'a mut [T],
    grads: &'a [T],
    mask: &'a [T],
    first: &'a mut [T],
    second: &'a mut [T],
    terms: Terms<T>,
}

impl<T: Real, const MASKED: bool> Kernel for Moments<'_, T, MASKED> {
    #[inline(always)]
    fn run(self) {
        let Terms { rate, lift, shrink, decay, keep, take, eps } = self.terms;
        let memory = self.weights.iter_mut().zip(self.grads).zip(self.mask).zip(self.first).zip(self.second);
        for ((((weight, &grad), &alive), first), second) in memory {
            let grad = if MASKED { grad * alive } else { grad };
            let grad = grad + decay * *weight;
            *first = keep[0] * *first + take[0] * grad;
            *second = keep[1] * *second + take[1] * grad * grad;
            // For Adam itself `shrink` is 1, which changes no bit.
            *weight = shrink * *weight - rate * (*first / (second.root() * lift + eps));
        }
    }
}

/// One update of all lanes; the gradient is masked and decayed already.
pub(super) fn update_fused(constants: [f64; 3], paces: &Paces, pack: Fused<'_>) -> Result<()> {
    let [beta1, beta2, eps] = constants;
    let Fused { weights, mut grads, state, .. } = pack;
    let [first, second] = state else {
        return Ok(()); // As in `update`.
    };
    let taken = grads.f_mul_scalar(1.0 - beta2)?;
    let _ = second.f_mul_scalar_(beta2)?.f_addcmul_(&taken, &grads)?;
    let taken = grads.f_mul_scalar_(1.0 - beta1)?;
    let _ = first.f_mul_scalar_(beta1)?.f_add_(&taken)?;
    let scale = second.f_sqrt()?.f_mul_(&paces.lift)?.f_add_scalar_(eps)?;
    let direction = first.f_div(&scale)?;
    let _ = weights.f_addcmul_(&direction, &paces.minus_rate)?;
    Ok(())
}
