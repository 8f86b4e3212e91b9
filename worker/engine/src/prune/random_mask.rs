//! Random masks: controls that keep only counts of a ticket (arXiv 1803.03635, Figure 14; open_lth's `randomly_prune`).

use crate::{
    mask::{Mask, MaskLayer},
    random::{Purpose, Random},
};
use tombola_spec::job::{Preserve, Stream};

/// A mask drawn at random that keeps of `mask` what `preserve` says. Layers named in `whole` stay as they are. Each
/// tensor has a stream of its own, by name; weights that change places with those of other tensors have one together.
pub fn random_mask(mask: &Mask, preserve: Preserve, whole: &[String], stream: &Stream) -> Mask {
    let mut drawn = mask.clone();
    let mut layers: Vec<&mut MaskLayer> =
        drawn.layers.iter_mut().filter(|layer| !whole.contains(&layer.name)).collect();
    match preserve {
        Preserve::PerLayer => {}
        Preserve::Global => {
            let mut bits: Vec<u8> = layers.iter().flat_map(|layer| layer.bits.iter().copied()).collect();
            Random::new(Purpose::RandomMask, stream, "", 0).shuffle(&mut bits);
            let mut rest = bits.as_slice();
            for layer in &mut layers {
                let (own, others) = rest.split_at(layer.bits.len());
                (layer.bits, rest) = (own.to_vec(), others);
            }
            return drawn;
        }
        Preserve::Even => {
            for (layer, living) in layers.iter_mut().zip(shares(mask, whole)) {
                layer.bits.iter_mut().enumerate().for_each(|(at, bit)| *bit = u8::from((at as u64) < living));
            }
        }
    }
    for layer in layers {
        Random::new(Purpose::RandomMask, stream, &layer.name, 0).shuffle(&mut layer.bits);
    }
    drawn
}

/// How many weights of each layer live if all have the same density: rounded so that the sum stays.
fn shares(mask: &Mask, whole: &[String]) -> Vec<u64> {
    let layers: Vec<&MaskLayer> = mask.layers.iter().filter(|layer| !whole.contains(&layer.name)).collect();
    let all: u128 = layers.iter().map(|layer| layer.bits.len() as u128).sum();
    let living: u128 = layers.iter().map(|layer| u128::from(layer.living())).sum();
    let mut before = 0;
    let share = |layer: &&MaskLayer| {
        // Differences of rounded sums: no layer is off by more than one, and the sum by none.
        let from = before * living / all.max(1);
        before += layer.bits.len() as u128;
        (before * living / all.max(1) - from) as u64
    };
    layers.iter().map(share).collect()
}
