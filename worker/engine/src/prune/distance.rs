//! How far masks are from each other.

use crate::mask::Mask;
use tombola_spec::outcome::{LayerPair, MaskPair};

/// Two masks of one network, layer by layer; `numbers` are theirs.
pub fn compare(masks: &[Mask], numbers: [u32; 2]) -> Option<MaskPair> {
    let [first, second] = numbers.map(|number| masks.get(number as usize));
    let layers = first?.layers.iter().zip(&second?.layers).map(|(a, b)| LayerPair {
        name: a.name.clone(),
        living: [a.living(), b.living()],
        both: a.bits.iter().zip(&b.bits).map(|(&a, &b)| u64::from(a & b)).sum(),
        total: a.bits.len() as u64,
    });
    Some(MaskPair { masks: numbers, layers: layers.collect() })
}
