//! New sweeps, and more of sweeps that are there. Jobs are matched by fingerprint with everything known.

use super::{
    Effect, Extension, Judgement, Scheduler, StoredTrial,
    find::{Found, Wanted, is_given_up},
    job::State,
    sweep::{Judged, Sweep},
};
use crate::{
    plan::{AnalysisPlan, Plan, RoundPlan, TrialPlan},
    record::{AnalysisRow, JobRow, JobState, RoundRow, SweepRow, SweepState, TrialRow, Write},
    sweep::Growth,
    verdict::{Verdict, Verdicts},
};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{Fingerprint, JobId, SweepId, TrialId};

/// All of a plan is wanted.
const ALL: Wanted<'static> = Wanted { jobs: &|_| true, outputs: &NONE };
/// No outputs but what jobs read.
const NONE: BTreeSet<Fingerprint> = BTreeSet::new();

impl Scheduler {
    pub(super) fn submit(&mut self, plan: &Plan, source: String, known: Vec<JobRow>) {
        self.last.sweep += 1;
        let id = SweepId(self.last.sweep);
        let (name, state) = (plan.name.clone(), SweepState::Active);
        self.graph.sweeps.insert(id, Sweep::new(name.clone(), state));
        let decides = plan.decides;
        let keep = plan.keep;
        self.write(Write::AddSweep(SweepRow { id, name, source, state, decides, keep }));
        self.graph.decides(id, decides.then_some(Judged::FRESH));
        let trials: Vec<TrialRow> =
            (1..).zip(&plan.trials).map(|(number, trial)| self.trial_row(id, number, trial)).collect();
        let mut fresh = Fresh::default();
        for (row, trial) in trials.iter().zip(&plan.trials) {
            fresh.add(row.id, trial);
        }
        self.write(Write::AddTrials(trials));
        self.take_in(id, plan, (known, &fresh), &ALL, None);
    }

    pub(super) fn extend(&mut self, extension: Extension) {
        let Extension { sweep: row, plan, source, known, trials: stored, done } = extension;
        let id = row.id;
        self.write(Write::SweepSource { sweep: id, source });
        if row.decides != plan.decides {
            self.write(Write::Decides { sweep: id, decides: plan.decides });
        }
        if row.keep != plan.keep {
            self.write(Write::Keep { sweep: id, keep: plan.keep });
        }
        self.wake(row);
        self.graph.decides(id, plan.decides.then_some(Judged::FRESH));
        let mut number = stored.iter().map(|trial| trial.row.number).max().unwrap_or(0);
        let stored: BTreeMap<&str, &StoredTrial> =
            stored.iter().map(|trial| (trial.row.key.as_str(), trial)).collect();
        let (mut rows, mut all) = (Vec::new(), Fresh::default());
        for trial in &plan.trials {
            let Some(old) = stored.get(trial.key.as_str()) else {
                number += 1;
                let row = self.trial_row(id, number, trial);
                all.add(row.id, trial);
                rows.push(row);
                continue;
            };
            if old.row.settings != trial.settings {
                let settings = trial.settings.clone();
                self.write(Write::TrialSettings { trial: old.row.id, settings });
            }
            all.extend(old, trial);
        }
        if !rows.is_empty() {
            self.write(Write::AddTrials(rows));
        }
        self.take_in(id, &plan, (known, &all), &ALL, Some(done));
    }

    /// More of a sweep by what came to be known of it. One that was cancelled meanwhile gets no more.
    pub(super) fn judge(&mut self, judgement: Judgement) {
        let Judgement { sweep: id, seen, decision, known, trials } = judgement;
        let Some(judged) = self.graph.sweeps.get(&id).and_then(|sweep| sweep.judged) else {
            return self.effects.push(Effect::Accepted { sweep: id, new: 0, known: 0 });
        };
        let judged = Judged { seen, ..judged };
        let Some((verdicts, Growth { plan, fresh: new })) = decision else {
            self.graph.decides(id, Some(judged));
            self.graph.changed.insert(id);
            return self.effects.push(Effect::Accepted { sweep: id, new: 0, known: 0 });
        };
        let trials: BTreeMap<&str, &StoredTrial> =
            trials.iter().map(|trial| (trial.row.key.as_str(), trial)).collect();
        self.add_verdicts(&verdicts, &trials);
        if !plan.decides {
            self.write(Write::Decides { sweep: id, decides: false });
        }
        self.graph.decides(id, plan.decides.then_some(judged));
        let mut fresh = Fresh::default();
        for trial in &plan.trials {
            if let Some(stored) = trials.get(trial.key.as_str()) {
                fresh.extend(stored, trial);
            }
        }
        let wanted = Wanted { jobs: &|job| new.contains(job), outputs: &NONE };
        self.take_in(id, &plan, (known, &fresh), &wanted, None);
        self.forget_sweep(id);
    }

