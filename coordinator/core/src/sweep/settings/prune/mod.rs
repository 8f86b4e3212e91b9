//! `prune = { when, unit, criterion, scope, rate, density, rates, rounds, rewind, search, … }`; a file without it trains densely once
//! per trial.

mod convention;
mod criterion;
mod given;
mod search;
mod until;

pub(in crate::sweep) use criterion::{describe as describe_criterion, read_list as read_criteria};
pub(in crate::sweep) use given::HOLDS;
pub(in crate::sweep) use search::COMPARED;

use crate::{
    plan::{After, Given, PruneLine, Scoring, Trunk, When},
    sweep::{
        diagnostic::Notes,
        section::Section,
        tree::{Entry, Node, Tree, Val},
        value::{
            Reading, below_one, count, density, flag, fraction, from_one, not, some_steps, steps, whole,
            word, word_of,
        },
    },
};
use std::collections::BTreeMap;
use tombola_spec::{
    Steps,
    job::Output,
    settings::{Amount, Counting, Criterion, Prune, Scope, ScoreMode, Unit},
};

pub(in crate::sweep) const SCOPES: &[(&str, Scope)] =
    &[("per_layer", Scope::PerLayer), ("global", Scope::Global)];
pub(in crate::sweep) const WHENS: &[(&str, When)] = &[
    ("trained", When::Trained),
    ("init", When::Init),
    ("rewind", When::Rewind),
    ("early_bird", When::EarlyBird),
];

pub(in crate::sweep) const AFTERS: &[(&str, After)] =
    &[("rewind", After::Rewind), ("lr_rewind", After::LrRewind), ("finetune", After::Finetune)];
pub(in crate::sweep) const TRUNKS: &[(&str, Trunk)] =
    &[("shared", Trunk::Shared), ("restart", Trunk::Restart)];
pub(in crate::sweep) const UNITS: &[(&str, Unit)] = &[("weight", Unit::Weight), ("channel", Unit::Channel)];

pub(in crate::sweep) const SCORE_MODES: &[(&str, ScoreMode)] =
    &[("eval", ScoreMode::Eval), ("train", ScoreMode::Train)];

pub(in crate::sweep) const COUNTINGS: &[(&str, Counting)] = &[
    ("exact", Counting::Exact),
    ("open_lth", Counting::OpenLth),
    ("google", Counting::Google),
    ("synflow", Counting::Synflow),
];

/// How much is pruned: one of these.
const AMOUNTS: [&str; 3] = ["rate", "density", "compression"];

/// `length`: that of a training, and of an epoch in iterations, as far as they are known.
pub(super) fn read(entry: &Entry, length: Option<(Steps, u64)>, notes: &mut Notes) -> Option<PruneLine> {
    let mut table = Section::of(notes, "prune", entry, "scope = \"per_layer\", rate = 0.2, rounds = 20")?;
    let when = table.or("when", When::Trained, word(WHENS));
    let unit = table.or("unit", Unit::Weight, word(UNITS));
    let given = given::read(&mut table);
    let criterion = match &given {
        Some(None) => criterion::read(&mut table),
        given => given.as_ref().map(|_| Criterion::File),
    };
    let scope = match &given {
        Some(Some(Given { holds: Output::Mask, .. })) => Some(Scope::Global),
        // What it holds cannot be read: whether there has to be a scope is not known.
        None => {
            table.know(&["scope"]);
            None
        }
        _ => table.required("scope", "\"per_layer\"` or `\"global\"", word(SCOPES)),
    };
    let amount = amount(&mut table);
    let rates = rates(&mut table);
    let invert = table.or("invert", false, flag);
    let counting = table.or("counting", Counting::Exact, word(COUNTINGS));
    let protect = table.or("protect", 0.0, below_one);
    let rounds = how_often(&mut table, when);
    let rewind = rewind(&mut table, when, length);
    let after = after(&mut table, when);
    let trunk = trunk(&mut table, rewind);
    let score = scoring(&mut table, criterion);
    let search = search::read(&mut table, when, criterion);
    let until = until::read(&mut table, when);
    if !unit.is_none_or(|unit| suits(&mut table, unit, criterion)) {
        return None;
    }
    let rule = Prune {
        rates: rates?,
        invert: invert?,
        counting: counting?,
        protect: protect?,
        unit: unit?,
        ..Prune::new(criterion?, scope?, amount?)
    };
    if let Some((key, what, hint)) = contradiction(&rule, when?) {
        table.complain(key, what, hint);
        return None;
    }
    convention::check(&rule, &mut table)?;
    table.finish();
    let rounds = rounds?;
    // Density 1 is the dense network: the trial shares it with every other, and nothing is pruned.
    let rounds = if matches!(rule.amount, Amount::Density(1.0)) { 0 } else { rounds };
    let (rewind, when, score, after, trunk) = (rewind?, when?, score?, after?, trunk?);
    let (search, until, given) = (search?, until?, given?);
    Some(PruneLine { rule, rounds, rewind, when, score, after, trunk, search, until, given })
}

