//! Branches: lines of work grown from a trial's rounds. One file per kind, one line in [`KINDS`].
//!
//! A kind reads its own settings and turns an anchor (a trial, a round) into jobs; which rounds and how many copies is
//! decided here for all of them.

mod random_mask;
mod reinit;

use super::{
    diagnostic::Notes,
    expand::Anchor,
    jobs::Jobs,
    kinds::{Kind, is_name, kind},
    section::Section,
    tree::{Entry, Node, Tree, Val},
    value::{Reading, count, not, numbers},
};
use crate::plan::TrialSettings;
use std::{
    collections::BTreeSet,
    fmt::{self, Debug},
    sync::Arc,
};
use tombola_spec::{Fingerprint, Steps};

/// How a kind's settings are read.
type Read = fn(&mut Section<'_, '_>) -> Option<Arc<dyn Grow>>;

/// The registry.
const KINDS: &[Kind<Read>] = &[("reinit", reinit::read), ("random_mask", random_mask::read)];

/// What a kind of branch does.
pub(super) trait Grow: Debug + Send + Sync {
    /// Adds the jobs of one copy at one anchor.
    fn grow(&self, anchor: &Anchor<'_>, jobs: &mut Jobs) -> Grown;

    /// How many jobs [`Grow::grow`] adds.
    fn jobs(&self) -> u64;

    /// Where its training starts.
    fn start(&self) -> From;

    /// The kind's own settings, for people.
    fn settings(&self) -> Vec<(&'static str, String)>;
}

/// One round of a branch, as jobs.
#[derive(Debug)]
pub(super) struct Grown {
    pub(super) mask: Fingerprint,
    pub(super) train: Fingerprint,
    /// The job whose output the training starts from; itself, where it draws its own weights.
    pub(super) origin: Fingerprint,
}

/// A branch as written.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) kind: &'static str,
    /// Rounds it grows from; `None` = every pruned round of the trial.
    pub(super) rounds: Option<Vec<u32>>,
    pub(super) copies: u32,
    pub(super) grow: Arc<dyn Grow>,
    /// As written, and where, for messages.
    written: Tree,
    at: usize,
}

impl Branch {
    /// The rounds it grows from in a trial of `last` prunings, increasing.
    pub(super) fn rounds_of(&self, last: u32) -> Vec<u32> {
        let mut rounds = self.rounds.clone().unwrap_or_else(|| (1..=last).collect());
        rounds.sort_unstable();
        rounds
    }

    /// How many rounds [`Branch::rounds_of`] gives.
    pub(super) fn rounds_in(&self, last: u32) -> u64 {
        self.rounds.as_ref().map_or(u64::from(last), |rounds| rounds.len() as u64)
    }

    /// Notes a start that is not before the end of a pruned trial.
    pub(super) fn check(&self, trial: &TrialSettings, notes: &mut Notes) {
        if trial.prune.is_none() {
            return;
        }
        let iterations = |steps: Steps| steps.iterations(trial.recipe.iterations_per_epoch());
        if let From::At(start) = self.grow.start()
            && iterations(start) >= iterations(trial.steps)
        {
            let what = format!("`branch.{}.start`: `{start}` is not before the end of training", self.name);
            let hint = format!("training ends at `{}` (`train.steps`)", trial.steps);
            let at = self.written.get("start").map_or(self.at, |entry| entry.node.at);
            notes.problem(at, what, hint);
        }
    }
}

/// Reads `[branch]`. `lasts`: how many rounds trials have, as far as that is known.
pub(super) fn read(
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
    tree.0.iter().filter_map(|entry| one(entry, lasts, notes)).collect()
}

/// The branches written, those with mistakes included.
pub(super) fn names(entry: Option<&Entry>) -> Vec<String> {
    match entry.map(|entry| &entry.node.value) {
        Some(Val::Table(tree)) => tree.0.iter().map(|entry| entry.key.clone()).collect(),
        _ => Vec::new(),
    }
}

fn one(entry: &Entry, lasts: &BTreeSet<u32>, notes: &mut Notes) -> Option<Branch> {
    let path = format!("branch.{}", entry.key);
    let named = is_free(entry, notes);
    let mut table = Section::of(notes, &path, entry, "rounds = [3, 8]")?;
    let rounds = match table.get("rounds") {
        Some(written) => rounds(&mut table, written, lasts),
        None => {
            table.defaulted("rounds");
            Some(None)
        }
    };
    let copies = table.or("copies", 1, count);
    let kind = kind(&mut table, entry, KINDS, "branch")?;
    let grow = (kind.1)(&mut table);
    table.finish();
    let (rounds, copies, grow) = (rounds?, copies?, grow?);
    let Val::Table(written) = entry.node.value.clone() else { return None };
    let (name, kind, at) = (entry.key.clone(), kind.0, entry.at);
    named.then_some(Branch { name, kind, rounds, copies, grow, written, at })
}

fn is_free(entry: &Entry, notes: &mut Notes) -> bool {
    if entry.key == "ticket" {
        notes.problem(entry.at, "a branch cannot be called `ticket`: the trial's own line is", "");
        return false;
    }
    is_name(entry, notes)
}

/// The rounds a branch is to grow from if every trial has them, inside: `None` for `"all"`.
fn rounds(table: &mut Section<'_, '_>, written: &Entry, lasts: &BTreeSet<u32>) -> Option<Option<Vec<u32>>> {
    if matches!(&written.node.value, Val::Text(text) if text == "all") {
        return Some(None);
    }
    let rounds = table.read("rounds", &written.node, numbers)?;
    if rounds.contains(&0) {
        table.complain("rounds", "round 0 is dense: nothing is pruned there", "begin with round 1");
    }
    let most = rounds.iter().copied().max().unwrap_or(0);
    let short: Vec<u32> = lasts.iter().copied().filter(|last| most > u64::from(*last)).collect();
    for last in &short {
        let hint = format!("`prune.rounds` is {last}; leave `rounds` out to branch from every pruned round");
        table.complain("rounds", format!("there is no round `{most}`"), hint);
    }
    let sound = short.is_empty() && !rounds.contains(&0);
    sound.then(|| Some(rounds.into_iter().map(|round| u32::try_from(round).unwrap_or(u32::MAX)).collect()))
}

/// The point of the schedule a branch starts at; it trains to the end from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Step 0, with the full budget.
    Zero,
    /// The rewind point, with the ticket's budget.
    Rewind,
    /// Any other.
    At(Steps),
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("zero"),
            Self::Rewind => f.write_str("rewind"),
            Self::At(steps) => fmt::Display::fmt(steps, f),
        }
    }
}

fn from(node: &Node) -> Reading<From> {
    const HINT: &str = "write `\"zero\"`, `\"rewind\"`, or a number of steps: `\"500it\"`";
    match &node.value {
        Val::Text(text) if text == "zero" => Ok(From::Zero),
        Val::Text(text) if text == "rewind" => Ok(From::Rewind),
        Val::Text(text) => text.parse().map(From::At).or_else(|_| not(node, "a point to start at", HINT)),
        _ => not(node, "a point to start at", HINT),
    }
}
