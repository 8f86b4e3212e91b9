//! Optimizers: PyTorch's formulas, masked, with state that can be saved.
//!
//! An update rule is one file with two forms: a [`crate::simd::Kernel`] over raw memory for one lane on a CPU, and in-place
//! tensor operations for all lanes of a fused pack. Both mask the gradient, so that a masked weight and its state,
//! once exactly zero, stay exactly zero.

mod adam;
mod adamw;
pub(crate) mod clip;
pub(crate) mod l1;
mod rmsprop;
mod sgd;

use crate::{error::Result, simd::Real};
use tch::Tensor;
use tombola_spec::settings::{Optimizer, Train};

/// How weights are updated from gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    optimizer: Optimizer,
    /// L2 penalty added to the gradient, or what AdamW shrinks weights by.
    decay: f64,
    /// Largest norm of a lane's whole gradient. A lone lane clips before [`Rule::update`], which sees parts of it only.
    pub(crate) clip: Option<f64>,
    /// Strength of the L1 penalty on batch normalization's scales; 0 = none. A lone lane adds its gradient, as it clips.
    pub(crate) bn_l1: f64,
}

/// What differs from update to update and from lane to lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// What the direction is multiplied by: the learning rate, for Adam over its first moment's bias correction.
    pub(crate) rate: f64,
    /// One over the square root of the second moment's bias correction; 1 where there is none.
    pub(crate) lift: f64,
    /// What the weights are multiplied by before the step; 1 but for AdamW.
    pub(crate) keep: f64,
}

impl Pace {
    /// No movement at all: a ghost's.
    pub(crate) const STILL: Self = Self { rate: 0.0, lift: 1.0, keep: 1.0 };
}

/// Memory of one parameter (or one flat buffer) of a lane; slices of equal length.
pub(crate) struct Memory<'a, T> {
    /// Weights.
    pub(crate) weights: &'a mut [T],
    /// Gradients.
    pub(crate) grads: &'a [T],
    /// Mask of 0 and 1; `None` = dense.
    pub(crate) mask: Option<&'a [T]>,
    /// State buffers, in the order of [`Rule::buffers`].
    pub(crate) state: Vec<&'a mut [T]>,
}

/// Tensors of a fused pack, each `[B, P]`.
pub(crate) struct Fused<'a> {
    /// Weights.
    pub(crate) weights: &'a mut Tensor,
    /// Gradients; overwritten.
    pub(crate) grads: Tensor,
    /// Mask of 0 and 1; `None` = all lanes dense.
    pub(crate) mask: Option<&'a Tensor>,
    /// 1 where parameters move, else 0, `[P]`; `None` = all do.
    pub(crate) moving: Option<&'a Tensor>,
    /// Strength of the L1 penalty of each, `[P]`; `None` = 0.
    pub(crate) l1: Option<&'a Tensor>,
    /// State buffers, in the order of [`Rule::buffers`].
    pub(crate) state: &'a mut [Tensor],
}

/// [`Pace`] of all lanes, each `[B, 1]`.
pub(crate) struct Paces {
    /// Minus [`Pace::rate`].
    pub(crate) minus_rate: Tensor,
    /// [`Pace::lift`].
    pub(crate) lift: Tensor,
    /// [`Pace::keep`].
    pub(crate) keep: Tensor,
}

impl Rule {
    /// The rule of a recipe.
    pub(crate) fn of(train: &Train) -> Self {
        // By name, so that whoever adds a setting has to decide whether it belongs to the rule, which a fused pack shares.
        let Train {
            optimizer,
            decay,
            clip,
            batch: _,
            lr: _,
            milestones: _,
            gamma: _,
            warmup: _,
            eval_every: _,
            order: _,
            schedule: _,
            partial: _,
            freeze: _,
            bn_l1,
        } = train;
        Self { optimizer: *optimizer, decay: *decay, clip: *clip, bn_l1: *bn_l1 }
    }

