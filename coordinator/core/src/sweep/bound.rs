//! What a sweep can come to at most, where results decide how far its trials go.

use super::{
    diagnostic::Diagnostics,
    expand::{Dense, expand_onto},
    file::{SweepFile, Variant},
    judge::keys,
    reach::Extent,
};
use crate::{
    plan::Plan,
    verdict::{Moment, Rule, Verdict, Verdicts, Yardstick},
};
use std::collections::BTreeMap;
use tombola_spec::flops;

/// The largest plan that a file can come to: the most expensive values are chosen, and no line ends early.
///
/// # Errors
/// As [`expand_onto`].
pub fn most(file: &SweepFile, stored: &Dense) -> Result<Plan, Diagnostics> {
    let verdicts = worst(file);
    let plan = expand_onto(file, stored, Extent::Decided(&verdicts))?;
    Ok(Plan { decides: file.decides(), ..plan })
}

/// The verdicts that make a sweep largest.
fn worst(file: &SweepFile) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let mut groups: BTreeMap<String, Vec<&Variant>> = BTreeMap::new();
    for variant in &file.variants {
        let group = file.select.as_ref().map(|select| select.group(&variant.axes)).unwrap_or_default();
        groups.entry(group).or_default().push(variant);
    }
    let keep = file.select.as_ref().map_or(usize::MAX, |select| select.keep as usize);
    for mut group in groups.into_values() {
        group.sort_by(|a, b| price(b).total_cmp(&price(a)));
        for (place, variant) in group.into_iter().enumerate() {
            let last = variant.settings.prune.as_ref().map_or(0, |line| line.rounds);
            let until = (1..last).map(|round| verdict(Rule::Until, round, true));
            let all: Vec<_> = until.chain([verdict(Rule::Select, 0, place < keep)]).collect();
            verdicts.extend(keys(file, variant).into_iter().map(|trial| (trial, all.clone())));
        }
    }
    verdicts
}

fn verdict(rule: Rule, round: u32, goes_on: bool) -> Verdict {
    let by = Yardstick { metric: String::new(), at: Moment::Last };
    Verdict { rule, round, goes_on, by, value: None, bar: 0.0 }
}

/// What the rounds of a trial cost beside those of others: operations as if dense.
fn price(variant: &Variant) -> f64 {
    let settings = &variant.settings;
    let Ok(network) = settings.recipe.architecture() else { return 0.0 };
    let iterations = settings.steps.iterations(settings.recipe.iterations_per_epoch());
    let rounds = settings.prune.as_ref().map_or(0, |line| line.rounds);
    flops::trained(&settings.recipe, &network, [0, iterations]) as f64 * f64::from(rounds)
}
