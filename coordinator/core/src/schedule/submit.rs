//! New sweeps, and more of sweeps that are there. Jobs are matched by fingerprint with everything known.

use super::{
    Effect, Extension, Judgement, Scheduler,
    job::State,
    sweep::{Judged, Sweep},
};
use crate::{
    plan::{AnalysisPlan, JobPlan, Plan, RoundPlan, TrialPlan},
    record::{AnalysisRow, JobRow, JobState, RoundRow, SweepRow, SweepState, TrialRow, Write},
    sweep::Growth,
};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{Attempt, Fingerprint, JobId, SweepId, TrialId};

impl Scheduler {
    pub(super) fn submit(&mut self, plan: &Plan, source: String, known: Vec<JobRow>) {
        self.last.sweep += 1;
        let id = SweepId(self.last.sweep);
        let (name, state) = (plan.name.clone(), SweepState::Active);
        self.graph.sweeps.insert(id, Sweep::new(name.clone(), state));
        let decides = plan.decides;
        self.write(Write::AddSweep(SweepRow { id, name, source, state, decides }));
        self.graph.decides(id, decides.then_some(Judged::FRESH));
        let trials: Vec<TrialRow> =
            (1..).zip(&plan.trials).map(|(number, trial)| self.trial_row(id, number, trial)).collect();
        let mut fresh = Fresh::default();
        for (row, trial) in trials.iter().zip(&plan.trials) {
            fresh.add(row.id, trial, |_| true);
        }
        self.write(Write::AddTrials(trials));
        self.take_in(id, plan, (known, &fresh), |_| true);
    }

    pub(super) fn extend(&mut self, extension: Extension) {
        let Extension { sweep: row, plan, source, known, trials: stored } = extension;
        let id = row.id;
        self.write(Write::SweepSource { sweep: id, source });
        if row.decides != plan.decides {
            self.write(Write::Decides { sweep: id, decides: plan.decides });
        }
        self.wake(row);
        self.graph.decides(id, plan.decides.then_some(Judged::FRESH));
        let mut number = stored.iter().map(|trial| trial.row.number).max().unwrap_or(0);
        let stored: BTreeMap<&str, &super::StoredTrial> =
            stored.iter().map(|trial| (trial.row.key.as_str(), trial)).collect();
        let (mut rows, mut all) = (Vec::new(), Fresh::default());
        for trial in &plan.trials {
            let Some(old) = stored.get(trial.key.as_str()) else {
                number += 1;
                let row = self.trial_row(id, number, trial);
                all.add(row.id, trial, |_| true);
                rows.push(row);
                continue;
            };
            if old.row.settings != trial.settings {
                let settings = trial.settings.clone();
                self.write(Write::TrialSettings { trial: old.row.id, settings });
            }
            let have: BTreeSet<_> =
                old.rounds.iter().map(|(branch, copy, round)| (branch.as_str(), *copy, *round)).collect();
            all.add(old.row.id, trial, |round| !have.contains(&place(round)));
        }
        if !rows.is_empty() {
            self.write(Write::AddTrials(rows));
        }
        self.take_in(id, &plan, (known, &all), |_| true);
    }

    /// More of a sweep by what came to be known of it. One that was cancelled meanwhile gets no more.
    pub(super) fn judge(&mut self, judgement: Judgement) {
        let Judgement { sweep: id, seen, verdicts, growth, known, trials } = judgement;
        let Some(judged) = self.graph.sweeps.get(&id).and_then(|sweep| sweep.judged) else {
            return self.effects.push(Effect::Accepted { sweep: id, new: 0, known: 0 });
        };
        let Growth { plan, fresh: new } = growth;
        if !verdicts.is_empty() {
            self.write(Write::AddVerdicts(verdicts));
        }
        if !plan.decides {
            self.write(Write::Decides { sweep: id, decides: false });
        }
        self.graph.decides(id, plan.decides.then_some(Judged { seen, ..judged }));
        let mut fresh = Fresh::default();
        for trial in &plan.trials {
            if let Some(row) = trials.get(&trial.key) {
                fresh.add(*row, trial, |_| true);
            }
        }
        self.take_in(id, &plan, (known, &fresh), |job| new.contains(job));
        self.forget_sweep(id);
    }

    /// Brings a sweep back into memory whose jobs may all be forgotten, or whose claims were given up.
    fn wake(&mut self, row: SweepRow) {
        let over = matches!(row.state, SweepState::Cancelled | SweepState::Stopped);
        let state = if over { SweepState::Active } else { row.state };
        // It may have been cancelled since it was read.
        if state != row.state || !self.graph.sweeps.contains_key(&row.id) {
            self.write(Write::SweepState { sweep: row.id, state });
        }
        let jobs = &self.graph.jobs;
        let sweep = self.graph.sweeps.entry(row.id).or_insert_with(|| Sweep::new(row.name, state));
        if over {
            sweep.state = state;
        }
        // Everything it asks for is claimed anew, so what was forgotten comes back into its counters.
        sweep.gone = (0, 0);
        sweep.jobs.retain(|job| jobs.contains_key(job));
    }

