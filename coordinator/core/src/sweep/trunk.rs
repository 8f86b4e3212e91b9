//! Where dense training is cut, and what it is searched for.

use super::file::Variant;
use crate::plan::TrialSettings;
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::settings::Prune;

/// Where the dense training of each recipe is cut: at all rewind points and ends of its trials, so that they share
/// their trunk. By recipe as text; iterations in increasing order.
#[derive(Debug, Default)]
pub(super) struct Trunks {
    cuts: BTreeMap<String, BTreeSet<u64>>,
    /// The prune steps that one search looks for: those of all trials that search alike.
    rules: BTreeMap<String, Vec<Prune>>,
}

/// The dense training of one trial: where its segments end, and the point of its recipe's longest training.
#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) points: Vec<u64>,
    pub(super) longest: u64,
    /// What is searched for while it trains once more up to there; empty for nothing.
    pub(super) rules: Vec<Prune>,
}

impl Trunks {
    pub(super) fn of(variants: &[Variant]) -> Self {
        let mut trunks = Self::default();
        for variant in variants {
            let points = trunks.cuts.entry(key(variant)).or_default();
            points.extend(rewind(variant).filter(|k| *k > 0));
            points.insert(end(variant));
            if let Some((key, rule)) = searched(variant) {
                let rules = trunks.rules.entry(key).or_default();
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
        // In an order of their own: that of an axis does not make another experiment.
        trunks.rules.values_mut().for_each(|rules| rules.sort_by_cached_key(|rule| format!("{rule:?}")));
        trunks
    }

    pub(super) fn trunk(&self, variant: &Variant) -> Trunk {
        let end = end(variant);
        let all = || self.cuts.get(&key(variant)).into_iter().flatten().copied();
        let rules = searched(variant).and_then(|(key, _)| self.rules.get(&key).cloned());
        Trunk {
            points: all().filter(|point| *point <= end).collect(),
            longest: all().last().unwrap_or(end),
            rules: rules.unwrap_or_default(),
        }
    }
}

/// What dense trainings that can share their beginning have in common.
fn key(variant: &Variant) -> String {
    let TrialSettings { recipe, weights, pretrain, .. } = &variant.settings;
    format!("{recipe:?} {weights:?} {pretrain:?}")
}

/// What trials have in common that search while one network trains, and the prune step this one searches for.
fn searched(variant: &Variant) -> Option<(String, Prune)> {
    let line = variant.settings.prune.as_ref()?;
    let search = line.search.filter(|_| line.rounds > 0)?;
    Some((format!("{} {search:?} {}", key(variant), end(variant)), line.step(1)))
}

fn end(variant: &Variant) -> u64 {
    variant.settings.steps.iterations(variant.settings.recipe.iterations_per_epoch())
}

fn rewind(variant: &Variant) -> Option<u64> {
    let per_epoch = variant.settings.recipe.iterations_per_epoch();
    variant.settings.prune.as_ref().map(|line| line.rewind.iterations(per_epoch))
}
