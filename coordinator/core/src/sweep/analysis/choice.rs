//! Choosing what an analysis looks at: lines, rounds, lists without repetition.

use super::Given;
use crate::{
    plan::RoundPlan,
    sweep::{
        branch::Branch,
        diagnostic::{Problem, suggest},
        resolved::joined,
        section::Section,
        tree::{Node, Val},
        value::{Reading, list, numbers, text},
    },
};
use std::collections::BTreeSet;

/// What a trial's own line is called in `of`.
pub(super) const TICKET: &str = "ticket";

/// What the line of a round is called in `of`.
fn called(round: &RoundPlan) -> String {
    if round.branch.is_empty() { TICKET.to_owned() } else { round.branch.clone() }
}

/// Lines, and the rounds of each that are looked at.
#[derive(Debug)]
pub(super) struct Places {
    /// Branches, the own line as `ticket`.
    pub(super) of: Vec<String>,
    /// `None` = all there are.
    pub(super) rounds: Option<BTreeSet<u32>>,
}

impl Places {
    /// Reads `of` and `rounds`.
    pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>, usual: Vec<String>) -> Option<Self> {
        let of = table.or("of", usual, lines(given));
        let rounds = rounds(table, given);
        Some(Self { of: of?, rounds: rounds? })
    }

    /// Whether a round is one of them.
    pub(super) fn have(&self, round: &RoundPlan) -> bool {
        self.of.contains(&called(round)) && self.wants(round.round)
    }

    pub(super) fn wants(&self, round: u32) -> bool {
        self.rounds.as_ref().is_none_or(|rounds| rounds.contains(&round))
    }

    /// The wanted rounds of a line in a trial of `last` prunings, and how many copies it has of each.
    pub(super) fn of_line(&self, of: &str, last: u32, branches: &[Branch]) -> (BTreeSet<u32>, u64) {
        let (there, copies) = match branches.iter().find(|branch| branch.name == of) {
            Some(branch) => (branch.rounds_of(last), branch.copies.into()),
            None => ((0..=last).collect(), 1),
        };
        (there.into_iter().filter(|round| self.wants(*round)).collect(), copies)
    }

    /// Lines of which `count` finds nothing in the longest trial.
    pub(super) fn empty(&self, given: &Given<'_>, count: impl Fn(&str, u32) -> u64) -> Vec<&String> {
        let Some(&last) = given.lasts.last() else { return Vec::new() };
        // Whoever names a broken branch makes no second mistake.
        let is_read = |of: &str| of == TICKET || given.branches.iter().any(|branch| branch.name == of);
        self.of.iter().filter(|of| is_read(of) && count(of, last) == 0).collect()
    }

    /// The settings, for people.
    pub(super) fn settings(&self) -> [(&'static str, String); 2] {
        let rounds = self.rounds.as_ref().map(|rounds| joined(&rounds.iter().copied().collect::<Vec<_>>()));
        [("of", self.of.join(", ")), ("rounds", rounds.unwrap_or_else(|| "all".to_owned()))]
    }
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
fn lines(given: &Given<'_>) -> impl Fn(&Node) -> Reading<Vec<String>> {
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
fn rounds(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Option<BTreeSet<u32>>> {
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
