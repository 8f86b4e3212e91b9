//! The selector: cuts exactly as many living weights as the density ladder says, by rank.
//!
//! Counts come from `spec::ladder`, so that a plan predicts a mask exactly. Equal scores at the cut are chosen by a
//! random number of their own (key: tensor name and index), so that neither order of tensors nor sorting decides; under a
//! convention that cuts at a threshold, all of them go, which may be more than the ladder says.
//! A change of what is chosen needs a raise of `spec::version::SELECTION`.

use crate::{
    error::{EngineError, Result},
    mask::Mask,
    random::{Purpose, Random},
};
use tombola_spec::{job::Stream, ladder::protected};

/// What the selector keeps to beside the count.
pub(super) struct Rule<'a> {
    /// Share of each layer that is never cut.
    pub(super) protect: f64,
    /// Whether equal scores at the cut go together.
    pub(super) cuts_ties: bool,
    /// Whether it is meant if all score the same.
    pub(super) draws_lots: bool,
    /// Key of the lots that equal scores draw.
    pub(super) ties: &'a Stream,
}

/// A living weight in the ranking.
#[derive(Clone, Copy)]
struct Candidate {
    score: f64,
    layer: u32,
    index: u32,
}

/// Cuts the living weights of `layers` down to `left`, lowest scores first.
///
/// # Errors
/// When a living weight's score is not finite, all score the same, or none would be left.
pub(super) fn cut(
    mask: &mut Mask,
    layers: &[usize],
    left: u64,
    scores: &[Vec<f64>],
    rule: &Rule<'_>,
) -> Result<()> {
    let candidates = living(layers, mask, scores)?;
    let count = candidates.len().saturating_sub(left as usize);
    if count > 0 {
        for candidate in choose(candidates, count, mask, layers, rule)? {
            mask.layers[candidate.layer as usize].bits[candidate.index as usize] = 0;
        }
    }
    Ok(())
}

/// Those of the candidates, all living weights of `layers`, that go: `count` of them, or more if equal ones go together.
fn choose(
    mut candidates: Vec<Candidate>,
    count: usize,
    mask: &Mask,
    layers: &[usize],
    rule: &Rule<'_>,
) -> Result<Vec<Candidate>> {
    let refuse = |what: &str, hint: &str| {
        let names: Vec<_> = layers.iter().map(|&layer| format!("`{}`", mask.layers[layer].name)).collect();
        let what = what.replace("{}", &names.join(", "));
        Err(EngineError::Settings(format!("{what}; hint: {hint}")))
    };
    let (alive, first) = (candidates.len(), candidates[0].score);
    if !rule.draws_lots && candidates.iter().all(|candidate| candidate.score == first) {
        let what = format!("all {alive} living weights of {{}} score {first}: there is nothing to choose by");
        return refuse(&what, "another criterion or initialization, or `criterion = \"random\"`");
    }
    if rule.protect > 0.0 {
        candidates = unprotected(&candidates, layers, mask, rule);
    }
    if count > candidates.len() {
        let what = format!("{count} of {alive} living weights of {{}} are to go, {} may", candidates.len());
        return refuse(&what, "make `prune.protect` smaller");
    }
    let chosen = lowest(&mut candidates, count, mask, rule);
    if chosen.len() == alive && rule.cuts_ties {
        let hint =
            "fewer rounds, or `counting = \"exact\"`, which leaves one and decides between equal scores";
        return refuse(&format!("all {alive} living weights of {{}} would go"), hint);
    }
    Ok(chosen)
}

/// Those that are not of the highest scores of their layer.
fn unprotected(candidates: &[Candidate], layers: &[usize], mask: &Mask, rule: &Rule<'_>) -> Vec<Candidate> {
    let exactly = Rule { cuts_ties: false, ..*rule };
    let of_layer = |layer: usize| {
        let mut own: Vec<_> = candidates.iter().copied().filter(|c| c.layer as usize == layer).collect();
        let highest = protected(mask.layers[layer].bits.len() as u64, rule.protect) as usize;
        let count = own.len().saturating_sub(highest);
        lowest(&mut own, count, mask, &exactly)
    };
    layers.iter().flat_map(|&layer| of_layer(layer)).collect()
}

fn living(layers: &[usize], mask: &Mask, scores: &[Vec<f64>]) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for &layer in layers {
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

/// The `count` candidates of lowest score; more if equal ones go together.
fn lowest(candidates: &mut [Candidate], count: usize, mask: &Mask, rule: &Rule<'_>) -> Vec<Candidate> {
    if count == 0 {
        return Vec::new();
    }
    let (_, last, _) = candidates.select_nth_unstable_by(count - 1, |a, b| a.score.total_cmp(&b.score));
    let threshold = last.score;
    let mut chosen: Vec<_> =
        candidates.iter().copied().filter(|candidate| candidate.score < threshold).collect();
    let mut tied: Vec<_> =
        candidates.iter().copied().filter(|candidate| candidate.score == threshold).collect();
    let missing = if rule.cuts_ties { tied.len() } else { count - chosen.len() };
    if missing < tied.len() {
        let lots: Vec<_> =
            mask.layers.iter().map(|layer| Random::new(Purpose::Ties, rule.ties, &layer.name, 0)).collect();
        let lot = |c: &Candidate| (lots[c.layer as usize].u64_at(u64::from(c.index)), c.layer, c.index);
        tied.sort_by_cached_key(lot);
    }
    chosen.extend_from_slice(&tied[..missing]);
    chosen
}
