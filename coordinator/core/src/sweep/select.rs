//! `select = { axes = ["train.lr"], … }`: of the values of an axis, those go on whose networks do best on validation examples.

use super::{
    axes::{Axes, Values},
    diagnostic::{Notes, suggest},
    file::Variant,
    section::Section,
    tree::{Entry, Node, Val},
    value::{Reading, count, list, not, size, text},
    yardstick,
};
use crate::verdict::Yardstick;
use std::collections::{BTreeMap, BTreeSet};

/// What goes on past a round.
#[derive(Debug, Clone)]
pub(super) struct Select {
    /// The settings chosen; trials that differ in them alone, and in noise, compete.
    pub(super) settings: BTreeSet<String>,
    /// So many of their values go on.
    pub(super) keep: u32,
    /// The round whose networks are compared.
    pub(super) round: u32,
    pub(super) by: Yardstick,
    /// Where it is written, for messages.
    at: usize,
}

impl Select {
    /// The values that compete with each other, group by group, in the order of the file.
    pub(super) fn groups<'a>(&self, variants: &'a [Variant]) -> Vec<Vec<&'a Variant>> {
        let mut groups: BTreeMap<String, Vec<&Variant>> = BTreeMap::new();
        for variant in variants {
            groups.entry(self.group(&variant.axes)).or_default().push(variant);
        }
        groups.into_values().collect()
    }

    /// What competing trials have in common.
    fn group(&self, axes: &Values) -> String {
        let others = axes.iter().filter(|(setting, _)| !self.settings.contains(*setting));
        others.map(|(setting, value)| format!("{setting}={value} ")).collect()
    }

    /// Every setting, for people.
    pub(super) fn described(&self) -> Vec<(String, String)> {
        let axes = self.settings.iter().cloned().collect::<Vec<_>>().join(", ");
        let own = [("axes", axes), ("keep", self.keep.to_string()), ("round", self.round.to_string())];
        let own = own.into_iter().chain(yardstick::describe(&self.by));
        own.map(|(key, value)| (format!("select.{key}"), value)).collect()
    }

    /// Notes what cannot be decided in a trial.
    pub(super) fn check(&self, trial: &Variant, notes: &mut Notes) {
        let settings = &trial.settings;
        let rounds = settings.prune.as_ref().map_or(0, |line| line.rounds);
        let stops = settings.prune.as_ref().is_some_and(|line| line.until.is_some());
        let (what, hint) = if settings.recipe.data.validation == 0 {
            (
                "no examples are held out to choose by, and test examples decide nothing",
                "write `data.validation`",
            )
        } else if rounds == 0 {
            ("nothing is pruned, and so nothing is left out", "add `[prune]`, or leave `select` out")
        } else if rounds <= self.round {
            ("nothing comes after the round that is compared", "choose an earlier `round`, or prune further")
        } else if stops && self.round > 0 {
            (
                "a line that `prune.until` ends may not come to that round",
                "leave `round` out, or `prune.until`",
            )
        } else {
            return;
        };
        notes.problem(self.at, format!("`select`: {what}"), hint);
    }
}

/// `None` inside where all trials go to their end.
pub(super) fn read(entry: Option<&Entry>, axes: &Axes, notes: &mut Notes) -> Option<Option<Select>> {
    let Some(entry) = entry else { return Some(None) };
    let mut table = Section::of(notes, "select", entry, "axes = [\"train.lr\"]")?;
    let names = table.required("axes", "[\"train.lr\"]", names);
    let keep = table.or("keep", 1, count);
    let round = table.or("round", 0, size);
    let by = yardstick::read(&mut table);
    let chosen = names.and_then(|names| chosen(&names, axes, &mut table));
    let (keep, round) = (keep?, round?);
    let (settings, values) = chosen?;
    if values == 1 {
        table.complain(
            "axes",
            "there is one value, and nothing to choose",
            "write more values, or leave `select` out",
        );
        return None;
    }
    if u64::from(keep) >= values {
        let what = format!("`{keep}` of {values} values are all of them");
        table.complain("keep", what, "keep fewer, or leave `select` out");
        return None;
    }
    if round == 0 && settings.iter().all(|setting| setting.starts_with("prune.")) {
        let what = "the dense networks of trials that differ in how they are pruned are the same";
        table.complain("round", what, "compare a later `round`");
        return None;
    }
    table.finish();
    Some(Some(Select { settings, keep, round, by: by?, at: entry.at }))
}

/// Names of axes.
fn names(node: &Node) -> Reading<Vec<String>> {
    let hint = "write a list: `[\"train.lr\"]`";
    list(text)(node).or_else(|problems| match &node.value {
        Val::List(_) => Err(problems),
        _ => not(node, "a list of axes", hint),
    })
}

/// The settings of the axes named, and how many values they multiply to.
fn chosen(names: &[String], axes: &Axes, table: &mut Section<'_, '_>) -> Option<(BTreeSet<String>, u64)> {
    let (mut settings, mut values) = (BTreeSet::new(), 1u64);
    for name in names {
        let Some((own, points)) = axes.find(name) else {
            let (what, known) = (format!("there is no axis `{name}`"), axes.settings());
            let hint = match known.as_slice() {
                [] => "write the values to choose from as an axis: `[axes]`".to_owned(),
                known => suggest(name, known, "settings that axes vary:"),
            };
            table.complain("axes", what, hint);
            return None;
        };
        if own.iter().all(|setting| settings.insert(setting.clone())) {
            values = values.saturating_mul(points as u64);
        }
    }
    if names.is_empty() {
        table.complain("axes", "there is nothing to choose from", "write `axes = [\"train.lr\"]`");
        return None;
    }
    Some((settings, values))
}
