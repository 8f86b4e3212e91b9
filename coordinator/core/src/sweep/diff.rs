//! What two sweeps do differently, trial by trial, in the words of the file.

use super::resolved::{describe, joined};
use crate::plan::{Plan, RoundPlan, TrialPlan};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{
    Fingerprint,
    job::{JobSpec, Start},
};

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
    let (old, new) = (Side::of(old), Side::of(new));
    let mut changes = Vec::new();
    for (key, trial) in &old.trials {
        match new.trials.get(key) {
            Some(other) => compare(key, old.settings(trial), new.settings(other), &mut changes),
            None => changes.push(whole(key, Some(trial), None)),
        }
    }
    let added = new.trials.iter().filter(|(key, _)| !old.trials.contains_key(*key));
    changes.extend(added.map(|(key, trial)| whole(key, None, Some(trial))));
    changes
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
    old: BTreeMap<String, String>,
    new: BTreeMap<String, String>,
    changes: &mut Vec<Change>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
        changes.push(Change { trial: key.to_owned(), setting: name.clone(), old, new });
    }
}

impl<'a> Side<'a> {
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
            settings.insert(format!("branch.{name}"), self.branch(&rounds));
        }
        settings
    }

    fn branch(&self, rounds: &[&RoundPlan]) -> String {
        let numbers: Vec<u32> =
            rounds.iter().filter(|round| round.copy == 0).map(|round| round.round).collect();
        let copies = rounds.iter().map(|round| round.copy).max().unwrap_or(0) + 1;
        let first = rounds.first();
        let start = first.map_or(String::new(), |round| format!("{}, from {}", round.kind, round.start));
        let weights = first.and_then(|round| self.weights(round)).unwrap_or("");
        format!("{start}, {weights} weights, rounds {}, copies {copies}", joined(&numbers))
    }

    /// Where a branch's weights come from; plans keep jobs, not the branch's settings.
    fn weights(&self, round: &RoundPlan) -> Option<&'static str> {
        let Some(JobSpec::Train(job)) = self.jobs.get(round.train.first()?) else { return None };
        Some(match &job.start {
            Start::Init(stream) if stream.branch.is_empty() => "same",
            Start::Init(_) => "fresh",
            Start::Rewind(_) | Start::Continue(_) => "rewound",
        })
    }
}
