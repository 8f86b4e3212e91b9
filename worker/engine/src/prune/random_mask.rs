//! Random masks: the control that keeps only the counts of a ticket (arXiv 1803.03635, Figure 14).

use crate::{
    mask::Mask,
    random::{Purpose, Random},
};
use tombola_spec::job::{Preserve, Stream};

/// A mask drawn at random that keeps of `mask` what `preserve` says. Each tensor has a stream of its own, by name.
pub fn random_mask(mask: &Mask, preserve: Preserve, stream: &Stream) -> Mask {
    let mut drawn = mask.clone();
    match preserve {
        Preserve::PerLayer => {
            for layer in &mut drawn.layers {
                Random::new(Purpose::RandomMask, stream, &layer.name, 0).shuffle(&mut layer.bits);
            }
        }
    }
    drawn
}