    /// Adds what is new of a plan, and claims those jobs that are `wanted`: others are there because these read them.
    fn take_in(
        &mut self,
        id: SweepId,
        plan: &Plan,
        (known, fresh): (Vec<JobRow>, &Fresh<'_>),
        wanted: impl Fn(&Fingerprint) -> bool,
    ) {
        let mut known: BTreeMap<Fingerprint, JobRow> =
            known.into_iter().map(|row| (row.fingerprint, row)).collect();
        let (mut ids, mut new, mut shared) = (Vec::new(), Vec::new(), Vec::new());
        let mut linked = BTreeSet::new();
        for job in &plan.jobs {
            let found = self.graph.by_fingerprint.get(&job.fingerprint).copied();
            let found = found.or_else(|| {
                known.remove(&job.fingerprint).map(|row| {
                    linked.insert(row.id);
                    self.insert(row)
                })
            });
            let job_id = found.unwrap_or_else(|| {
                let row = self.new_row(job);
                linked.insert(row.id);
                new.push(row.clone());
                self.insert(row)
            });
            self.graph.change(job_id, |row| row.height = row.height.max(job.height));
            if !wanted(&job.fingerprint) {
                continue;
            }
            if found.is_some() {
                shared.push(job_id);
            }
            ids.push(job_id);
        }
        let (count_new, count_known) = (new.len() as u64, shared.len() as u64);
        if !new.is_empty() {
            self.write(Write::AddJobs(new));
        }
        self.add_rounds(&fresh.rounds);
        self.add_analyses(&fresh.analyses);
        if !ids.is_empty() {
            self.write(Write::Claim { sweep: id, jobs: ids.clone(), shared });
        }
        for &job in &ids {
            self.graph.claim(id, job);
        }
        self.open(&ids, &linked);
        self.graph.changed.insert(id);
        self.effects.push(Effect::Accepted { sweep: id, new: count_new, known: count_known });
    }

    fn new_row(&mut self, job: &JobPlan) -> JobRow {
        self.last.job += 1;
        let parent = |fingerprint: &Fingerprint| self.graph.by_fingerprint.get(fingerprint).copied();
        JobRow {
            id: JobId(self.last.job),
            fingerprint: job.fingerprint,
            spec: job.spec.clone(),
            // A plan lists parents before children.
            parents: job.parents.iter().filter_map(parent).collect(),
            height: job.height,
            state: JobState::Open,
            attempt: Attempt(0),
            tries: 0,
            losses: 0,
            checkpoint: None,
            outputs: BTreeMap::new(),
        }
    }

    fn trial_row(&mut self, sweep: SweepId, number: u32, trial: &TrialPlan) -> TrialRow {
        self.last.trial += 1;
        TrialRow {
            id: TrialId(self.last.trial),
            sweep,
            number,
            key: trial.key.clone(),
            seed: trial.seed,
            repeat: trial.repeat,
            axes: trial.axes.clone(),
            settings: trial.settings.clone(),
        }
    }

    fn add_rounds(&mut self, rounds: &[(TrialId, &RoundPlan)]) {
        let id = |fingerprint: &Fingerprint| {
            self.graph.by_fingerprint.get(fingerprint).copied().unwrap_or_default()
        };
        let row = |(trial, round): &(TrialId, &RoundPlan)| RoundRow {
            trial: *trial,
            branch: round.branch.clone(),
            kind: round.kind.clone(),
            course: round.course.clone(),
            copy: round.copy,
            round: round.round,
            mask: round.mask.as_ref().map(id),
            train: round.train.iter().map(id).collect(),
            origin: id(&round.origin),
            start: round.start,
            density: round.density,
        };
        let rows: Vec<RoundRow> = rounds.iter().map(row).collect();
        if !rows.is_empty() {
            self.write(Write::AddRounds(rows));
        }
    }

    fn add_analyses(&mut self, analyses: &[(TrialId, &AnalysisPlan)]) {
        let row = |(trial, plan): &(TrialId, &AnalysisPlan)| {
            let AnalysisPlan { analysis, ends, branch, copy, round, pair, job } = (*plan).clone();
            let job = self.graph.by_fingerprint.get(&job).copied().unwrap_or_default();
            AnalysisRow { trial: *trial, analysis, ends, branch, copy, round, pair, job }
        };
        let rows: Vec<AnalysisRow> = analyses.iter().map(row).collect();
        if !rows.is_empty() {
            self.write(Write::AddAnalyses(rows));
        }
    }

    /// Links jobs that are new in memory, opens those that had been given up, and queues what can run. A result is
    /// reused, a failure never.
    fn open(&mut self, ids: &[JobId], linked: &BTreeSet<JobId>) {
        for &id in linked {
            self.graph.link(id, |_| true);
        }
        // Jobs that were in memory before may have got a parent back that had been forgotten.
        for &id in ids {
            if !linked.contains(&id) {
                self.graph.link(id, |parent| linked.contains(&parent));
            }
        }
        let given_up = |id: &&JobId| {
            self.graph.get(**id).is_some_and(|job| matches!(job.state, State::Unwanted | State::Failed))
        };
        let given_up: Vec<JobId> = ids.iter().filter(given_up).copied().collect();
        self.set_job_state(&given_up, JobState::Open, true);
        for &id in ids {
            let unfinished = self.graph.unfinished(id);
            self.graph.change(id, |job| {
                job.unfinished = unfinished;
                if job.state == State::Waiting {
                    job.state = job.open(super::job::Hold::No);
                }
            });
            self.consider(id);
            self.fade(id);
        }
    }
}

/// What is to be stored of a plan's trials. Analyses that are there already are named again: the store leaves them alone,
/// and an extension changes none.
#[derive(Default)]
struct Fresh<'a> {
    rounds: Vec<(TrialId, &'a RoundPlan)>,
    analyses: Vec<(TrialId, &'a AnalysisPlan)>,
}

impl<'a> Fresh<'a> {
    fn add(&mut self, id: TrialId, trial: &'a TrialPlan, is_new: impl Fn(&RoundPlan) -> bool) {
        self.rounds.extend(trial.rounds.iter().filter(|round| is_new(round)).map(|round| (id, round)));
        self.analyses.extend(trial.analyses.iter().map(|analysis| (id, analysis)));
    }
}

/// A round's place in its trial.
fn place(round: &RoundPlan) -> (&str, u32, u32) {
    (round.branch.as_str(), round.copy, round.round)
}
