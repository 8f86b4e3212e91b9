//! One prune step: scores, cuts, and scores again where the criterion wants to.

use super::{Lessons, Subject, channels, criterion, select};
use crate::{
    error::{EngineError, Result},
    mask::Mask,
};
use tombola_spec::{
    arch::Architecture,
    job::Stream,
    ladder::{self, Pool},
    settings::{Amount, Prune, Unit},
};

/// One prune step: the mask that `rule` leaves of `mask` (`None` = dense). `ties` is the key of all that is drawn.
/// `iterated` hears of each lesson and iteration of the criterion that is done, and says whether to go on: `None` if not.
///
/// # Errors
/// When the amount is impossible, a rate names no weight tensor, the mask is another network's, or a living weight's
/// score is not finite.
pub fn prune(
    subject: &Subject,
    rule: &Prune,
    mask: Option<&Mask>,
    ties: &Stream,
    iterated: &dyn Fn(u32) -> bool,
) -> Result<Option<Mask>> {
    let architecture = &subject.architecture;
    let mut mask = mask.cloned().unwrap_or_else(|| Mask::dense(architecture));
    mask.check(architecture)?;
    check(architecture, rule)?;
    if rule.unit == Unit::Channel {
        let mask = channels::prune(subject, rule, &mask, ties)?;
        return Ok(iterated(1).then_some(mask));
    }
    let mut criterion = criterion(rule.criterion)?;
    let pools = ladder::pools(architecture, rule);
    for pool in &pools {
        pool.layers.iter().for_each(|&layer| mask.layers[layer].prunable = pool.is_prunable());
    }
    let everywhere = mask.layers.iter().map(|layer| layer.living()).sum();
    let alive = |pool: &Pool| pool.layers.iter().map(|&layer| mask.layers[layer].living()).sum();
    let alive: Vec<u64> = pools.iter().map(alive).collect();
    if !criterion.learn(subject, &mask, &Lessons { stream: ties, learned: iterated })? {
        return Ok(None);
    }
    for done in 1..=criterion.iterations() {
        let mut scores = criterion.score(subject, &mask)?;
        if rule.invert {
            scores.iter_mut().flatten().for_each(|score| *score = -*score);
        }
        // Equal scores of all are a fault of the first iteration; later ones may well reach them.
        let draws_lots = criterion.draws_lots() || done > 1;
        let rule =
            select::Rule { protect: rule.protect, cuts_ties: rule.counting.cuts_ties(), draws_lots, ties };
        for (pool, &alive) in pools.iter().zip(&alive) {
            let left =
                pool.on_the_way(alive, everywhere, |all, goal| criterion.living_after(done, all, goal));
            select::cut(&mut mask, &pool.layers, left, &scores, &rule)?;
        }
        if !iterated(criterion.lessons() + done) {
            return Ok(None);
        }
    }
    Ok(Some(mask))
}

fn check(architecture: &Architecture, rule: &Prune) -> Result<()> {
    let tensors = architecture.weights();
    if let Some(name) = rule.rates.keys().find(|name| !tensors.iter().any(|tensor| tensor.name == **name)) {
        let names: Vec<_> = tensors.iter().map(|tensor| format!("`{}`", tensor.name)).collect();
        let known = names.join(", ");
        return Err(EngineError::Settings(format!(
            "no weight tensor is called `{name}`; hint: there are {known}"
        )));
    }
    let (Amount::Rate(own) | Amount::Density(own)) = rule.amount;
    let mut amounts = rule.rates.values().chain([&own]);
    if !(0.0..1.0).contains(&rule.protect) {
        let what = format!("a share of `{}` that is never cut is not from 0 and below 1", rule.protect);
        return Err(EngineError::Settings(what));
    }
    match amounts.find(|amount| !(0.0..=1.0).contains(*amount)) {
        Some(amount) => Err(EngineError::Settings(format!("prune amount `{amount}` is not between 0 and 1"))),
        None => Ok(()),
    }
}
