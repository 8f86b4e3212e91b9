//! What two sweeps do differently, trial by trial, in the words of the file.

use super::resolved::{describe, differing, joined};
use crate::plan::{Plan, RoundPlan, TrialPlan, TrialSettings};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{
    Fingerprint,
    job::{JobSpec, PruneJob, Scored, Start},
    settings::Amount,
};

/// Under this name stand the masks that are taken in from files.
const MASKS: &str = "prune.criterion.masks";
/// What stays of trainings may change at any time.
const KEEP: &str = "keep";

/// One difference. A side is `None` where it has no such trial, setting or branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Key of the trial.
    pub trial: String,
    /// Dotted setting; `trial` for a trial, `branch.NAME` for a branch.
    pub setting: String,
    /// In the old plan.
    pub old: Option<String>,
    /// In the new plan.
    pub new: Option<String>,
}

/// What differs between two plans; trials are matched by key.
pub fn diff(old: &Plan, new: &Plan) -> Vec<Change> {
    let mut changes = chosen(old, new);
    let (old, new) = (Side::of(old), Side::of(new));
    for (key, trial) in &old.trials {
        match new.trials.get(key) {
            Some(other) => compare(key, &old.settings(trial), &new.settings(other), &mut changes),
            None => changes.push(whole(key, Some(trial), None)),
        }
    }
    let added = new.trials.iter().filter(|(key, _)| !old.trials.contains_key(*key));
    changes.extend(added.map(|(key, trial)| whole(key, None, Some(trial))));
    changes
}

/// How differently values are chosen, and what stays; that is no trial's.
fn chosen(old: &Plan, new: &Plan) -> Vec<Change> {
    let keep = |plan: &Plan| (KEEP.to_owned(), plan.keep.name().to_owned());
    let settings = |plan: &Plan| plan.select.iter().cloned().chain([keep(plan)]).collect::<BTreeMap<_, _>>();
    let mut changes = Vec::new();
    compare("", &settings(old), &settings(new), &mut changes);
    changes
}

/// What `new` takes away from `old` or does differently: empty if `new` extends it by trials, rounds, branches or copies.
pub fn lost(old: &Plan, new: &Plan) -> Vec<Change> {
    let (before, after) = (Side::of(old), Side::of(new));
    let is_lost = |change: &Change| match (&change.old, &change.new) {
        // What decides may be left out: everything is trained then. Brought in, it would come after what it decides.
        (old, _) if change.setting.starts_with("select.") || change.setting.starts_with("prune.until.") => {
            old.is_none() || change.new.is_some()
        }
        (None, _) => false,
        _ if change.setting == KEEP => false,
        (Some(_), None) => true,
        (Some(_), Some(_)) if change.setting.starts_with("analysis.") => {
            let name = change.setting.trim_start_matches("analysis.");
            let now = after.analyses(&change.trial, name);
            before.analyses(&change.trial, name).iter().any(|(place, job)| now.get(place) != Some(job))
        }
        // Further rounds have further masks.
        (Some(old), Some(new)) if change.setting == MASKS => !new.starts_with(old.as_str()),
        (Some(old), Some(new)) if change.setting == "prune.rounds" => {
            // Steps to a density are as long as there are few of them: more rounds make others of all there are.
            new.parse::<u32>().ok() < old.parse().ok() || before.steps_to_a_density(&change.trial)
        }
        (Some(_), Some(_)) => match change.setting.strip_prefix("branch.") {
            Some(branch) => !after.extends(&before, &change.trial, branch),
            None => true,
        },
    };
    diff(old, new).into_iter().filter(is_lost).collect()
}

/// The criterion of a search for where networks collapse.
fn criterion(spec: &JobSpec) -> Option<&'static str> {
    let JobSpec::Collapse(job) = spec else { return None };
    Some(job.criterion.name())
}

/// What a job of an analysis compares, for people; `None` for one that trains.
fn compared(spec: &JobSpec, lines: &str, rounds: &str, pairs: usize) -> Option<String> {
    match spec {
        JobSpec::Connectivity(job) => {
            let on: Vec<&str> = job.on.iter().map(|split| split.name()).collect();
            let bn: Vec<&str> = job.bn.iter().map(|bn| bn.name()).collect();
            let (alphas, on, bn) = (job.alphas, on.join(", "), bn.join(", "));
            Some(format!(
                "of {lines}, rounds {rounds}, {pairs} pairs, {alphas} alphas on {on}, statistics: {bn}"
            ))
        }
        JobSpec::MaskDistance(job) => Some(format!("{} masks of {lines}, rounds {rounds}", job.masks.len())),
        JobSpec::Slim(job) => {
            Some(format!("of {lines}, rounds {rounds}, {} passes of {} images", job.passes, job.batch))
        }
        _ => None,
    }
}

