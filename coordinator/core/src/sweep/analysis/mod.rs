//! Analyses: comparisons of what the rounds of a trial and of its branches end with, and searches beside them. One file per kind, one line in
//! [`KINDS`].

mod choice;
mod collapse;
mod connectivity;
mod mask_distance;
mod slim;

use super::{
    branch::Branch,
    diagnostic::Notes,
    file::Variant,
    jobs::Jobs,
    kinds::{Kind, is_name, kind},
    line::Line,
    section::Section,
    tree::{Entry, Val},
};
use crate::plan::{AnalysisPlan, RoundPlan, TrialPlan};
use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

/// How a kind's settings are read.
type Read = fn(&mut Section<'_, '_>, &Given<'_>) -> Option<Arc<dyn Compare>>;

/// The registry.
const KINDS: &[Kind<Read>] = &[
    ("connectivity", connectivity::read),
    ("collapse", collapse::read),
    ("mask_distance", mask_distance::read),
    ("slim", slim::read),
];

/// What a file says beside its analyses.
pub(super) struct Given<'a> {
    /// How many prunings trials have, as far as that is known; 0 where nothing is pruned.
    pub(super) lasts: &'a BTreeSet<u32>,
    /// Those that can be read.
    pub(super) branches: &'a [Branch],
    /// All that are written: whoever names a broken one makes no second mistake.
    pub(super) names: &'a [String],
    /// How many trials there are, seeds and repeats counted.
    pub(super) trials: u64,
}

/// What a kind of analysis does.
pub(super) trait Compare: Debug + Send + Sync {
    /// Adds the jobs of one trial, whose rounds and branches are `rounds`.
    fn compare(&self, name: &str, line: &Line, rounds: &[RoundPlan], jobs: &mut Jobs) -> Vec<AnalysisPlan>;

    /// Adds the jobs that compare trials; the rows of each go to the trial of that place.
    fn across(&self, _name: &str, _trials: &[TrialPlan], _jobs: &mut Jobs) -> Vec<(usize, AnalysisPlan)> {
        Vec::new()
    }

    /// Whether it looks at all rounds of a line together, and so cannot be done before the last of them is known.
    fn wants_all(&self) -> bool {
        false
    }

    /// Whether it compares trials with each other.
    fn wants_trials(&self) -> bool {
        false
    }

    /// The most jobs that [`Compare::compare`] adds to a trial of `last` prunings.
    fn most_jobs(&self, last: u32, branches: &[Branch]) -> u64;

    /// What is wrong with it in such a trial: the setting, the mistake, what to do.
    fn mistake(&self, _trial: &Variant) -> Option<(&'static str, String, String)> {
        None
    }

    /// The kind's own settings, for people.
    fn settings(&self) -> Vec<(&'static str, String)>;
}

/// An analysis as written.
#[derive(Debug, Clone)]
pub(super) struct Analysis {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) compare: Arc<dyn Compare>,
    /// As written, for messages.
    written: Entry,
}

impl Analysis {
    /// Notes that what it compares is not known before decisions are taken.
    pub(super) fn check_undecided(&self, notes: &mut Notes) {
        if self.compare.wants_trials() {
            let what = format!(
                "`analysis.{}`: `select` and `prune.until` decide later which trials have which rounds",
                self.name
            );
            notes.problem(self.written.at, what, "leave the analysis out, or give it a sweep of its own");
        }
    }

    /// Notes what cannot work in a trial.
    pub(super) fn check(&self, trial: &Variant, notes: &mut Notes) {
        let Some((key, what, hint)) = self.compare.mistake(trial) else { return };
        let at = match &self.written.node.value {
            Val::Table(tree) => tree.get(key).map_or(self.written.at, |entry| entry.node.at),
            _ => self.written.at,
        };
        notes.problem(at, format!("`analysis.{}.{key}`: {what}", self.name), hint);
    }
}

/// Reads `[analysis]`.
pub(super) fn read(entry: Option<&Entry>, given: &Given<'_>, notes: &mut Notes) -> Vec<Analysis> {
    let Some(entry) = entry else { return Vec::new() };
    let example = "lmc = { kind = \"connectivity\" }";
    if Section::of(notes, "analysis", entry, example).is_none() {
        return Vec::new();
    }
    let Val::Table(tree) = &entry.node.value else { return Vec::new() };
    tree.0.iter().filter_map(|entry| one(entry, given, notes)).collect()
}

fn one(entry: &Entry, given: &Given<'_>, notes: &mut Notes) -> Option<Analysis> {
    let named = is_name(entry, notes);
    let path = format!("analysis.{}", entry.key);
    let mut table = Section::of(notes, &path, entry, "kind = \"connectivity\"")?;
    let kind = kind(&mut table, entry, KINDS, "analysis")?;
    let compare = (kind.1)(&mut table, given);
    table.finish();
    let (name, kind, compare) = (entry.key.clone(), kind.0, compare?);
    named.then_some(Analysis { name, kind, compare, written: entry.clone() })
}
