//! Weights drawn after others, of which something is kept: the controls that ask what of a ticket's initialization
//! matters (arXiv 1905.01067, section 3; 1803.03635, appendix F).

use crate::{
    init::initial_weights,
    mask::Mask,
    random::{Purpose, Random},
};
use tombola_spec::{
    arch::{Parameter, Role},
    job::{Redraw, Values},
    settings::Model,
};

/// Draws every tensor, in the order given; each row-major. `after`: the weights they are drawn after. Dead weights of
/// `mask` (`None` = all live) neither give values nor get any that mean something.
pub fn redraw(
    tensors: &[Parameter],
    redraw: &Redraw,
    model: &Model,
    after: &[Vec<f64>],
    mask: Option<&Mask>,
) -> Vec<Vec<f32>> {
    let fresh = match redraw.values {
        Values::Fresh => initial_weights(tensors, model, &redraw.stream),
        _ => after.iter().map(|tensor| tensor.iter().map(|&value| value as f32).collect()).collect(),
    };
    let one = |((tensor, fresh), after): ((&Parameter, Vec<f32>), &Vec<f64>)| {
        if tensor.role != Role::Weight {
            return fresh;
        }
        let living = mask.and_then(|mask| mask.bits(&tensor.name));
        let mut random = Random::new(Purpose::Redraw, &redraw.stream, &tensor.name, 0);
        let drawn = match redraw.values {
            Values::Fresh => fresh.into_iter().map(f64::from).collect(),
            Values::Constant => constant(after, &mut random),
            Values::Resampled => resampled(after, living, &mut random),
            Values::Shuffled => shuffled(after, living, &mut random),
            Values::Noise(deviations) => noisy(after, deviations, &mut random),
        };
        let signed = drawn.into_iter().zip(after);
        signed
            .map(|(new, &old)| if redraw.keep_signs { new.abs().copysign(old) } else { new } as f32)
            .collect()
    };
    tensors.iter().zip(fresh).zip(after).map(one).collect()
}

/// The standard deviation of a tensor's elements.
fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt()
}

fn constant(after: &[f64], random: &mut Random) -> Vec<f64> {
    let size = deviation(after);
    after.iter().map(|_| if random.below(2) == 0 { size } else { -size }).collect()
}

/// The values of the living.
fn sources(after: &[f64], living: Option<&[u8]>) -> Vec<f64> {
    let lives = |at: &usize| living.is_none_or(|bits| bits[*at] == 1);
    (0..after.len()).filter(lives).map(|at| after[at]).collect()
}

fn resampled(after: &[f64], living: Option<&[u8]>, random: &mut Random) -> Vec<f64> {
    let sources = sources(after, living);
    let mut draw = |_: &f64| sources.get(random.below(sources.len() as u64) as usize).copied().unwrap_or(0.0);
    after.iter().map(&mut draw).collect()
}

fn shuffled(after: &[f64], living: Option<&[u8]>, random: &mut Random) -> Vec<f64> {
    let mut sources = sources(after, living);
    random.shuffle(&mut sources);
    let mut next = sources.into_iter();
    let lives = |at: usize| living.is_none_or(|bits| bits[at] == 1);
    (0..after.len()).map(|at| if lives(at) { next.next().unwrap_or(0.0) } else { after[at] }).collect()
}

fn noisy(after: &[f64], deviations: f64, random: &mut Random) -> Vec<f64> {
    let size = deviations * deviation(after);
    after.iter().map(|value| value + size * random.normal()).collect()
}
