//! Reads `[branch]`.

use super::{Branch, From, KINDS, Notes, PRETRAIN, Section};
use crate::sweep::{
    diagnostic::suggest,
    kinds::{is_name, kind},
    tree::{Entry, Val},
    value::{count, numbers, text},
};
use std::collections::BTreeSet;

/// Reads `[branch]`. `lasts`: how many rounds trials have, as far as that is known.
pub(in crate::sweep) fn read(
    entry: Option<&Entry>,
    pruned: bool,
    lasts: &BTreeSet<u32>,
    notes: &mut Notes,
) -> Vec<Branch> {
    let Some(entry) = entry else { return Vec::new() };
    let example = "reinit = { rounds = [3, 8] }";
    if Section::of(notes, "branch", entry, example).is_none() {
        return Vec::new();
    }
    let Val::Table(tree) = &entry.node.value else { return Vec::new() };
    if !pruned && !tree.0.is_empty() {
        let hint = "add `prune = { … }`, or leave the branches out";
        notes.problem(entry.at, "branches grow from pruned rounds, and nothing is pruned", hint);
    }
    let mut branches = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for entry in &tree.0 {
        branches.extend(one(entry, (&branches, &above), lasts, notes));
        above.push(&entry.key);
    }
    branches
}

/// The branches written, those with mistakes included.
pub(in crate::sweep) fn names(entry: Option<&Entry>) -> Vec<String> {
    match entry.map(|entry| &entry.node.value) {
        Some(Val::Table(tree)) => tree.0.iter().map(|entry| entry.key.clone()).collect(),
        _ => Vec::new(),
    }
}

/// `above`: the branches written before it, and the names of those with mistakes, too.
fn one(
    entry: &Entry,
    above: (&[Branch], &[&str]),
    lasts: &BTreeSet<u32>,
    notes: &mut Notes,
) -> Option<Branch> {
    let path = format!("branch.{}", entry.key);
    let named = is_free(entry, notes);
    let mut table = Section::of(notes, &path, entry, "rounds = [3, 8]")?;
    let parent = parent(&mut table, above);
    let copies = table.or("copies", 1, count);
    table.know(&["rounds"]);
    let kind = kind(&mut table, entry, KINDS, "branch")?;
    let grow = (kind.1)(&mut table);
    if let (Some(Some(parent)), Some(grow)) = (&parent, &grow)
        && let Some((what, hint)) = grow.refuses(parent)
    {
        table.complain("of", format!("`{}`: {what}", parent.name), hint);
    }
    let first = grow.as_ref().map_or(1, |grow| u32::from(!grow.grows_from_dense()));
    let rounds = grown_from(&mut table, (first, lasts), parent.flatten());
    table.finish();
    let (rounds, each, grow, parent) = (rounds?, copies?, grow?, parent?);
    let Val::Table(written) = entry.node.value.clone() else { return None };
    let own = super::overlay::TABLES.iter().any(|table| written.get(table).is_some());
    let name = entry.key.clone();
    let course =
        if own { name.clone() } else { parent.map_or_else(String::new, |parent| parent.course.clone()) };
    named.then(|| Branch {
        kind: kind.0,
        of: parent.map(|parent| parent.name.clone()),
        course,
        rounds,
        copies: each.saturating_mul(parent.map_or(1, |parent| parent.copies)),
        each,
        from: match (grow.start(), parent) {
            (From::Rewind, Some(parent)) => parent.from,
            (start, _) => start,
        },
        own_masks: grow.keeps_mask() && parent.is_none_or(|parent| parent.own_masks),
        grow,
        written,
        at: entry.at,
        name,
    })
}

/// The rounds it grows from, `None` inside for every one there is; `first`: the first there can be.
fn grown_from(
    table: &mut Section<'_, '_>,
    (first, lasts): (u32, &BTreeSet<u32>),
    parent: Option<&Branch>,
) -> Option<Option<Vec<u32>>> {
    let rounds = match table.get("rounds") {
        Some(written) => rounds(table, written, (first, lasts)),
        None => {
            table.defaulted("rounds");
            Some(None)
        }
    }?;
    match parent {
        Some(parent) => inherited(table, rounds, parent, first),
        None => Some(rounds),
    }
}

/// The branch it grows from: `None` inside for the trial's own line.
fn parent<'a>(
    table: &mut Section<'_, '_>,
    (branches, names): (&'a [Branch], &[&str]),
) -> Option<Option<&'a Branch>> {
    let Some(written) = table.get("of") else {
        table.defaulted("of");
        return Some(None);
    };
    let name = table.read("of", &written.node, text)?;
    if name == "ticket" {
        return Some(None);
    }
    if let Some(found) = branches.iter().find(|branch| branch.name == name) {
        return Some(Some(found));
    }
    // One with mistakes has been complained about.
    if !names.contains(&name.as_str()) {
        let hint = match names {
            [] => "leave it out to grow from the trial's own line".to_owned(),
            names => suggest(&name, names, "written above it:"),
        };
        table.complain("of", format!("no branch `{name}` is written above it"), hint);
    }
    None
}

fn is_free(entry: &Entry, notes: &mut Notes) -> bool {
    let taken = match entry.key.as_str() {
        "ticket" => "the trial's own line is",
        PRETRAIN => "training before the trial is",
        _ => return is_name(entry, notes),
    };
    notes.problem(entry.at, format!("a branch cannot be called `{}`: {taken}", entry.key), "");
    false
}

/// The rounds a branch is to grow from if every trial has them, inside: `None` for `"all"`. `first`: the first it can.
fn rounds(
    table: &mut Section<'_, '_>,
    written: &Entry,
    (first, lasts): (u32, &BTreeSet<u32>),
) -> Option<Option<Vec<u32>>> {
    if matches!(&written.node.value, Val::Text(text) if text == "all") {
        return Some(None);
    }
    let rounds = table.read("rounds", &written.node, numbers)?;
    let dense = first > 0 && rounds.contains(&0);
    if dense {
        table.complain("rounds", "round 0 is dense: nothing is pruned there", "begin with round 1");
    }
    let most = rounds.iter().copied().max().unwrap_or(0);
    let short: Vec<u32> = lasts.iter().copied().filter(|last| most > u64::from(*last)).collect();
    for last in &short {
        let hint = format!("`prune.rounds` is {last}; leave `rounds` out to branch from every pruned round");
        table.complain("rounds", format!("there is no round `{most}`"), hint);
    }
    let sound = short.is_empty() && !dense;
    sound.then(|| Some(rounds.into_iter().map(|round| u32::try_from(round).unwrap_or(u32::MAX)).collect()))
}

/// The rounds of a branch of another: those of the other if it says none.
fn inherited(
    table: &mut Section<'_, '_>,
    rounds: Option<Vec<u32>>,
    parent: &Branch,
    first: u32,
) -> Option<Option<Vec<u32>>> {
    let begins = u32::from(!parent.grow.grows_from_dense());
    match (rounds, &parent.rounds) {
        (None, None) => Some(None),
        (None, Some(there)) => Some(Some(there.iter().copied().filter(|round| *round >= first).collect())),
        (Some(rounds), there) => {
            let has = |round: &u32| *round >= begins && there.as_ref().is_none_or(|t| t.contains(round));
            if let Some(missing) = rounds.iter().find(|round| !has(round)) {
                let what = format!("`{}`, which it grows from, has no round `{missing}`", parent.name);
                table.complain("rounds", what, "choose rounds that the other grows from, or leave it out");
                return None;
            }
            Some(Some(rounds))
        }
    }
}