    /// Counts those of a sweep's finished jobs that are neither in memory for it nor about to be claimed.
    fn count_gone(&mut self, id: SweepId, done: &[(JobId, u64)], claimed: &[JobId]) {
        let claimed: BTreeSet<_> = claimed.iter().collect();
        let counted = |job: &JobId| {
            claimed.contains(job) || self.graph.get(*job).is_some_and(|row| row.claims.contains(&id))
        };
        let gone = done.iter().filter(|(job, _)| !counted(job));
        let gone = gone.fold((0, 0), |(jobs, sum), (_, iterations)| (jobs + 1, sum + iterations));
        if let Some(sweep) = self.graph.sweeps.get_mut(&id) {
            sweep.gone = gone;
        }
    }

    fn add_verdicts(&mut self, verdicts: &Verdicts, trials: &BTreeMap<&str, &StoredTrial>) {
        let of_trial = |(key, own): (&String, &Vec<Verdict>)| {
            let trial = trials.get(key.as_str()).map(|trial| trial.row.id);
            own.iter().filter_map(move |verdict| Some((trial?, verdict.clone()))).collect::<Vec<_>>()
        };
        let rows: Vec<_> = verdicts.iter().flat_map(of_trial).collect();
        if !rows.is_empty() {
            self.write(Write::AddVerdicts(rows));
        }
    }

    /// Brings a sweep back into memory whose jobs may all be forgotten, or whose claims were given up.
    pub(super) fn wake(&mut self, row: SweepRow) {
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
        sweep.jobs.retain(|job| jobs.contains_key(job));
    }

    /// Adds what is new of a plan, and claims those jobs that are wanted: others are there because these read them. `done` are
    /// all jobs of the sweep that are done, if it may have been forgotten.
    pub(super) fn take_in(
        &mut self,
        id: SweepId,
        plan: &Plan,
        (known, fresh): (Vec<JobRow>, &Fresh<'_>),
        wanted: &Wanted<'_>,
        done: Option<Vec<(JobId, u64)>>,
    ) {
        let Found { ids, shared, new, linked, moved } = self.find_or_add(plan, known, wanted);
        if let Some(done) = done {
            self.count_gone(id, &done, &ids);
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
        self.open(&ids, &linked, &moved);
        self.graph.changed.insert(id);
        self.effects.push(Effect::Accepted { sweep: id, new: count_new, known: count_known });
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

    /// Links jobs that are new in memory or read others than before, opens those that had been given up, and queues what can run.
    fn open(&mut self, ids: &[JobId], linked: &BTreeSet<JobId>, moved: &BTreeSet<JobId>) {
        for &id in linked.union(moved) {
            self.graph.link(id, |_| true);
        }
        // Jobs that were in memory before may have got a parent back that had been forgotten.
        for &id in ids {
            if !linked.contains(&id) && !moved.contains(&id) {
                self.graph.link(id, |parent| linked.contains(&parent));
            }
        }
        let given_up = |id: &&JobId| self.graph.get(**id).is_some_and(is_given_up);
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
        }
        // Also what is there only to be read, and was read already.
        linked.iter().chain(ids).for_each(|id| self.fade(*id));
    }
}

/// What is to be stored of a plan's trials. Analyses that are there already are named again: the store leaves them alone,
/// and an extension changes none.
#[derive(Default)]
pub(super) struct Fresh<'a> {
    rounds: Vec<(TrialId, &'a RoundPlan)>,
    analyses: Vec<(TrialId, &'a AnalysisPlan)>,
}

impl<'a> Fresh<'a> {
    /// A new trial.
    fn add(&mut self, id: TrialId, trial: &'a TrialPlan) {
        self.rounds.extend(trial.rounds.iter().map(|round| (id, round)));
        self.analyses.extend(trial.analyses.iter().map(|analysis| (id, analysis)));
    }

    /// More of a trial that is stored.
    fn extend(&mut self, stored: &StoredTrial, trial: &'a TrialPlan) {
        let have: BTreeSet<&(String, u32, u32)> = stored.rounds.iter().collect();
        let is_new = |round: &&RoundPlan| !have.contains(&(round.branch.clone(), round.copy, round.round));
        self.rounds.extend(trial.rounds.iter().filter(is_new).map(|round| (stored.row.id, round)));
        self.analyses.extend(trial.analyses.iter().map(|analysis| (stored.row.id, analysis)));
    }
}
