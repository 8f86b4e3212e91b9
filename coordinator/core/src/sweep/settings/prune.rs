//! `prune = { criterion, scope, rate, rates, rounds, rewind }`; a file without it trains densely once per trial.

use crate::{
    plan::PruneLine,
    sweep::{
        diagnostic::Notes,
        section::Section,
        tree::{Entry, Node, Tree, Val},
        value::{Reading, below_one, count, fraction, not, steps, word},
    },
};
use std::collections::BTreeMap;
use tombola_spec::{
    Steps,
    settings::{Criterion, Prune, Scope},
};

pub(in crate::sweep) const CRITERIA: &[(&str, Criterion)] = &[("magnitude", Criterion::Magnitude)];
pub(in crate::sweep) const SCOPES: &[(&str, Scope)] =
    &[("per_layer", Scope::PerLayer), ("global", Scope::Global)];

pub(super) fn read(entry: &Entry, notes: &mut Notes) -> Option<PruneLine> {
    let mut table = Section::of(notes, "prune", entry, "scope = \"per_layer\", rate = 0.2, rounds = 20")?;
    let criterion = table.or("criterion", Criterion::Magnitude, word(CRITERIA));
    let scope = table.required("scope", "\"per_layer\"` or `\"global\"", word(SCOPES));
    let rate = table.required("rate", "0.2", fraction);
    let rates = rates(&mut table);
    let rounds = table.required("rounds", "20", rounds);
    let rewind = table.or("rewind", Steps::ZERO, steps);
    table.finish();
    let rule = Prune { criterion: criterion?, scope: scope?, rate: rate?, rates: rates? };
    Some(PruneLine { rule, rounds: rounds?, rewind: rewind? })
}

/// Rounds of a trial, whatever is wrong with its other settings.
pub(in crate::sweep) fn last(tree: &Tree) -> Option<u32> {
    let Val::Table(table) = &tree.get("prune")?.node.value else { return None };
    rounds(&table.get("rounds")?.node).ok()
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