/// Settings that are right one by one and contradict each other: which, why, what to do.
fn contradiction(rule: &Prune, when: When) -> Option<(&'static str, String, &'static str)> {
    let own = rule.rates.iter().find(|(_, rate)| **rate > 0.0);
    if let (Amount::Density(_), Some((name, _))) = (rule.amount, own) {
        let what = format!("`{name}` is pruned at a rate of its own, while the rest is pruned to a density");
        return Some(("rates", what, "leave it whole (rate 0), or write `rate` for the rest"));
    }
    if let (Criterion::Deconstructed { comparison, signs }, Scope::Global) = (rule.criterion, rule.scope)
        && (comparison.ranks() || signs.is_some())
    {
        let what =
            "its scores are ranks inside a layer, or conditions on them, and say nothing between layers";
        return Some(("scope", what.to_owned(), "write `scope = \"per_layer\"`"));
    }
    if rule.criterion == Criterion::Random && rule.invert {
        return Some(("invert", "`random` has no order to turn round".to_owned(), "leave it out"));
    }
    let drawn_before = matches!(when, When::Init | When::Rewind | When::EarlyBird);
    (rule.criterion.needs_initial() && drawn_before).then(|| {
        let (name, word) = (rule.criterion.name(), word_of(WHENS, when));
        let what = format!(
            "`{name}` compares trained with initial weights; nothing is trained at `when = \"{word}\"`"
        );
        ("criterion", what, "leave `when` out, or choose another criterion")
    })
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

/// The rewind point: written as it is, or as the length of what is trained again.
fn rewind(table: &mut Section<'_, '_>, when: Option<When>, length: Option<(Steps, u64)>) -> Option<Steps> {
    let rewind = match table.get("retrain") {
        Some(written) => {
            let what = "and `prune.retrain` exclude each other";
            table.refuse(
                &["rewind"],
                what,
                "write one of them: a rewind point, or how long is trained again",
            );
            before_the_end(table, written, length)?
        }
        None => table.or("rewind", Steps::ZERO, steps)?,
    };
    match when? {
        When::Init if !rewind.is_zero() => {
            let what = "nothing is rewound: the mask is cut at initialization and training starts there";
            table.complain("rewind", what, "leave it out, or write `when = \"rewind\"`");
            None
        }
        When::EarlyBird if !rewind.is_zero() => {
            let what = "the ticket is trained from where the search finds it";
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

/// The point from which as much is left as is written.
fn before_the_end(
    table: &mut Section<'_, '_>,
    written: &Entry,
    length: Option<(Steps, u64)>,
) -> Option<Steps> {
    let retrain = table.read("retrain", &written.node, some_steps)?;
    let (steps, per_epoch) = length?;
    let left = steps.iterations(per_epoch).checked_sub(retrain.iterations(per_epoch));
    if left.is_none() {
        let what = format!("`{retrain}` are more than the whole training");
        table.complain("retrain", what, format!("training has `{steps}` (`train.steps`)"));
    }
    u32::try_from(left?).ok().map(Steps::its)
}

fn after(table: &mut Section<'_, '_>, when: Option<When>) -> Option<After> {
    let after = table.or("after", After::Rewind, word(AFTERS))?;
    if after != After::Rewind && when? != When::Trained {
        let what = "nothing is trained before the mask is cut, so there are no trained weights to go on from";
        table.complain("after", what, "leave it out, or leave `when` out");
        return None;
    }
    Some(after)
}

fn trunk(table: &mut Section<'_, '_>, rewind: Option<Steps>) -> Option<Trunk> {
    let trunk = table.or("trunk", Trunk::Shared, word(TRUNKS))?;
    if trunk == Trunk::Restart && rewind?.is_zero() {
        let what = "the dense round begins at initialization, where rounds rewind to anyway";
        table.complain("trunk", what, "leave it out, or write `rewind = \"500it\"`");
        return None;
    }
    Some(trunk)
}

/// The examples that gradients are taken on: `None` inside for a criterion that looks at none. That no trial's does is
/// noted by whoever knows them all.
fn scoring(table: &mut Section<'_, '_>, criterion: Option<Criterion>) -> Option<Option<Scoring>> {
    let scoring = examples(table)?;
    Some(criterion?.needs_data().then_some(scoring))
}

/// `score_data` and `score_mode`.
pub(in crate::sweep) fn examples(table: &mut Section<'_, '_>) -> Option<Scoring> {
    let mode = table.or("score_mode", ScoreMode::Eval, word(SCORE_MODES));
    let (per_class, balanced, seed) = score_data(table)?;
    Some(Scoring { per_class, balanced, seed, mode: mode? })
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
