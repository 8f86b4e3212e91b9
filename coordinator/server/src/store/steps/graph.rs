//! Rows of writes about sweeps, their graphs and data sets.

use super::{Steps, access, graph_sql as sql};
use crate::store::verb::{Arg, row};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use tombola_core::{
    plan::TrialSettings,
    record::{AnalysisRow, JobRow, RoundRow, SweepRow, TrialRow, Write},
    verdict::Verdict,
};
use tombola_spec::{JobId, SweepId, TrialId, job::JobSpec, ladder};

/// Adds the statements of one write.
pub(super) fn add<'a>(steps: &mut Steps<'a>, write: &'a Write) {
    let now = steps.now;
    match write {
        Write::AddSweep(sweep) => add_sweep(steps, sweep),
        Write::SweepSource { sweep, source } => {
            steps.push(&sql::SWEEP_SOURCE, vec![row![*sweep, source.as_str(), now]]);
        }
        Write::SweepState { sweep, state } => {
            steps.push(&sql::SWEEP_STATE, vec![row![*sweep, state.name(), now]]);
        }
        Write::Decides { sweep, decides } => steps.push(&sql::DECIDES, vec![row![*sweep, *decides]]),
        Write::Keep { sweep, keep } => steps.push(&sql::KEEP, vec![row![*sweep, keep.name()]]),
        Write::Drop(jobs) => {
            steps.push(&sql::DROPPED, jobs.iter().map(|job| row![*job, now]).collect());
            steps.push(&sql::DROP, jobs.iter().map(|job| row![*job]).collect());
        }
        Write::Replace { job, fingerprint, by } => {
            steps.push(&sql::RENAME, vec![row![*job, *fingerprint]]);
            steps.push(&sql::REDIRECT, vec![row![*job, *by]]);
            steps.push(&sql::REPLACED, vec![row![*job, *by]]);
        }
        Write::Parents { job, parents } => {
            steps.push(&sql::GIVEN_UP, vec![row![*job]]);
            steps.push(&sql::NO_PARENTS, vec![row![*job]]);
            let parents = (0u32..).zip(parents);
            steps.push(
                &sql::JOB_PARENTS,
                parents.map(|(ordinal, parent)| row![*job, ordinal, *parent]).collect(),
            );
            steps.push(&sql::NO_CHECKPOINT, vec![row![*job]]);
        }
        Write::AddVerdicts(verdicts) => add_verdicts(steps, verdicts),
        Write::AddTrials(trials) => add_trials(steps, trials),
        Write::TrialSettings { trial, settings } => {
            steps.push(&sql::TRIAL_SETTINGS, vec![row![*trial, Arg::json(settings)]]);
        }
        Write::AddRounds(rounds) => add_rounds(steps, rounds),
        Write::AddAnalyses(analyses) => add_analyses(steps, analyses),
        Write::AddJobs(jobs) => add_jobs(steps, jobs),
        Write::Claim { sweep, jobs, shared } => claim(steps, *sweep, jobs, shared),
        Write::Unclaim { sweep } => steps.push(&sql::UNCLAIM, vec![row![*sweep]]),
        Write::JobState { jobs, state, reset } => {
            steps.push(&sql::JOB_STATE, jobs.iter().map(|job| row![*job, state.name(), *reset]).collect());
        }
        Write::BindData { set, digest, shape } => {
            steps.push(&sql::BIND_DATA, vec![row![set.as_str(), *digest, Arg::json(shape), now]]);
            steps.push(&sql::DATA_BOUND, vec![row![set.as_str(), *digest]]);
        }
        Write::AddToken(token) => access::add_token(steps, token),
        Write::RevokeToken { token, at } => access::revoke_token(steps, *token, *at),
        Write::Audit(row) => access::audit(steps, row),
        Write::Worker { .. }
        | Write::WorkerState { .. }
        | Write::Lease(_)
        | Write::Start { .. }
        | Write::Checkpoint { .. }
        | Write::Metrics { .. }
        | Write::Finish { .. }
        | Write::End { .. } => unreachable!("writes about attempts and workers are batched"),
    }
}

fn add_sweep<'a>(steps: &mut Steps<'a>, sweep: &'a SweepRow) {
    let (name, source) = (sweep.name.as_str(), sweep.source.as_str());
    let mut row = row![sweep.id, name, source, sweep.state.name(), sweep.decides];
    row.extend(row![sweep.keep.name(), steps.now]);
    steps.push(&sql::ADD_SWEEP, vec![row]);
}

fn add_verdicts<'a>(steps: &mut Steps<'a>, verdicts: &'a [(TrialId, Verdict)]) {
    let now = steps.now;
    let row = |(trial, verdict): &'a (TrialId, Verdict)| {
        let Verdict { rule, round, goes_on, by, value, bar } = verdict;
        let mut row = row![*trial, rule.name(), *round, *goes_on, by.metric.as_str(), by.at.name()];
        row.extend(row![*value, *bar, now]);
        row
    };
    steps.push(&sql::ADD_VERDICTS, verdicts.iter().map(row).collect());
}

