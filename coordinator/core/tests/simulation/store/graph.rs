//! Writes about sweeps, their graphs, workers and data sets.

use super::{Refusal, Store, demand};
use std::collections::BTreeSet;
use tombola_core::record::{AnalysisRow, JobRow, JobState, RoundRow, SweepRow, TrialRow, WorkerState, Write};
use tombola_spec::{Fingerprint, JobId, SweepId, WorkerId, job::Output};

impl Store {
    pub(super) fn apply_to_graph(&mut self, write: Write) -> Result<(), Refusal> {
        match write {
            Write::AddSweep(row) => self.add_sweep(row),
            Write::SweepSource { sweep, source } => {
                self.sweep_row(sweep)?.source = source;
                Ok(())
            }
            Write::SweepState { sweep, state } => {
                self.sweep_row(sweep)?.state = state;
                Ok(())
            }
            Write::Decides { sweep, decides } => {
                self.sweep_row(sweep)?.decides = decides;
                Ok(())
            }
            Write::Keep { sweep, keep } => {
                self.sweep_row(sweep)?.keep = keep;
                Ok(())
            }
            Write::Drop(jobs) => jobs.into_iter().try_for_each(|job| self.drop_outputs(job)),
            Write::Replace { job, fingerprint, by: _ } => self.replace(job, fingerprint),
            Write::Parents { job, parents } => self.move_under(job, parents),
            Write::AddTrials(rows) => rows.into_iter().try_for_each(|row| self.add_trial(row)),
            Write::TrialSettings { trial, settings } => {
                let row = self.trials.get_mut(&trial);
                row.ok_or_else(|| Refusal::Conflict(format!("settings of no trial {trial}")))?.settings =
                    settings;
                Ok(())
            }
            Write::AddRounds(rows) => rows.into_iter().try_for_each(|row| self.add_round(row)),
            Write::AddAnalyses(rows) => rows.iter().try_for_each(|row| self.add_analysis(row)),
            Write::AddJobs(rows) => rows.into_iter().try_for_each(|row| self.add_job(row)),
            Write::Claim { sweep, jobs, shared } => self.claim(sweep, &jobs, &shared),
            Write::Unclaim { sweep } => {
                let done = |job| self.jobs[&job].state == JobState::Done;
                self.claims.retain(|(claim, job)| *claim != sweep || done(*job));
                Ok(())
            }
            Write::JobState { jobs, state, reset } => {
                jobs.into_iter().try_for_each(|job| self.job_state(job, state, reset))
            }
            Write::Worker { worker, info } => {
                self.last.worker = self.last.worker.max(worker.0);
                self.workers.insert(worker, (info.name, WorkerState::Connected));
                Ok(())
            }
            Write::WorkerState { worker, state } => self.worker_state(worker, state),
            Write::BindData { set, digest, shape } => {
                let bound = self.data.entry(set).or_insert((digest, shape)).0;
                demand(bound == digest, || "a data set is bound to another content".to_owned())
            }
            other => Err(Refusal::Conflict(format!("a write this store does not know: {other:?}"))),
        }
    }

    /// Whether a job that lives reads this one.
    fn is_read(&self, job: JobId) -> bool {
        let mut living =
            self.jobs.values().filter(|row| !matches!(row.state, JobState::Done | JobState::Unwanted));
        living.any(|row| row.parents.contains(&job))
    }

    fn drop_outputs(&mut self, job: JobId) -> Result<(), Refusal> {
        demand(!self.is_read(job), || format!("{job} loses what living jobs read"))?;
        let row = self.jobs.get_mut(&job).filter(|row| row.state == JobState::Done);
        let row = row.ok_or_else(|| Refusal::Conflict(format!("{job} loses outputs, and is not done")))?;
        row.outputs.retain(|output, _| *output == Output::Mask);
        Ok(())
    }

    fn replace(&mut self, job: JobId, fingerprint: Fingerprint) -> Result<(), Refusal> {
        demand(!self.is_read(job), || format!("{job} is replaced, and living jobs read it"))?;
        let row = self.jobs.get_mut(&job);
        let row = row.filter(|row| row.state == JobState::Done);
        let row = row.ok_or_else(|| Refusal::Conflict(format!("{job} is replaced, and is not done")))?;
        let lacks = row.spec.outputs().iter().any(|output| !row.outputs.contains_key(output));
        demand(lacks, || format!("{job} is replaced, and nothing of it is gone"))?;
        let old = std::mem::replace(&mut row.fingerprint, fingerprint);
        self.born.entry(job).or_insert(old);
        self.fingerprints.remove(&old);
        self.fingerprints.insert(fingerprint, job);
        Ok(())
    }

    fn move_under(&mut self, job: JobId, parents: Vec<JobId>) -> Result<(), Refusal> {
        let row = self.jobs.get_mut(&job);
        let row = row.filter(|row| matches!(row.state, JobState::Failed | JobState::Unwanted));
        let row =
            row.ok_or_else(|| Refusal::Conflict(format!("{job} reads others, and was not given up")))?;
        (row.parents, row.checkpoint) = (parents, None);
        Ok(())
    }