    /// PyTorch's names of the state buffers.
    pub(crate) fn buffers(&self) -> &'static [&'static str] {
        self.optimizer.buffers()
    }

    /// The pace of the `update`-th update (from 1) since the optimizer was fresh, at learning rate `lr`.
    pub(crate) fn pace(&self, lr: f64, update: u64) -> Pace {
        match self.optimizer {
            Optimizer::Sgd { .. } | Optimizer::RmsProp { .. } => Pace { rate: lr, ..Pace::STILL },
            Optimizer::Adam { beta1, beta2, .. } => adam::pace(lr, beta1, beta2, update),
            Optimizer::AdamW { beta1, beta2, .. } => adamw::pace(lr, self.decay, beta1, beta2, update),
        }
    }

    /// One update of one lane's memory.
    pub(crate) fn update<T: Real>(&self, pace: Pace, memory: Memory<'_, T>) {
        match self.optimizer {
            Optimizer::Sgd { momentum, nesterov } => {
                sgd::update(momentum, nesterov, self.decay, pace, memory);
            }
            Optimizer::Adam { beta1, beta2, eps } => {
                adam::update([beta1, beta2, eps], self.decay, pace, memory);
            }
            // Its decay is in the pace.
            Optimizer::AdamW { beta1, beta2, eps } => adam::update([beta1, beta2, eps], 0.0, pace, memory),
            Optimizer::RmsProp { alpha, eps, momentum } => {
                rmsprop::update(rmsprop::Constants { alpha, eps, momentum }, self.decay, pace, memory);
            }
        }
    }

    /// One update of all lanes of a fused pack. The caller holds a `no_grad_guard`.
    pub(crate) fn update_fused(&self, paces: &Paces, mut pack: Fused<'_>) -> Result<()> {
        if let Some(mask) = pack.mask {
            let _ = pack.grads.f_mul_(mask)?;
        }
        if let Some(l1) = pack.l1 {
            let _ = pack.grads.f_addcmul_(&pack.weights.f_sign()?, l1)?;
        }
        if let Some(moving) = pack.moving {
            let _ = pack.grads.f_mul_(moving)?;
        }
        if let Some(most) = self.clip {
            clip::clip_fused(most, &mut pack.grads)?;
        }
        self.decay_fused(paces, &mut pack)?;
        match self.optimizer {
            Optimizer::Sgd { momentum, nesterov } => sgd::update_fused(momentum, nesterov, paces, pack),
            Optimizer::Adam { beta1, beta2, eps } | Optimizer::AdamW { beta1, beta2, eps } => {
                adam::update_fused([beta1, beta2, eps], paces, pack)
            }
            Optimizer::RmsProp { alpha, eps, momentum } => {
                rmsprop::update_fused(rmsprop::Constants { alpha, eps, momentum }, paces, pack)
            }
        }
    }
}

