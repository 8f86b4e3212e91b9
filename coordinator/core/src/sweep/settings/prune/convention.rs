//! Conventions of other codebases by which weights are counted: each knows one way of pruning only.

use crate::sweep::section::Section;
use tombola_spec::settings::{Amount, Counting, Prune, Scope, Unit};

/// Whether a rule can be counted as it says, and has something to protect; what is wrong is noted.
pub(super) fn check(rule: &Prune, table: &mut Section<'_, '_>) -> Option<()> {
    if let Some((what, hint)) = wrong(rule) {
        table.complain("counting", what, hint);
        return None;
    }
    if rule.protect > 0.0 && rule.unit == Unit::Channel {
        let what = "the best channel of each layer stays, and no more than that is protected of channels";
        table.complain("protect", what, "leave it out, or prune single weights");
        return None;
    }
    if rule.protect > 0.0 && rule.scope == Scope::PerLayer {
        let what = "each layer keeps a fraction of its own anyway, the highest scores among it";
        table.complain("protect", what, "leave it out, or write `scope = \"global\"`");
        return None;
    }
    Some(())
}

/// What contradicts the convention, and what to do.
fn wrong(rule: &Prune) -> Option<(&'static str, &'static str)> {
    let by_rate = matches!(rule.amount, Amount::Rate(_));
    match rule.counting {
        Counting::Exact => None,
        _ if rule.unit == Unit::Channel => {
            Some(("these conventions count single weights", "leave it out, or prune single weights"))
        }
        Counting::OpenLth | Counting::Google if !by_rate => {
            Some(("this convention knows rates only", "write `rate` and `rounds`, or leave it out"))
        }
        Counting::OpenLth if rule.scope == Scope::PerLayer => {
            Some(("open_lth ranks all layers together", "write `scope = \"global\"`, or leave it out"))
        }
        Counting::OpenLth if rule.rates.values().any(|rate| *rate > 0.0) => {
            Some(("open_lth leaves layers whole or prunes them with the rest", "write rates of 0 only"))
        }
        Counting::Google if rule.scope == Scope::Global => {
            Some(("Google's code ranks each layer alone", "write `scope = \"per_layer\"`, or leave it out"))
        }
        Counting::Synflow if by_rate => Some((
            "Synaptic-Flow's code knows the density to be reached only",
            "write `density` or `compression`, or leave it out",
        )),
        Counting::Synflow if !rule.rates.is_empty() => {
            Some(("Synaptic-Flow's code leaves no layer whole", "leave `rates` out, or this"))
        }
        Counting::OpenLth | Counting::Google | Counting::Synflow => None,
    }
}