struct Side<'a> {
    trials: BTreeMap<&'a str, &'a TrialPlan>,
    jobs: BTreeMap<Fingerprint, &'a JobSpec>,
}

fn whole(key: &str, old: Option<&&TrialPlan>, new: Option<&&TrialPlan>) -> Change {
    let rounds = |trial: &&TrialPlan| format!("{} rounds", trial.rounds.len());
    Change { trial: key.to_owned(), setting: "trial".to_owned(), old: old.map(rounds), new: new.map(rounds) }
}

fn compare(
    key: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    changes: &mut Vec<Change>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
        changes.push(Change { trial: key.to_owned(), setting: name.clone(), old, new });
    }
}

impl<'a> Side<'a> {
    /// Whether this trial is pruned in several steps to a density.
    fn steps_to_a_density(&self, trial: &str) -> bool {
        let line = self.trials.get(trial).and_then(|trial| trial.settings.prune.as_ref());
        line.is_some_and(|line| line.rounds > 0 && matches!(line.rule.amount, Amount::Density(_)))
    }

    fn of(plan: &'a Plan) -> Self {
        Self {
            trials: plan.trials.iter().map(|trial| (trial.key.as_str(), trial)).collect(),
            jobs: plan.jobs.iter().map(|job| (job.fingerprint, &*job.spec)).collect(),
        }
    }

    /// A trial's settings and branches by dotted name.
    fn settings(&self, trial: &TrialPlan) -> BTreeMap<String, String> {
        let mut settings: BTreeMap<_, _> = describe(&trial.settings).into_iter().collect();
        let mut branches: BTreeMap<&str, Vec<&RoundPlan>> = BTreeMap::new();
        for round in trial.rounds.iter().filter(|round| !round.branch.is_empty()) {
            branches.entry(&round.branch).or_default().push(round);
        }
        for (name, rounds) in branches {
            settings.insert(format!("branch.{name}"), self.branch(trial, &rounds));
        }
        let masks = trial.rounds.iter().filter(|round| round.branch.is_empty());
        if let Some(masks) = self.files(masks.filter_map(|round| round.mask.as_ref())) {
            settings.insert(MASKS.to_owned(), masks);
        }
        if let Some(searched) = self.searched(trial) {
            settings.insert("prune.search".to_owned(), searched);
        }
        for plan in &trial.analyses {
            let name = format!("analysis.{}", plan.analysis);
            settings.entry(name).or_insert_with(|| self.analysis(&trial.key, &plan.analysis));
        }
        settings
    }

