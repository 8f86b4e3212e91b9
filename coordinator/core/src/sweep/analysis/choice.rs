//! Choosing what an analysis looks at: lines, rounds, lists without repetition.

use super::Given;
use crate::{
    plan::RoundPlan,
    sweep::{
        diagnostic::{Problem, suggest},
        section::Section,
        tree::{Node, Val},
        value::{Reading, list, numbers, text},
    },
};
use std::collections::BTreeSet;

/// What a trial's own line is called in `of`.
pub(super) const TICKET: &str = "ticket";

/// What the line of a round is called in `of`.
pub(super) fn called(round: &RoundPlan) -> String {
    if round.branch.is_empty() { TICKET.to_owned() } else { round.branch.clone() }
}

/// A list of which nothing is missing and nothing there twice.
pub(super) fn several<T: PartialEq>(one: impl Fn(&Node) -> Reading<T>) -> impl Fn(&Node) -> Reading<Vec<T>> {
    move |node| {
        let items = list(&one)(node)?;
        let twice = items.iter().enumerate().find(|(at, item)| items[..*at].contains(item));
        let what = match twice {
            _ if items.is_empty() => "there is nothing in it",
            Some(_) => "something is there twice",
            None => return Ok(items),
        };
        Err(vec![Problem::new(node.at, what, "write each of what you want once")])
    }
}

/// Names of branches, and `ticket`.
pub(super) fn lines(given: &Given<'_>) -> impl Fn(&Node) -> Reading<Vec<String>> {
    let known: Vec<String> = [TICKET.to_owned()].into_iter().chain(given.names.iter().cloned()).collect();
    move |node| {
        let one = |node: &Node| {
            let name = text(node)?;
            if known.contains(&name) {
                return Ok(name);
            }
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let what = format!("there is no branch `{name}`");
            Err(vec![Problem::new(node.at, what, suggest(&name, &known, "lines of this sweep:"))])
        };
        several(one)(node)
    }
}

/// The rounds as written if every trial has them, inside: `None` for all.
pub(super) fn rounds(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Option<BTreeSet<u32>>> {
    let Some(written) = table.get("rounds") else {
        table.defaulted("rounds");
        return Some(None);
    };
    if matches!(&written.node.value, Val::Text(text) if text == "all") {
        return Some(None);
    }
    let rounds = table.read("rounds", &written.node, numbers)?;
    let most = rounds.iter().copied().max().unwrap_or(0);
    let short: Vec<u32> = given.lasts.iter().copied().filter(|last| most > u64::from(*last)).collect();
    for last in &short {
        let hint = match last {
            0 => "nothing is pruned: round 0 is all there is".to_owned(),
            _ => format!("`prune.rounds` is {last}; leave `rounds` out for every round there is"),
        };
        table.complain("rounds", format!("there is no round `{most}`"), hint);
    }
    let rounds = rounds.into_iter().map(|round| u32::try_from(round).unwrap_or(u32::MAX));
    short.is_empty().then(|| Some(rounds.collect()))
}
