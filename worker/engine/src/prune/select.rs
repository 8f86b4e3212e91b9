//! The selector: cuts exactly as many living weights as the density ladder says, by rank.
//!
//! Counts come from `spec::ladder`, so that a plan predicts a mask exactly. Equal scores at the cut are chosen by a
//! random number of their own (key: tensor name and index), so that neither order of tensors nor sorting decides.
//! A change of what is chosen needs a raise of `spec::version::SELECTION`.

use crate::{
    error::{EngineError, Result},
    mask::Mask,
    random::{Purpose, Random},
};
use tombola_spec::job::Stream;

/// A living weight in the ranking.
#[derive(Clone, Copy)]
struct Candidate {
    score: f64,
    layer: u32,
    index: u32,
}

/// Cuts the living weights of `layers` down to `left`, lowest scores first. `draws_lots`: equal scores of all are meant.
///
/// # Errors
/// When a living weight's score is not finite, or all score the same.
pub(super) fn cut(
    mask: &mut Mask,
    layers: &[usize],
    left: u64,
    scores: &[Vec<f64>],
    (ties, draws_lots): (&Stream, bool),
) -> Result<()> {
    let mut candidates = living(layers, mask, scores)?;
    let count = candidates.len().saturating_sub(left as usize);
    let first = candidates.first().map(|first| first.score);
    if count > 0 && !draws_lots && candidates.iter().all(|candidate| Some(candidate.score) == first) {
        let names: Vec<_> = layers.iter().map(|&layer| format!("`{}`", mask.layers[layer].name)).collect();
        return Err(EngineError::Settings(format!(
            "all {} living weights of {} score {}: there is nothing to choose by; hint: another criterion or \
             initialization, or `criterion = \"random\"`",
            candidates.len(),
            names.join(", "),
            first.unwrap_or(0.0)
        )));
    }
    for candidate in lowest(&mut candidates, count, mask, ties) {
        mask.layers[candidate.layer as usize].bits[candidate.index as usize] = 0;
    }
    Ok(())
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
