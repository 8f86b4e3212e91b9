//! Cross-entropy, and what an evaluation counts.

use crate::error::Result;
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