    /// The bytes that these jobs take in.
    fn files<'j>(&self, jobs: impl Iterator<Item = &'j Fingerprint>) -> Option<String> {
        let digest = |job| Some(self.jobs.get(job)?.given()?.1.digest.to_string()[..8].to_owned());
        let files: Vec<String> = jobs.filter_map(digest).collect();
        (!files.is_empty()).then(|| format!("files {}", files.join(", ")))
    }

    /// What the search of a trial looks for: what other trials search for is found by the same training.
    fn searched(&self, trial: &TrialPlan) -> Option<String> {
        let cut = trial.rounds.iter().find_map(|round| round.mask)?;
        let JobSpec::Prune(PruneJob { weights: Scored::Found(ticket), .. }) = self.jobs.get(&cut)? else {
            return None;
        };
        let search = self.jobs.get(&ticket.search)?.training()?.search.as_ref()?;
        let amounts = search.rules.iter().map(|rule| match rule.amount {
            Amount::Rate(rate) => format!("rate {rate}"),
            Amount::Density(density) => format!("density {density}"),
        });
        Some(format!("by one training for {}", amounts.collect::<Vec<_>>().join(", ")))
    }

    /// The jobs of an analysis by their places.
    fn analyses(&self, trial: &str, name: &str) -> BTreeMap<(&'a str, u32, u32, [u32; 2]), Fingerprint> {
        let plans = self.trials.get(trial).into_iter().flat_map(|trial| &trial.analyses);
        let named = plans.filter(|plan| plan.analysis == name);
        named.map(|plan| ((plan.branch.as_str(), plan.copy, plan.round, plan.pair), plan.job)).collect()
    }

    /// What an analysis does, for people.
    fn analysis(&self, trial: &str, name: &str) -> String {
        let jobs = self.analyses(trial, name);
        let lines: BTreeSet<&str> =
            jobs.keys().map(|(branch, ..)| if branch.is_empty() { "ticket" } else { branch }).collect();
        let lines = lines.into_iter().collect::<Vec<_>>().join(", ");
        let rounds: BTreeSet<u32> = jobs.keys().map(|(_, _, round, _)| *round).collect();
        let rounds = joined(&rounds.into_iter().collect::<Vec<_>>());
        let specs: Vec<&JobSpec> = jobs.values().filter_map(|job| self.jobs.get(job).copied()).collect();
        let searched: Vec<&str> = specs.iter().filter_map(|spec| criterion(spec)).collect();
        if !searched.is_empty() {
            return format!("by {}", searched.join(", "));
        }
        if let Some(files) = self.files(jobs.values()) {
            return files;
        }
        let pairs: BTreeSet<[u32; 2]> = jobs.keys().map(|(.., pair)| *pair).filter(|[a, b]| a != b).collect();
        // The jobs of an analysis are alike, but that some train what others compare and that some have more masks.
        let told = specs
            .iter()
            .filter_map(|spec| Some((spec.inputs().len(), compared(spec, &lines, &rounds, pairs.len())?)));
        let told = told.max().map(|(_, told)| told);
        told.unwrap_or_else(|| format!("of {lines}, rounds {rounds}, {} pairs", pairs.len()))
    }

    fn branch(&self, trial: &TrialPlan, rounds: &[&RoundPlan]) -> String {
        let numbers: Vec<u32> =
            rounds.iter().filter(|round| round.copy == 0).map(|round| round.round).collect();
        let copies = rounds.iter().map(|round| round.copy).max().unwrap_or(0) + 1;
        format!("{}, rounds {}, copies {copies}", self.manner(trial, rounds), joined(&numbers))
    }

    /// What all rounds of a branch do alike.
    fn manner(&self, trial: &TrialPlan, rounds: &[&RoundPlan]) -> String {
        let Some(first) = rounds.first() else { return String::new() };
        let weights = self.weights(first).unwrap_or("");
        let manner = format!("{}, from {}, {weights} weights", first.kind, first.start);
        let Some(JobSpec::Train(job)) = first.train.last().and_then(|job| self.jobs.get(job)) else {
            return manner;
        };
        let (recipe, steps) = (job.recipe.clone(), job.to);
        let own = TrialSettings { recipe, steps, prune: None, weights: None, pretrain: None };
        let own =
            differing(&trial.settings, &own).into_iter().map(|(name, value)| format!(", {name} {value}"));
        own.fold(manner, |manner, setting| manner + &setting)
    }

    /// Whether a branch does here what it does in `old`, in all of its rounds and copies and perhaps more.
    fn extends(&self, old: &Self, trial: &str, branch: &str) -> bool {
        let (ours, theirs) = (self.rounds(trial, branch), old.rounds(trial, branch));
        theirs.iter().all(|round| {
            let same = |other: &&&RoundPlan| (other.copy, other.round) == (round.copy, round.round);
            ours.iter()
                .find(same)
                .is_some_and(|other| (other.mask, &other.train) == (round.mask, &round.train))
        })
    }

    fn rounds(&self, trial: &str, branch: &str) -> Vec<&'a RoundPlan> {
        let rounds = self.trials.get(trial).into_iter().flat_map(|trial| &trial.rounds);
        rounds.filter(|round| round.branch == branch).collect()
    }

    /// Where a branch's weights come from; plans keep jobs, not the branch's settings.
    fn weights(&self, round: &RoundPlan) -> Option<&'static str> {
        let Some(JobSpec::Train(job)) = self.jobs.get(round.train.first()?) else { return None };
        Some(match &job.start {
            Start::Init(stream) if stream.branch.is_empty() => "same",
            Start::Init(_) => "fresh",
            Start::Rewind(_) | Start::Continue(_) | Start::Found(_) => "rewound",
            Start::Redraw(_) => "redrawn",
        })
    }
}
