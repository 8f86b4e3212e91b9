//! What verdicts add to a sweep: the difference of two plans of one file.

use crate::plan::{AnalysisPlan, JobPlan, Plan, RoundPlan, TrialPlan};
use std::collections::BTreeSet;
use tombola_spec::Fingerprint;

/// More of a sweep that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// Its trials with the rounds and analyses that are new, and the jobs of these. Jobs that are no new ones are there
    /// because new ones read them.
    pub plan: Plan,
    /// The new ones among its jobs.
    pub fresh: BTreeSet<Fingerprint>,
}

/// What `new` has beyond `old`, an earlier plan of the same file.
pub fn growth(old: &Plan, new: Plan) -> Growth {
    let had: BTreeSet<Fingerprint> = old.jobs.iter().map(|job| job.fingerprint).collect();
    let trials = old.trials.iter().zip(&new.trials);
    let trials = trials
        .map(|(old, new)| beyond(old, new.clone()))
        .filter(|trial| !trial.rounds.is_empty() || !trial.analyses.is_empty());
    let trials: Vec<TrialPlan> = trials.collect();
    let fresh: BTreeSet<Fingerprint> =
        new.jobs.iter().map(|job| job.fingerprint).filter(|job| !had.contains(job)).collect();
    let is_fresh = |job: &&JobPlan| fresh.contains(&job.fingerprint);
    let read: BTreeSet<Fingerprint> =
        new.jobs.iter().filter(is_fresh).flat_map(|job| job.parents.iter().copied()).collect();
    let named = trials.iter().flat_map(named).collect::<BTreeSet<_>>();
    let wanted = |job: &JobPlan| [&fresh, &read, &named].iter().any(|jobs| jobs.contains(&job.fingerprint));
    let jobs = new.jobs.iter().filter(|job| wanted(job)).cloned().collect();
    Growth { plan: Plan { trials, jobs, ..new }, fresh }
}

/// A trial with what it did not have before.
fn beyond(old: &TrialPlan, new: TrialPlan) -> TrialPlan {
    fn place(round: &RoundPlan) -> (&str, u32, u32) {
        (&round.branch, round.copy, round.round)
    }
    let rounds: BTreeSet<_> = old.rounds.iter().map(place).collect();
    let had = |analysis: &AnalysisPlan| old.analyses.contains(analysis);
    let TrialPlan { rounds: all, analyses, .. } = &new;
    let rounds = all.iter().filter(|round| !rounds.contains(&place(round))).cloned().collect();
    let analyses = analyses.iter().filter(|analysis| !had(analysis)).cloned().collect();
    TrialPlan { rounds, analyses, ..new }
}

/// The jobs that rounds and analyses of a trial name.
fn named(trial: &TrialPlan) -> Vec<Fingerprint> {
    let of = |round: &RoundPlan| {
        round.train.iter().copied().chain(round.mask).chain([round.origin]).collect::<Vec<_>>()
    };
    let rounds = trial.rounds.iter().flat_map(of);
    rounds.chain(trial.analyses.iter().map(|analysis| analysis.job)).collect()
}
