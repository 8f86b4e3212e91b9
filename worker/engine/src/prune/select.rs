//! The selector: cuts exactly as many living weights as the density ladder says, by rank.
//!
//! Counts come from [`ladder::cut`], so that a plan predicts a mask exactly. Equal scores at the cut are chosen by a
//! random number of their own (key: tensor name and index), so that neither order of tensors nor sorting decides.
//! A change of what is chosen needs a raise of `spec::version::SELECTION`.

use super::criterion;
use crate::{
    error::{EngineError, Result},
    mask::Mask,
    random::{Purpose, Random},
};
use tombola_spec::{
    arch::Architecture,
    job::Stream,
    ladder,
    settings::{Prune, Scope},
};

/// A living weight in the ranking.
#[derive(Clone, Copy)]
struct Candidate {
    score: f32,
    layer: u32,
    index: u32,
}

/// Weight tensors ranked together (by their place in the mask), and the fraction of their living weights that goes.
struct Pool {
    layers: Vec<usize>,
    rate: f64,
}

/// One prune step: the mask that `rule` leaves of `mask` (`None` = dense). `weights` are the trained weights, one
/// vector per weight tensor in the order of `Architecture::weights`.
///
/// # Errors
/// When a rate is impossible or names no weight tensor, shapes do not fit, or a living weight's score is not finite.
pub fn prune(
    architecture: &Architecture,
    rule: &Prune,
    weights: &[Vec<f32>],
    mask: Option<&Mask>,
    ties: &Stream,
) -> Result<Mask> {
    let mut mask = mask.cloned().unwrap_or_else(|| Mask::dense(architecture));
    mask.check(architecture)?;
    check(architecture, rule, weights)?;
    let slices: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
    let scores = criterion(rule.criterion).score(&slices);
    for pool in pools(rule, &mask) {
        for &layer in &pool.layers {
            mask.layers[layer].prunable = pool.rate > 0.0;
        }
        let mut candidates = living(&pool, &mask, &scores)?;
        let count = ladder::cut(candidates.len() as u64, pool.rate) as usize;
        for candidate in lowest(&mut candidates, count, &mask, ties) {
            mask.layers[candidate.layer as usize].bits[candidate.index as usize] = 0;
        }
    }
    Ok(mask)
}

fn check(architecture: &Architecture, rule: &Prune, weights: &[Vec<f32>]) -> Result<()> {
    let tensors = architecture.weights();
    let lengths_fit = tensors.iter().map(|tensor| tensor.len()).eq(weights.iter().map(Vec::len));
    if !lengths_fit {
        return Err(EngineError::Settings(format!("the weights are not those of `{}`", architecture.name)));
    }
    if let Some(name) = rule.rates.keys().find(|name| !tensors.iter().any(|tensor| tensor.name == **name)) {
        let names: Vec<_> = tensors.iter().map(|tensor| format!("`{}`", tensor.name)).collect();
        let known = names.join(", ");
        return Err(EngineError::Settings(format!(
            "no weight tensor is called `{name}`; hint: there are {known}"
        )));
    }
    let mut rates = rule.rates.values().chain([&rule.rate]);
    match rates.find(|rate| !(0.0..=1.0).contains(*rate)) {
        Some(rate) => Err(EngineError::Settings(format!("prune rate `{rate}` is not between 0 and 1"))),
        None => Ok(()),
    }
}

/// The same groups as [`ladder::living`] counts.
fn pools(rule: &Prune, mask: &Mask) -> Vec<Pool> {
    let mut pools = Vec::new();
    let mut shared = Vec::new();
    for (layer, tensor) in mask.layers.iter().enumerate() {
        match (rule.rates.get(&tensor.name), rule.scope) {
            (Some(&rate), _) => pools.push(Pool { layers: vec![layer], rate }),
            (None, Scope::PerLayer) => pools.push(Pool { layers: vec![layer], rate: rule.rate }),
            (None, Scope::Global) => shared.push(layer),
        }
    }
    pools.push(Pool { layers: shared, rate: rule.rate });
    pools
}

fn living(pool: &Pool, mask: &Mask, scores: &[Vec<f32>]) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for &layer in &pool.layers {
        for (index, (&score, &bit)) in scores[layer].iter().zip(&mask.layers[layer].bits).enumerate() {
            if bit == 0 {
                continue;
            }
            if !score.is_finite() {
                return Err(EngineError::NotFinite {
                    what: format!("the score of `{}`", mask.layers[layer].name),
                });
            }
            // Adding 0 turns -0 into 0: the two are equal scores and must be tied.
            candidates.push(Candidate { score: score + 0.0, layer: layer as u32, index: index as u32 });
        }
    }
    Ok(candidates)
}

/// The `count` candidates of lowest score.
fn lowest(candidates: &mut [Candidate], count: usize, mask: &Mask, ties: &Stream) -> Vec<Candidate> {
    if count == 0 {
        return Vec::new();
    }
    let (_, last, _) = candidates.select_nth_unstable_by(count - 1, |a, b| a.score.total_cmp(&b.score));
    let threshold = last.score;
    let mut chosen: Vec<_> =
        candidates.iter().copied().filter(|candidate| candidate.score < threshold).collect();
    let mut tied: Vec<_> =
        candidates.iter().copied().filter(|candidate| candidate.score == threshold).collect();
    let missing = count - chosen.len();
    if missing < tied.len() {
        let lots: Vec<_> =
            mask.layers.iter().map(|layer| Random::new(Purpose::Ties, ties, &layer.name, 0)).collect();
        let lot = |c: &Candidate| (lots[c.layer as usize].u64_at(u64::from(c.index)), c.layer, c.index);
        tied.sort_by_cached_key(lot);
    }
    chosen.extend_from_slice(&tied[..missing]);
    chosen
}
