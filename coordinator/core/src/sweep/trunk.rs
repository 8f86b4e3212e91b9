//! Where dense training is cut.

use super::file::Variant;
use std::collections::{BTreeMap, BTreeSet};

/// Where the dense training of each recipe is cut: at all rewind points and ends of its trials, so that they share
/// their trunk. By recipe as text; iterations in increasing order.
#[derive(Debug, Default)]
pub(super) struct Trunks(BTreeMap<String, BTreeSet<u64>>);

/// The dense training of one trial: where its segments end, and the point of its recipe's longest training.
#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) points: Vec<u64>,
    pub(super) longest: u64,
}

impl Trunks {
    pub(super) fn of(variants: &[Variant]) -> Self {
        let mut trunks = Self::default();
        for variant in variants {
            let points = trunks.0.entry(key(variant)).or_default();
            points.extend(rewind(variant).filter(|k| *k > 0));
            points.insert(end(variant));
        }
        trunks
    }

    pub(super) fn trunk(&self, variant: &Variant) -> Trunk {
        let end = end(variant);
        let all = || self.0.get(&key(variant)).into_iter().flatten().copied();
        Trunk { points: all().filter(|point| *point <= end).collect(), longest: all().last().unwrap_or(end) }
    }
}

/// What dense trainings that can share their beginning have in common.
fn key(variant: &Variant) -> String {
    format!("{:?} {:?}", variant.settings.recipe, variant.settings.pretrain)
}

fn end(variant: &Variant) -> u64 {
    variant.settings.steps.iterations(variant.settings.recipe.iterations_per_epoch())
}

fn rewind(variant: &Variant) -> Option<u64> {
    let per_epoch = variant.settings.recipe.iterations_per_epoch();
    variant.settings.prune.as_ref().map(|line| line.rewind.iterations(per_epoch))
}
