//! What a sweep can come to at most, where results decide how far its trials go.

use super::{
    diagnostic::Diagnostics,
    expand::{Dense, expand_onto},
    file::{SweepFile, Variant},
    judge::{keys, selected},
    reach::Extent,
};
use crate::{
    plan::Plan,
    verdict::{Moment, Rule, Verdict, Verdicts, Yardstick},
};
use tombola_spec::flops;

/// The largest plan that a file can come to after these verdicts: the most expensive values are chosen, values that come late
/// go on, and no line ends early.
///
/// # Errors
/// As [`expand_onto`].
pub fn most(file: &SweepFile, stored: &Dense, given: &Verdicts) -> Result<Plan, Diagnostics> {
    let mut verdicts = worst(file, given);
    for variant in &file.variants {
        let last = variant.settings.prune.as_ref().map_or(0, |line| line.rounds);
        for trial in keys(file, variant) {
            let own = verdicts.entry(trial).or_default();
            let judged = own.iter().filter(|one| one.rule == Rule::Until);
            let next = judged.map(|one| one.round).max().unwrap_or(0) + 1;
            if own.iter().all(|one| one.rule != Rule::Until || one.goes_on) {
                own.extend((next..=last).map(|round| verdict(Rule::Until, round, true)));
            }
        }
    }
    let plan = expand_onto(file, stored, Extent::Decided(&verdicts))?;
    Ok(Plan { decides: file.decides(), ..plan })
}

/// The verdicts given, and choices that make a sweep largest.
fn worst(file: &SweepFile, given: &Verdicts) -> Verdicts {
    let mut verdicts = given.clone();
    let Some(select) = &file.select else { return verdicts };
    for mut group in select.groups(&file.variants) {
        group.sort_by(|a, b| price(b).total_cmp(&price(a)));
        let stands = |variant: &Variant| keys(file, variant).iter().find_map(|trial| selected(given, trial));
        let judged = group.iter().any(|variant| stands(variant).is_some());
        for (place, variant) in group.iter().enumerate() {
            let own = stands(variant).map(|verdict| verdict.goes_on);
            let goes_on = own.unwrap_or(judged || place < select.keep as usize);
            for trial in keys(file, variant).into_iter().filter(|trial| selected(given, trial).is_none()) {
                verdicts.entry(trial).or_default().push(verdict(Rule::Select, select.round, goes_on));
            }
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