    /// A job reads what the jobs of those fingerprints made that are its parents.
    fn reads_its_parents(&self, row: &JobRow) -> Result<(), Refusal> {
        let read: BTreeSet<Fingerprint> = row.spec.inputs().iter().map(|input| input.job).collect();
        let named: BTreeSet<_> = row.parents.iter().map(|parent| self.jobs[parent].fingerprint).collect();
        demand(read == named, || {
            format!("{} has other parents than the jobs that make what it reads", row.id)
        })
    }

    fn sweep_row(&mut self, sweep: SweepId) -> Result<&mut SweepRow, Refusal> {
        self.sweeps.get_mut(&sweep).ok_or_else(|| Refusal::Conflict(format!("a change of no sweep {sweep}")))
    }

    fn add_sweep(&mut self, row: SweepRow) -> Result<(), Refusal> {
        demand(self.sweep(&row.name).is_none(), || format!("the name `{}` is taken", row.name))?;
        demand(row.id > SweepId(self.last.sweep), || format!("{} was given out before", row.id))?;
        self.last.sweep = row.id.0;
        self.sweeps.insert(row.id, row);
        Ok(())
    }

    fn add_trial(&mut self, row: TrialRow) -> Result<(), Refusal> {
        let same =
            |old: &TrialRow| old.sweep == row.sweep && (old.key == row.key || old.number == row.number);
        demand(!self.trials.values().any(same), || format!("trial `{}` twice", row.key))?;
        demand(self.sweeps.contains_key(&row.sweep), || format!("a trial of no sweep {}", row.sweep))?;
        demand(row.id.0 > self.last.trial, || format!("{} was given out before", row.id))?;
        self.last.trial = row.id.0;
        self.trials.insert(row.id, row);
        Ok(())
    }

    fn add_round(&mut self, row: RoundRow) -> Result<(), Refusal> {
        let there = |job: &JobId| self.jobs.contains_key(job);
        let all = row.mask.iter().chain(&row.train).chain([&row.origin]).all(there);
        demand(all, || "a round of a job that is not there".to_owned())?;
        let place = (row.trial, row.branch.clone(), row.copy, row.round);
        let said = format!("round {place:?} twice");
        demand(self.rounds.insert(place, row).is_none(), || said)
    }

    fn add_analysis(&mut self, row: &AnalysisRow) -> Result<(), Refusal> {
        demand(self.jobs.contains_key(&row.job), || "an analysis by a job that is not there".to_owned())?;
        let place = (row.trial, row.analysis.clone(), row.branch.clone(), row.copy, row.round, row.pair);
        let there = self.analyses.entry(place).or_insert_with(|| row.clone());
        // Of a job that others replaced the results stay, and so does the row that names it.
        let same = row.job == there.job || self.born.contains_key(&there.job);
        let same = same && *there == AnalysisRow { job: there.job, ..row.clone() };
        demand(same, || "an extension changes an analysis".to_owned())
    }

    fn add_job(&mut self, row: JobRow) -> Result<(), Refusal> {
        let id = row.id;
        demand(id > JobId(self.last.job), || format!("{id} was given out before"))?;
        let parents = row.parents.iter().all(|parent| self.jobs.contains_key(parent));
        demand(parents, || format!("{id} before its parents"))?;
        self.reads_its_parents(&row)?;
        self.last.job = id.0;
        let twin = self.fingerprints.insert(row.fingerprint, id);
        demand(twin.is_none(), || format!("{id} has the fingerprint of another job"))?;
        self.jobs.insert(id, row);
        Ok(())
    }

    fn claim(&mut self, sweep: SweepId, jobs: &[JobId], shared: &[JobId]) -> Result<(), Refusal> {
        demand(shared.iter().all(|job| jobs.contains(job)), || {
            format!("{sweep} shares what it does not claim")
        })?;
        demand(jobs.iter().all(|job| self.jobs.contains_key(job)), || format!("{sweep} claims no job"))?;
        self.claims.extend(jobs.iter().map(|job| (sweep, *job)));
        Ok(())
    }

    /// Only jobs that nobody holds change their state like this, and only to another.
    fn job_state(&mut self, job: JobId, state: JobState, reset: bool) -> Result<(), Refusal> {
        let row =
            self.jobs.get_mut(&job).ok_or_else(|| Refusal::Conflict(format!("a change of no job {job}")))?;
        let may = match state {
            JobState::Open => {
                matches!(row.state, JobState::Failed | JobState::Quarantined | JobState::Unwanted)
            }
            JobState::Unwanted => {
                matches!(row.state, JobState::Failed | JobState::Quarantined | JobState::Open)
            }
            _ => false,
        };
        demand(may, || format!("{job} goes from {} to {}", row.state.name(), state.name()))?;
        row.state = state;
        if reset {
            (row.tries, row.losses) = (0, 0);
        }
        if state == JobState::Open { self.reads_its_parents(&self.jobs[&job]) } else { Ok(()) }
    }

    fn worker_state(&mut self, worker: WorkerId, state: WorkerState) -> Result<(), Refusal> {
        let row = self.workers.get_mut(&worker);
        row.ok_or_else(|| Refusal::Conflict(format!("a state of no worker {worker}")))?.1 = state;
        Ok(())
    }
}