impl Rule {
    /// Decay of all lanes, but of what does not move.
    fn decay_fused(&self, paces: &Paces, pack: &mut Fused<'_>) -> Result<()> {
        if matches!(self.optimizer, Optimizer::AdamW { .. }) {
            let keep = match pack.moving {
                None => paces.keep.shallow_clone(),
                Some(moving) => paces.keep.f_where_self(&moving.f_ne(0.0)?, &moving.f_ones_like()?)?,
            };
            let _ = pack.weights.f_mul_(&keep)?;
        } else if self.decay != 0.0 {
            let mut pull = pack.weights.f_mul_scalar(self.decay)?;
            if let Some(moving) = pack.moving {
                let _ = pull.f_mul_(moving)?;
            }
            let _ = pack.grads.f_add_(&pull)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One weight's life, written straight from the documentation of `torch.optim`.
    fn scalar(optimizer: Optimizer, lr: f64, decay: f64, mut weight: f64, grads: &[f64]) -> f64 {
        let (mut first, mut second) = (0.0, 0.0);
        for (t, grad) in grads.iter().enumerate() {
            let decoupled = matches!(optimizer, Optimizer::AdamW { .. });
            let g = if decoupled { *grad } else { grad + decay * weight };
            match optimizer {
                Optimizer::Sgd { momentum, nesterov } => {
                    first = if t == 0 { g } else { momentum * first + g };
                    let step = if nesterov { g + momentum * first } else { first };
                    weight -= lr * if momentum == 0.0 { g } else { step };
                }
                Optimizer::RmsProp { alpha, eps, momentum } => {
                    first = alpha * first + (1.0 - alpha) * g.powi(2);
                    second = momentum * second + g / (first.sqrt() + eps);
                    weight -= lr * second;
                }
                Optimizer::Adam { beta1, beta2, eps } | Optimizer::AdamW { beta1, beta2, eps } => {
                    weight *= if decoupled { 1.0 - lr * decay } else { 1.0 };
                    first = beta1 * first + (1.0 - beta1) * g;
                    second = beta2 * second + (1.0 - beta2) * g.powi(2);
                    let unbiased = first / (1.0 - beta1.powf((t + 1) as f64));
                    let variance = second / (1.0 - beta2.powf((t + 1) as f64));
                    weight -= lr * unbiased / (variance.sqrt() + eps);
                }
            }
        }
        weight
    }

    fn rule(optimizer: Optimizer, decay: f64) -> Rule {
        Rule::of(&Train { decay, ..Train::plain(1, optimizer, 0.0) })
    }

    /// Gradients and learning rates of five steps, and what PyTorch 2.11.0 makes of (0.5, -1.25, 2) with them, in f64; of
    /// AdamW and RMSprop what a few lines of Python make of the formulas in its documentation.
    #[test]
    fn five_steps_end_where_pytorchs_end() {
        let grads =
            [[0.1, -0.2, 0.3], [-0.4, 0.05, 0.6], [0.7, 0.8, -0.9], [0.01, -0.02, 0.03], [1.5, -2.5, 0.0]];
        let rates = [0.1, 0.1, 0.1, 0.01, 0.01];
        let sgd = |momentum, nesterov| Optimizer::Sgd { momentum, nesterov };
        let adam = |beta1, beta2, eps| Optimizer::Adam { beta1, beta2, eps };
        let adamw = |beta1, beta2, eps| Optimizer::AdamW { beta1, beta2, eps };
        let rmsprop = |alpha, eps, momentum| Optimizer::RmsProp { alpha, eps, momentum };
        for (optimizer, decay, wanted) in [
            (sgd(0.0, false), 0.0, [0.4449, -1.2898, 1.9997]),
            (sgd(0.9, false), 0.05, [0.4407030969483594, -1.2323931391915546, 1.8339947229722497]),
            (sgd(0.9, true), 0.05, [0.3835810218315214, -1.2547928852689048, 1.8209006043184917]),
            (adam(0.9, 0.999, 1e-8), 0.0, [0.4141408883256296, -1.1559832671297483, 1.8108612971279843]),
            (adam(0.8, 0.99, 1e-4), 0.05, [0.4016247879283715, -1.1336543557020768, 1.7987871681405188]),
            (adamw(0.9, 0.999, 1e-8), 0.01, [0.4127023226164057, -1.1522529817051055, 1.8048028035447183]),
            (adamw(0.8, 0.99, 1e-4), 0.05, [0.40511463651503266, -1.1496959225753935, 1.7876878998308365]),
            (rmsprop(0.99, 1e-8, 0.0), 0.0, [-0.48178301901260645, -1.365152546863642, 0.9054910607594776]),
            (rmsprop(0.9, 1e-4, 0.9), 0.05, [-0.13140715004080336, -0.6779023119463213, 0.8047575697939341]),
        ] {
            let rule = rule(optimizer, decay);
            let (mut weights, mut state) = ([0.5f64, -1.25, 2.0], vec![vec![0.0; 3]; rule.buffers().len()]);
            for (step, (grads, lr)) in grads.iter().zip(rates).enumerate() {
                let state = state.iter_mut().map(Vec::as_mut_slice).collect();
                let memory = Memory { weights: &mut weights, grads, mask: None, state };
                rule.update(rule.pace(lr, step as u64 + 1), memory);
            }
            for (weight, wanted) in weights.iter().zip(wanted) {
                assert!((weight - wanted).abs() < 1e-15, "{optimizer:?}: {weight} against {wanted}");
            }
        }
    }

    /// Norms of 5, of 0.1 and of a NaN, to at most 0.5: one lane's does not matter to another.
    #[test]
    fn each_lanes_gradient_is_clipped_by_its_own_norm() {
        let lanes = [[3.0, 4.0], [0.06, 0.08], [f64::NAN, 1.0]];
        let mut grads = Tensor::from_slice(&lanes.concat()).view([3, 2]);
        clip::clip_fused(0.5, &mut grads).unwrap();
        let scale = 0.5 / (5.0 + 1e-6);
        for (lane, wanted) in [(0, [3.0 * scale, 4.0 * scale]), (1, [0.06, 0.08])] {
            let alone = clip::factor(0.5, clip::sum_of_squares(&lanes[lane], None));
            for (index, wanted) in wanted.into_iter().enumerate() {
                let fused = grads.double_value(&[lane as i64, index as i64]);
                assert!(
                    (fused - wanted).abs() < 1e-15 && (lanes[lane][index] * alone - wanted).abs() < 1e-15
                );
            }
        }
        assert!(grads.double_value(&[2, 1]).is_nan());
        assert!(clip::factor(0.5, clip::sum_of_squares(&lanes[2], None)).is_nan());
        let living = clip::sum_of_squares(&[3.0, 4.0, 12.0], Some(&[1.0, 1.0, 0.0]));
        assert_eq!(living, 25.0, "pruned weights have no gradient");
    }

    const OPTIMIZERS: [Optimizer; 7] = [
        Optimizer::Sgd { momentum: 0.0, nesterov: false },
        Optimizer::Sgd { momentum: 0.9, nesterov: false },
        Optimizer::Sgd { momentum: 0.8, nesterov: true },
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Optimizer::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Optimizer::RmsProp { alpha: 0.9, eps: 1e-6, momentum: 0.0 },
        Optimizer::RmsProp { alpha: 0.99, eps: 1e-8, momentum: 0.9 },
    ];

    /// Enough weights for whole vectors and a rest.
    const COUNT: usize = 37;

    fn grads(step: usize) -> Vec<f64> {
        (0..COUNT).map(|index| ((index * 31 + step * 17) % 23) as f64 / 11.0 - 1.0).collect()
    }

    fn start() -> Vec<f64> {
        (0..COUNT).map(|index| index as f64 / 10.0 - 1.8).collect()
    }

    fn expected(optimizer: Optimizer, index: usize) -> f64 {
        let own: Vec<f64> = (0..20).map(|step| grads(step)[index]).collect();
        scalar(optimizer, 0.01, 0.1, start()[index], &own)
    }

    #[test]
    fn updates_of_raw_memory_are_pytorchs() {
        for optimizer in OPTIMIZERS {
            let rule = rule(optimizer, 0.1);
            let (mut weights, mut state) = (start(), vec![vec![0.0; COUNT]; rule.buffers().len()]);
            for step in 0..20 {
                let memory = Memory {
                    weights: &mut weights,
                    grads: &grads(step),
                    mask: None,
                    state: state.iter_mut().map(Vec::as_mut_slice).collect(),
                };
                rule.update(rule.pace(0.01, step as u64 + 1), memory);
            }
            for (index, weight) in weights.iter().enumerate() {
                let wanted = expected(optimizer, index);
                assert!((weight - wanted).abs() < 1e-13, "{optimizer:?} {index}: {weight} against {wanted}");
            }
        }
    }

    #[test]
    fn updates_of_fused_lanes_are_pytorchs_at_each_lanes_own_pace() {
        let _guard = tch::no_grad_guard();
        for optimizer in OPTIMIZERS {
            let rule = rule(optimizer, 0.1);
            let flat = Tensor::from_slice(&start()).view([1, -1]);
            let mut weights = Tensor::cat(&[&flat, &flat], 0);
            let mut state: Vec<_> = rule.buffers().iter().map(|_| weights.zeros_like()).collect();
            for step in 0..20 {
                // The second lane stands still.
                let paces = [rule.pace(0.01, step as u64 + 1), Pace::STILL];
                let column = |values: [f64; 2]| Tensor::from_slice(&values).view([2, 1]);
                let paces = Paces {
                    minus_rate: column(paces.map(|pace| -pace.rate)),
                    lift: column(paces.map(|pace| pace.lift)),
                    keep: column(paces.map(|pace| pace.keep)),
                };
                let grads = Tensor::from_slice(&grads(step)).view([1, -1]);
                let grads = Tensor::cat(&[&grads, &grads], 0);
                let (mask, moving, l1) = (None, None, None);
                let pack = Fused { weights: &mut weights, grads, mask, moving, l1, state: &mut state };
                rule.update_fused(&paces, pack).unwrap();
            }
            for index in 0..COUNT {
                let (moved, wanted) = (weights.double_value(&[0, index as i64]), expected(optimizer, index));
                assert!((moved - wanted).abs() < 1e-13, "{optimizer:?} {index}: {moved} against {wanted}");
                assert_eq!(weights.double_value(&[1, index as i64]), start()[index]);
            }
        }
    }
}
