//! Cross-entropy, and what an evaluation counts.

use crate::{error::Result, simd::Real};
use std::cmp::Ordering;
use tch::{Kind, Reduction, Tensor};

/// Mean cross-entropy over the batch, in nat, one value per lane: `[]` plain, `[B]` with lanes.
///
/// `logits` `[N, classes]` or `[B, N, classes]`; `labels` `[N]` or `[B, N]`. The gradient of a pack is that of the sum
/// over lanes, so that a lane's gradient does not depend on how many neighbours it has.
pub(crate) fn losses(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(each(logits, labels)?.f_mean_dim(-1i64, false, None::<Kind>)?)
}

/// Sum of the cross-entropies (f64) and number of right answers over the batch, per lane; both `[]` or `[B]`.
pub(crate) fn tally(logits: &Tensor, labels: &Tensor) -> Result<(Tensor, Tensor)> {
    let loss = each(logits, labels)?.f_sum_dim_intlist(-1i64, false, Kind::Double)?;
    let right =
        logits.f_argmax(-1, false)?.f_eq_tensor(labels)?.f_sum_dim_intlist(-1i64, false, Kind::Int64)?;
    Ok((loss, right))
}

/// The cross-entropy of each example, of the shape of `labels`.
fn each(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let classes = *logits.size().last().expect("logits have a class dimension");
    let rows = logits.f_reshape([-1, classes])?;
    let targets = labels.f_reshape([-1])?;
    let each = rows.f_cross_entropy_loss(&targets, None::<Tensor>, Reduction::None, -100, 0.0)?;
    Ok(each.f_view(labels.size().as_slice())?)
}

/// Cross-entropy by hand, one example after another. In f64 whatever the network computes in.
pub(super) struct CrossEntropy {
    /// Examples whose mean is wanted.
    count: f64,
    /// Of one example, e to the power of each logit less the greatest.
    shares: Vec<f64>,
}

impl CrossEntropy {
    /// Of a mean over `count` examples.
    pub(super) fn of(count: usize) -> Self {
        Self { count: count as f64, shares: Vec::new() }
    }

    /// The sum over some of the examples, in nat, of `logits` `[n, classes]`; its gradient, of the mean over all, into
    /// `deltas` `[n, classes]`.
    pub(super) fn differentiate<T: Real>(&mut self, logits: &[T], labels: &[i64], deltas: &mut [T]) -> f64 {
        let classes = logits.len() / labels.len().max(1);
        let rows = logits.chunks_exact(classes).zip(deltas.chunks_exact_mut(classes));
        let mut sum = 0.0;
        for ((logits, deltas), &label) in rows.zip(labels) {
            let right = label as usize;
            let total = self.add(&mut sum, logits, right);
            for (class, (delta, share)) in deltas.iter_mut().zip(&self.shares).enumerate() {
                let wanted = if class == right { 1.0 } else { 0.0 };
                *delta = T::of((share / total - wanted) / self.count);
            }
        }
        sum
    }

    /// The sum over some of the examples, in nat, of `logits` `[n, classes]`, and how many of them have their greatest logit,
    /// the first if there are several, at their label.
    pub(super) fn tally<T: Real>(&mut self, logits: &[T], labels: &[i64]) -> (f64, i64) {
        let classes = logits.len() / labels.len().max(1);
        let (mut sum, mut rights) = (0.0, 0);
        for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
            let right = label as usize;
            self.add(&mut sum, logits, right);
            // What is not a number beats nothing and is beaten by nothing: then no answer is right.
            let beaten = |(class, &other): (usize, &T)| match class.cmp(&right) {
                Ordering::Less => other < logits[right],
                Ordering::Equal => true,
                Ordering::Greater => other <= logits[right],
            };
            rights += i64::from(logits.iter().enumerate().all(beaten));
        }
        (sum, rights)
    }

    /// Adds an example's loss to `sum`; the total of its shares.
    fn add<T: Real>(&mut self, sum: &mut f64, logits: &[T], right: usize) -> f64 {
        let most = logits.iter().fold(f64::NEG_INFINITY, |most, &logit| most.max(logit.into()));
        self.shares.clear();
        self.shares.extend(logits.iter().map(|&logit| libm::exp(logit.into() - most)));
        let total: f64 = self.shares.iter().sum();
        *sum += most + libm::log(total) - logits[right].into();
        total
    }
}
