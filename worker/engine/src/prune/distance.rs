//! How far masks are from each other.

use super::channels;
use crate::mask::Mask;
use tombola_spec::{
    arch::Architecture,
    outcome::{LayerPair, MaskPair},
    settings::Unit,
};

/// Masks of channels as which of these live; others as they are.
pub fn in_units(architecture: &Architecture, masks: Vec<Mask>, unit: Unit) -> Vec<Mask> {
    let units = architecture.units();
    let one = |mask: Mask| match unit {
        Unit::Weight => mask,
        Unit::Channel => channels::living(&units, &mask),
    };
    masks.into_iter().map(one).collect()
}

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

/// A mask, a bit for each of its units: all layers', those left whole among them.
pub(crate) struct Packed {
    pub(crate) words: Vec<u64>,
    /// How many bits there are.
    pub(crate) units: u64,
}

impl Packed {
    /// Which units live in a mask.
    pub(crate) fn of(architecture: &Architecture, mask: &Mask, unit: Unit) -> Self {
        let masks = in_units(architecture, vec![mask.clone()], unit);
        let layers = masks.iter().flat_map(|mask| &mask.layers);
        let bits: Vec<u8> = layers.flat_map(|layer| &layer.bits).copied().collect();
        let word = |bits: &[u8]| bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit));
        Self { words: bits.chunks(64).map(word).collect(), units: bits.len() as u64 }
    }

    /// How many units a network has.
    pub(crate) fn units_of(architecture: &Architecture, unit: Unit) -> u64 {
        match unit {
            Unit::Weight => architecture.weight_count(),
            Unit::Channel => architecture.units().iter().map(|units| u64::from(units.count)).sum(),
        }
    }

    /// The share of units in which two masks differ.
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let differ = self.words.iter().zip(&other.words).map(|(a, b)| u64::from((a ^ b).count_ones()));
        differ.sum::<u64>() as f64 / self.units.max(1) as f64
    }
}
