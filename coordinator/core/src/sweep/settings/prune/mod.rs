//! `prune = { when, unit, criterion, scope, rate, density, rates, rounds, rewind, … }`; a file without it trains densely once
//! per trial.

mod criterion;

pub(in crate::sweep) use criterion::describe as describe_criterion;

use crate::{
    plan::{PruneLine, Scoring, When},
    sweep::{
        diagnostic::Notes,
        section::Section,
        tree::{Entry, Node, Tree, Val},
        value::{Reading, below_one, count, density, flag, fraction, from_one, not, steps, whole, word},
    },
};
use std::collections::BTreeMap;
use tombola_spec::{
    Steps,
    settings::{Amount, Criterion, Prune, Scope, ScoreMode, Unit},
};

pub(in crate::sweep) const SCOPES: &[(&str, Scope)] =
    &[("per_layer", Scope::PerLayer), ("global", Scope::Global)];
pub(in crate::sweep) const WHENS: &[(&str, When)] =
    &[("trained", When::Trained), ("init", When::Init), ("rewind", When::Rewind)];

pub(in crate::sweep) const UNITS: &[(&str, Unit)] = &[("weight", Unit::Weight), ("channel", Unit::Channel)];

pub(in crate::sweep) const SCORE_MODES: &[(&str, ScoreMode)] =
    &[("eval", ScoreMode::Eval), ("train", ScoreMode::Train)];

/// How much is pruned: one of these.
const AMOUNTS: [&str; 3] = ["rate", "density", "compression"];

pub(super) fn read(entry: &Entry, notes: &mut Notes) -> Option<PruneLine> {
    let mut table = Section::of(notes, "prune", entry, "scope = \"per_layer\", rate = 0.2, rounds = 20")?;
    let when = table.or("when", When::Trained, word(WHENS));
    let unit = table.or("unit", Unit::Weight, word(UNITS));
    let criterion = criterion::read(&mut table);
    let scope = table.required("scope", "\"per_layer\"` or `\"global\"", word(SCOPES));
    let amount = amount(&mut table);
    let rates = rates(&mut table);
    let invert = table.or("invert", false, flag);
    let rounds = how_often(&mut table, when);
    let rewind = rewind(&mut table, when);
    let score = scoring(&mut table, criterion);
    if let Some((Amount::Density(_), rates)) = amount.zip(rates.as_ref())
        && let Some((name, _)) = rates.iter().find(|(_, rate)| **rate > 0.0)
    {
        let what = format!("`{name}` is pruned at a rate of its own, while the rest is pruned to a density");
        table.complain("rates", what, "leave it whole (rate 0), or write `rate` for the rest");
        return None;
    }
    if !unit.is_none_or(|unit| suits(&mut table, unit, criterion)) {
        return None;
    }
    if (criterion, invert) == (Some(Criterion::Random), Some(true)) {
        table.complain("invert", "`random` has no order to turn round", "leave it out");
        return None;
    }
    if let Some((criterion, when)) =
        criterion.zip(when).filter(|(c, w)| c.needs_initial() && *w != When::Trained)
    {
        let (name, word) = (criterion.name(), crate::sweep::value::word_of(WHENS, when));
        let what = format!(
            "`{name}` compares trained with initial weights; nothing is trained at `when = \"{word}\"`"
        );
        table.complain("criterion", what, "leave `when` out, or choose another criterion");
        return None;
    }
    table.finish();
    let (amount, rounds) = (amount?, rounds?);
    // Density 1 is the dense network: the trial shares it with every other, and nothing is pruned.
    let rounds = if matches!(amount, Amount::Density(1.0)) { 0 } else { rounds };
    let rule =
        Prune { criterion: criterion?, scope: scope?, amount, rates: rates?, invert: invert?, unit: unit? };
    Some(PruneLine { rule, rounds, rewind: rewind?, when: when?, score: score? })
}

/// Whether channels, or weights, can be ranked and counted as is written.
fn suits(table: &mut Section<'_, '_>, unit: Unit, criterion: Option<Criterion>) -> bool {
    let amount = ["density", "compression"].into_iter().find(|key| table.get(key).is_some());
    if let (Unit::Channel, Some(key)) = (unit, amount) {
        let what = "how many weights go with the channels is not known before they are chosen";
        table.complain(key, what, "write `rate`, the share of channels that goes");
        return false;
    }
    let Some(criterion) = criterion.filter(|criterion| !criterion.ranks(unit)) else { return true };
    let (what, hint) = match unit {
        Unit::Channel => ("single weights, not channels", "of channels: `bn_scale`, `l1_filter`, `random`"),
        Unit::Weight => ("channels, not single weights", "add `unit = \"channel\"`"),
    };
    table.complain("criterion", format!("`{}` ranks {what}", criterion.name()), hint);
    false
}