fn claim<'a>(steps: &mut Steps<'a>, sweep: SweepId, jobs: &'a [JobId], shared: &'a [JobId]) {
    let shared: HashSet<_> = shared.iter().collect();
    let claims = jobs.iter().map(|job| row![sweep, *job, shared.contains(job)]);
    steps.push(&sql::CLAIM, claims.collect());
}

fn add_trials<'a>(steps: &mut Steps<'a>, trials: &'a [TrialRow]) {
    let mut rows = Vec::new();
    for trial in trials {
        let (axes, settings) = (Arg::json(&trial.axes), Arg::json(&trial.settings));
        let counts = weight_counts(&trial.settings);
        let mut row = row![trial.id, trial.sweep, trial.number, trial.key.as_str(), trial.seed, trial.repeat];
        row.extend(row![settings_key(&trial.axes), axes, settings]);
        row.extend(row![counts.map(|(total, _)| total), counts.map(|(_, prunable)| prunable)]);
        rows.push(row);
    }
    steps.push(&sql::ADD_TRIALS, rows);
}

/// The axes of a trial without those that only change its noise: what groups the trials of a curve.
fn settings_key(axes: &BTreeMap<String, Value>) -> String {
    let noise = |name: &str| matches!(name, "seed" | "seeds" | "repeat");
    let mut words = Vec::new();
    for (name, value) in axes.iter().filter(|(name, _)| !noise(name)) {
        match value {
            Value::String(text) => words.push(format!("{name}={text}")),
            other => words.push(format!("{name}={other}")),
        }
    }
    words.join(" ")
}

/// All weights of a trial's network, and those that its prune rule may cut. `None` for a network this build does not
/// know.
fn weight_counts(settings: &TrialSettings) -> Option<(u64, u64)> {
    let architecture = settings.recipe.architecture().ok()?;
    let all = architecture.weight_count();
    let prunable = settings.prune.as_ref().map_or(all, |line| {
        let may = ladder::prunable(&architecture, &line.rule).into_iter();
        may.zip(architecture.weights()).filter(|(may, _)| *may).map(|(_, weight)| weight.len() as u64).sum()
    });
    Some((all, prunable))
}

fn add_rounds<'a>(steps: &mut Steps<'a>, rounds: &'a [RoundRow]) {
    let (mut rows, mut jobs) = (Vec::new(), Vec::new());
    for round in rounds {
        let branch = round.branch.as_str();
        let mut row = row![round.trial, branch, round.copy, round.round, round.kind.as_str(), round.mask];
        row.extend(row![round.train.last().copied(), round.origin, round.start.to_string(), round.density]);
        row.extend(row![round.course.as_str()]);
        rows.push(row);
        let mask = round.mask.iter().map(|job| (0u32, job));
        for (ordinal, job) in mask.chain((1u32..).zip(&round.train)) {
            jobs.push(row![round.trial, branch, round.copy, round.round, ordinal, *job]);
        }
    }
    steps.push(&sql::ADD_ROUNDS, rows);
    steps.push(&sql::ROUND_JOBS, jobs);
}

fn add_analyses<'a>(steps: &mut Steps<'a>, analyses: &'a [AnalysisRow]) {
    let row = |row: &'a AnalysisRow| {
        let AnalysisRow { trial, analysis, ends, branch, copy, round, pair: [first, second], job } = row;
        let mut columns = row![*trial, analysis.as_str(), branch.as_str(), *copy, *round, *first, *second];
        columns.extend(row![ends.as_str(), *job]);
        columns
    };
    steps.push(&sql::ADD_ANALYSES, analyses.iter().map(row).collect());
}

fn add_jobs<'a>(steps: &mut Steps<'a>, jobs: &'a [JobRow]) {
    let (mut rows, mut specs, mut parents, mut files) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for job in jobs {
        let state = job.state.name();
        rows.push(row![job.id, job.fingerprint, state, job.attempt, job.tries, job.losses, job.height]);
        specs.push(row![
            job.id,
            job.spec.kind(),
            Arg::json(&*job.spec),
            job.spec.iterations(),
            last_iteration(&job.spec)
        ]);
        for (ordinal, parent) in (0u32..).zip(&job.parents) {
            parents.push(row![job.id, ordinal, *parent]);
        }
        if let Some((_, file)) = job.spec.given() {
            files.push(row![file.digest, file.bytes]);
        }
    }
    steps.push(&sql::ADD_JOBS, rows);
    steps.push(&sql::JOB_SPECS, specs);
    steps.push(&sql::JOB_PARENTS, parents);
    steps.push(&sql::GIVEN_FILES, files);
}

/// The iteration of the schedule at which a segment ends.
fn last_iteration(spec: &JobSpec) -> Option<u64> {
    spec.training().map(|train| train.span()[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trials_that_differ_in_noise_share_their_settings_key() {
        let axes = |seed: u64| {
            let axes =
                [("seed", json!(seed)), ("prune.rate", json!(0.2)), ("train.optimizer", json!("adam"))];
            axes.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<BTreeMap<_, _>>()
        };
        assert_eq!(settings_key(&axes(1)), "prune.rate=0.2 train.optimizer=adam");
        assert_eq!(settings_key(&axes(1)), settings_key(&axes(2)));
    }
}
