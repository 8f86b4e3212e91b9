//! Criteria of initial and trained weights (Zhou et al., arXiv 1905.01067, section 2 and Table 1).

use super::{Criterion, Subject};
use crate::{
    error::{EngineError, Result},
    mask::Mask,
};
use tombola_spec::settings::{Comparison, Signs};

/// One of them.
pub(super) struct Deconstructed {
    pub(super) comparison: Comparison,
    pub(super) signs: Option<Signs>,
}

impl Criterion for Deconstructed {
    fn score(&self, subject: &Subject, mask: &Mask) -> Result<Vec<Vec<f64>>> {
        let missing = || EngineError::Settings("the initial weights were not given".to_owned());
        let (last, first) = (subject.weights()?, subject.initial_weights()?.ok_or_else(missing)?);
        let layers = first.iter().zip(&last).zip(&mask.layers);
        Ok(layers.map(|((first, last), layer)| self.layer(first, last, &layer.bits)).collect())
    }
}

impl Deconstructed {
    fn layer(&self, first: &[f64], last: &[f64], living: &[u8]) -> Vec<f64> {
        let each = |score: fn(f64, f64) -> f64| first.iter().zip(last).map(|(&a, &b)| score(a, b)).collect();
        let mut scores: Vec<f64> = match self.comparison {
            Comparison::LargeFinal => each(|_, last| last.abs()),
            Comparison::SmallFinal => each(|_, last| -last.abs()),
            Comparison::LargeInit => each(|first, _| first.abs()),
            Comparison::SmallInit => each(|first, _| -first.abs()),
            Comparison::MagnitudeIncrease => each(|first, last| last.abs() - first.abs()),
            Comparison::Movement => each(|first, last| (last - first).abs()),
            Comparison::LargeInitLargeFinal => lesser_rank(&sizes(first), &sizes(last), living),
            Comparison::SmallInitSmallFinal => {
                let small = |weights| sizes(weights).iter().map(|size| -size).collect::<Vec<_>>();
                lesser_rank(&small(first), &small(last), living)
            }
        };
        if let Some(wanted) = self.signs {
            condition(&mut scores, first, last, wanted);
        }
        scores
    }
}

fn sizes(weights: &[f64]) -> Vec<f64> {
    weights.iter().map(|weight| weight.abs()).collect()
}

/// The lesser of a weight's two ranks among the living: what has both ranks above a cut is kept by both criteria at one
/// common percentile.
fn lesser_rank(first: &[f64], last: &[f64], living: &[u8]) -> Vec<f64> {
    ranks(first, living).into_iter().zip(ranks(last, living)).map(|(a, b)| a.min(b)).collect()
}

/// Places of the living in increasing order; equal values share the first place of theirs.
fn ranks(values: &[f64], living: &[u8]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&index| living[index] == 1).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut place = 0;
    for (at, &index) in order.iter().enumerate() {
        if at > 0 && values[index] > values[order[at - 1]] {
            place = at;
        }
        ranks[index] = place as f64;
    }
    ranks
}

/// Puts weights on the wrong side of the condition below all others, in their own order.
fn condition(scores: &mut [f64], first: &[f64], last: &[f64], wanted: Signs) {
    let (least, most) = scores.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &score| {
        (least.min(score), most.max(score))
    });
    for ((score, &first), &last) in scores.iter_mut().zip(first).zip(last) {
        let same = first * last > 0.0;
        if same != (wanted == Signs::Same) {
            *score -= most - least + 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: [f64; 5] = [0.1, -0.4, 0.3, -0.2, 0.5];
    const LAST: [f64; 5] = [0.6, -0.1, -0.35, -0.7, 0.2];

    #[track_caller]
    fn assert_goes(comparison: Comparison, signs: Option<Signs>, order: [usize; 5]) {
        let scores = Deconstructed { comparison, signs }.layer(&FIRST, &LAST, &[1; 5]);
        let mut found: Vec<usize> = (0..5).collect();
        found.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        assert_eq!(found, order, "{comparison:?}: {scores:?}");
    }

    /// By hand: sizes at first .1 .4 .3 .2 .5, at last .6 .1 .35 .7 .2.
    #[test]
    fn the_papers_criteria_rank_as_they_say() {
        assert_goes(Comparison::LargeFinal, None, [1, 4, 2, 0, 3]);
        assert_goes(Comparison::SmallFinal, None, [3, 0, 2, 4, 1]);
        assert_goes(Comparison::LargeInit, None, [0, 3, 2, 1, 4]);
        assert_goes(Comparison::SmallInit, None, [4, 1, 2, 3, 0]);
        // Increases .5 -.3 .05 .5 -.3; the float below decides the two equal pairs.
        let increase = Deconstructed { comparison: Comparison::MagnitudeIncrease, signs: None };
        let scores = increase.layer(&FIRST, &LAST, &[1; 5]);
        assert!(scores.iter().zip([0.5, -0.3, 0.05, 0.5, -0.3]).all(|(a, b)| (a - b).abs() < 1e-12));
        // Way .5 .3 .65 .5 .3.
        let movement = Deconstructed { comparison: Comparison::Movement, signs: None };
        let scores = movement.layer(&FIRST, &LAST, &[1; 5]);
        assert!(scores.iter().zip([0.5, 0.3, 0.65, 0.5, 0.3]).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    /// Ranks at first 0 3 2 1 4, at last 3 0 2 4 1: the lesser 0 0 2 1 1.
    #[test]
    fn large_in_both_is_the_lesser_of_two_ranks() {
        let both = Deconstructed { comparison: Comparison::LargeInitLargeFinal, signs: None };
        assert_eq!(both.layer(&FIRST, &LAST, &[1; 5]), [0.0, 0.0, 2.0, 1.0, 1.0]);
        let small = Deconstructed { comparison: Comparison::SmallInitSmallFinal, signs: None };
        assert_eq!(small.layer(&FIRST, &LAST, &[1; 5]), [1.0, 1.0, 2.0, 0.0, 0.0]);
        // A dead weight has no rank that others feel.
        let without = both.layer(&FIRST, &LAST, &[1, 1, 0, 1, 1]);
        assert_eq!([without[0], without[1], without[3], without[4]], [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn weights_of_the_wrong_sign_go_first() {
        assert_goes(Comparison::LargeFinal, Some(Signs::Same), [2, 1, 4, 0, 3]);
        assert_goes(Comparison::LargeFinal, Some(Signs::Differ), [1, 4, 0, 3, 2]);
    }
}