fn amount(table: &mut Section<'_, '_>) -> Option<Amount> {
    let written: Vec<&str> = AMOUNTS.into_iter().filter(|key| table.get(key).is_some()).collect();
    if let [first, second, ..] = written[..] {
        let what = format!("says how much is pruned, and so does `prune.{first}`");
        table.complain(second, what, "write one of `rate`, `density` and `compression`");
        return None;
    }
    match written.first() {
        Some(&"density") => table.required("density", "0.05", density).map(Amount::Density),
        Some(&"compression") => {
            let compression = table.required("compression", "100", from_one)?;
            Some(Amount::Density(1.0 / compression))
        }
        _ => table.required("rate", "0.2", fraction).map(Amount::Rate),
    }
}

/// The number of prune steps. One where a density is to be reached or training has not begun.
fn how_often(table: &mut Section<'_, '_>, when: Option<When>) -> Option<u32> {
    let once = when.is_some_and(|when| when != When::Trained);
    let stepwise = !once && table.get("density").or(table.get("compression")).is_none();
    let rounds =
        if stepwise { table.required("rounds", "20", rounds) } else { table.or("rounds", 1, rounds) }?;
    if once && rounds != 1 {
        let what = format!("`{rounds}` prune steps, where nothing is trained between them");
        table.complain("rounds", what, "leave it out: `synflow` prunes in many iterations of its own");
        return None;
    }
    Some(rounds)
}

fn rewind(table: &mut Section<'_, '_>, when: Option<When>) -> Option<Steps> {
    let rewind = table.or("rewind", Steps::ZERO, steps)?;
    match when? {
        When::Init if !rewind.is_zero() => {
            let what = "nothing is rewound: the mask is cut at initialization and training starts there";
            table.complain("rewind", what, "leave it out, or write `when = \"rewind\"`");
            None
        }
        When::Rewind if rewind.is_zero() => {
            let what = "the weights of that step are scored, so it must lie after initialization";
            table.complain("rewind", what, "write `rewind = \"500it\"`, or `when = \"init\"`");
            None
        }
        _ => Some(rewind),
    }
}

/// The examples that gradients are taken on: `None` inside for a criterion that looks at none. That no trial's does is
/// noted by whoever knows them all.
fn scoring(table: &mut Section<'_, '_>, criterion: Option<Criterion>) -> Option<Option<Scoring>> {
    let mode = table.or("score_mode", ScoreMode::Eval, word(SCORE_MODES));
    let (per_class, balanced, seed) = score_data(table)?;
    let scoring = Scoring { per_class, balanced, seed, mode: mode? };
    Some(criterion?.needs_data().then_some(scoring))
}

fn score_data(table: &mut Section<'_, '_>) -> Option<(u32, bool, Option<u64>)> {
    let none = Tree::default();
    let path = table.path("score_data");
    let mut own = match table.get("score_data") {
        Some(entry) => Section::of(table.notes, &path, entry, "per_class = 10, seed = 0")?,
        None => Section::new(table.notes, &path, 0, &none),
    };
    let per_class = own.or("per_class", 10, count);
    let balanced = own.or("balanced", false, flag);
    let seed = own.or("seed", None, |node| whole(node).map(Some));
    own.finish();
    Some((per_class?, balanced?, seed?))
}

/// Rounds of a trial, whatever is wrong with its other settings.
pub(in crate::sweep) fn last(tree: &Tree) -> Option<u32> {
    let Val::Table(table) = &tree.get("prune")?.node.value else { return None };
    match table.get("rounds") {
        Some(entry) => rounds(&entry.node).ok(),
        None => {
            let once = |entry: &&Entry| !matches!(&entry.node.value, Val::Text(when) if when == "trained");
            table.get("when").filter(once).or(table.get("density")).or(table.get("compression")).map(|_| 1)
        }
    }
}

/// Far beyond any use: who asks for more has mistyped.
const MOST_ROUNDS: u32 = 10_000;

fn rounds(node: &Node) -> Reading<u32> {
    let rounds = count(node)?;
    if rounds <= MOST_ROUNDS {
        return Ok(rounds);
    }
    not(
        node,
        "a possible number of rounds",
        &format!("at most {MOST_ROUNDS}; 20 leave about 1 % of the weights"),
    )
}

/// Parameters with a rate of their own; 0 = never pruned. Whether the model has them is checked later.
fn rates(table: &mut Section<'_, '_>) -> Option<BTreeMap<String, f64>> {
    let Some(entry) = table.get("rates") else {
        table.defaulted("rates");
        return Some(BTreeMap::new());
    };
    let Val::Table(tree) = &entry.node.value else {
        Section::of(table.notes, "prune.rates", entry, "\"fc.weight\" = 0.1");
        return None;
    };
    let read = |entry: &Entry| {
        if let Val::Table(inner) = &entry.node.value {
            let name = inner.0.first().map_or("weight", |first| &first.key);
            let hint = format!("parameter names have dots, so quote them: `\"{}.{name}\" = 0.1`", entry.key);
            table.notes.problem(entry.at, format!("`prune.rates.{}` is not a rate", entry.key), hint);
            return None;
        }
        let rate = table.read(&format!("rates.{}", entry.key), &entry.node, below_one)?;
        Some((entry.key.clone(), rate))
    };
    let rates: Vec<_> = tree.0.iter().map(read).collect();
    rates.into_iter().collect()
}
