//! A store in memory that checks the condition of every write, as the real ones do.

use std::collections::{BTreeMap, BTreeSet};
use tombola_core::record::{
    AnalysisRow, CheckpointRow, JobRow, JobState, LastIds, PackRow, RoundRow, Snapshot, SweepRow, SweepState,
    TrialRow, Write,
};
use tombola_core::verdict::Verdict;
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, LeaseId, SweepId, TrialId, WorkerId,
    data::DataShape,
    job::{Input, Output},
};

/// What a real store keeps, and how often each job was finished.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) sweeps: BTreeMap<SweepId, SweepRow>,
    pub(crate) trials: Vec<TrialRow>,
    pub(crate) rounds: Vec<RoundRow>,
    pub(crate) analyses: Vec<AnalysisRow>,
    pub(crate) jobs: BTreeMap<JobId, JobRow>,
    pub(crate) leases: BTreeMap<JobId, LeaseId>,
    pub(crate) packs: BTreeMap<LeaseId, PackRow>,
    pub(crate) claims: BTreeSet<(SweepId, JobId)>,
    pub(crate) data: BTreeMap<String, (Digest, DataShape)>,
    pub(crate) workers: BTreeMap<WorkerId, (String, &'static str)>,
    /// `how` of every ended attempt.
    pub(crate) ends: Vec<(JobId, Attempt, &'static str)>,
    pub(crate) started: BTreeSet<(JobId, Attempt)>,
    pub(crate) verdicts: Vec<(TrialId, Verdict)>,
    /// By whom.
    pub(crate) replaced: BTreeMap<JobId, JobId>,
    last: LastIds,
}

impl Store {
    /// All that reports decide.
    pub(crate) fn told(&self) -> String {
        format!("{:?} {:?} {:?} {:?}", self.jobs, self.leases, self.ends, self.started)
    }

    pub(crate) fn apply(&mut self, write: Write) {
        match write {
            Write::AddSweep(row) => {
                assert!(self.sweeps.values().all(|sweep| sweep.name != row.name), "name taken");
                self.last.sweep = self.last.sweep.max(row.id.0);
                assert!(self.sweeps.insert(row.id, row).is_none());
            }
            Write::SweepSource { sweep, source } => self.sweeps.get_mut(&sweep).unwrap().source = source,
            Write::SweepState { sweep, state } => self.sweeps.get_mut(&sweep).unwrap().state = state,
            Write::Decides { sweep, decides } => self.sweeps.get_mut(&sweep).unwrap().decides = decides,
            Write::Keep { sweep, keep } => self.sweeps.get_mut(&sweep).unwrap().keep = keep,
            Write::Drop(jobs) => jobs.into_iter().for_each(|job| self.drop_outputs(job)),
            Write::Replace { job, fingerprint, by } => {
                let row = self.jobs.get_mut(&job).unwrap();
                assert_eq!(row.state, JobState::Done, "{job}");
                row.fingerprint = fingerprint;
                self.replaced.insert(job, by);
            }
            Write::Parents { job, parents } => {
                let row = self.jobs.get_mut(&job).unwrap();
                assert!(
                    matches!(row.state, JobState::Failed | JobState::Unwanted),
                    "{job} is {:?}",
                    row.state
                );
                (row.parents, row.checkpoint) = (parents, None);
            }
            Write::AddVerdicts(rows) => rows.into_iter().for_each(|(trial, verdict)| {
                let same = |(old, there): &(TrialId, Verdict)| {
                    (*old, there.rule, there.round) == (trial, verdict.rule, verdict.round)
                };
                assert!(!self.verdicts.iter().any(same), "a verdict is given twice");
                self.verdicts.push((trial, verdict));
            }),
            Write::AddTrials(rows) => rows.into_iter().for_each(|row| {
                let same =
                    |old: &TrialRow| (old.sweep, &old.key) == (row.sweep, &row.key) || old.id == row.id;
                assert!(!self.trials.iter().any(same), "trial {} twice", row.key);
                self.last.trial = self.last.trial.max(row.id.0);
                self.trials.push(row);
            }),
            Write::TrialSettings { trial, settings } => {
                self.trials.iter_mut().find(|row| row.id == trial).unwrap().settings = settings;
            }
            Write::AddRounds(rows) => rows.into_iter().for_each(|row| {
                let jobs = row.mask.iter().chain(&row.train).chain([&row.origin]);
                assert!(
                    jobs.into_iter().all(|job| self.jobs.contains_key(job)),
                    "a round names a job that is not there"
                );
                self.rounds.push(row);
            }),
            Write::AddAnalyses(rows) => rows.into_iter().for_each(|row| {
                assert!(self.jobs.contains_key(&row.job), "an analysis names a job that is not there");
                let place = |row: &AnalysisRow| {
                    (row.trial, row.analysis.clone(), row.branch.clone(), row.copy, row.round, row.pair)
                };
                if let Some(there) = self.analyses.iter().find(|there| place(there) == place(&row)) {
                    assert_eq!(there, &row, "an extension changes no analysis");
                } else {
                    self.analyses.push(row);
                }
            }),
            Write::AddJobs(rows) => rows.into_iter().for_each(|row| self.add_job(row)),
            Write::Claim { sweep, jobs, shared } => {
                assert!(shared.iter().all(|job| jobs.contains(job)));
                assert!(jobs.iter().all(|job| self.jobs.contains_key(job)));
                self.claims.extend(jobs.into_iter().map(|job| (sweep, job)));
            }
            Write::Unclaim { sweep } => {
                let done = |job| self.jobs[&job].state == JobState::Done;
                self.claims.retain(|(claim, job)| *claim != sweep || done(*job));
            }
            Write::JobState { jobs, state, reset } => {
                jobs.into_iter().for_each(|job| self.job_state(job, state, reset));
            }
            Write::Worker { worker, info } => {
                self.last.worker = self.last.worker.max(worker.0);
                self.workers.insert(worker, (info.name, "connected"));
            }
            Write::AddToken(_) | Write::RevokeToken { .. } | Write::Audit(_) => {}
            Write::WorkerState { worker, state } => self.workers.get_mut(&worker).unwrap().1 = state.name(),
            Write::BindData { set, digest, shape } => {
                assert_eq!(self.data.entry(set).or_insert((digest, shape)).0, digest);
            }
            attempt => self.apply_attempt(attempt),
        }
    }

    fn drop_outputs(&mut self, job: JobId) {
        let living = |row: &&JobRow| !matches!(row.state, JobState::Done | JobState::Unwanted);
        let read = self.jobs.values().filter(living).any(|row| row.parents.contains(&job));
        let row = self.jobs.get_mut(&job).unwrap();
        assert!(row.state == JobState::Done && !read, "{job} is {:?} and read: {read}", row.state);
        row.outputs.retain(|output, _| *output == Output::Mask);
    }

    fn add_job(&mut self, row: JobRow) {
        assert!(self.jobs.values().all(|job| job.fingerprint != row.fingerprint), "fingerprint taken");
        assert!(row.parents.iter().all(|parent| self.jobs.contains_key(parent)), "parents come first");
        self.last.job = self.last.job.max(row.id.0);
        self.jobs.insert(row.id, row);
    }

    fn job_state(&mut self, job: JobId, state: JobState, reset: bool) {
        let row = self.jobs.get_mut(&job).unwrap();
        assert!(!matches!(row.state, JobState::Done | JobState::Leased), "{job} is {:?}", row.state);
        row.state = state;
        if reset {
            (row.tries, row.losses) = (0, 0);
        }
    }

    fn apply_attempt(&mut self, write: Write) {
        match write {
            Write::Lease(pack) => {
                self.last.lease = self.last.lease.max(pack.lease.0);
                assert!(self.workers.contains_key(&pack.worker));
                for &(job, attempt) in pack.stages.iter().flatten() {
                    let row = self.jobs.get_mut(&job).unwrap();
                    assert_eq!(row.state, JobState::Open, "{job} is leased while {:?}", row.state);
                    assert!(row.attempt < attempt);
                    let inputs = row.spec.inputs();
                    (row.state, row.attempt) = (JobState::Leased, attempt);
                    self.leases.insert(job, pack.lease);
                    self.can_read(job, &inputs);
                }
                assert!(pack.stages.iter().all(|stage| stage.len() as u32 <= pack.width));
                self.packs.insert(pack.lease, pack);
            }
            Write::Start { job, attempt, .. } => {
                self.leased(job, attempt);
                self.started.insert((job, attempt));
            }
            Write::Checkpoint { job, attempt, checkpoint } => {
                self.leased(job, attempt).checkpoint = Some(checkpoint);
            }
            Write::Metrics { job, attempt, .. } => {
                let row = &self.jobs[&job];
                assert!(row.attempt == attempt && matches!(row.state, JobState::Leased | JobState::Done));
            }
            Write::Finish { job, attempt, outcome } => {
                let row = self.leased(job, attempt);
                (row.state, row.outputs) = (JobState::Done, outcome.outputs);
                row.checkpoint = None::<CheckpointRow>;
                self.ends.push((job, attempt, "done"));
            }
            Write::End { job, attempt, how, next, tries, losses, .. } => {
                assert!(!matches!(next, JobState::Leased | JobState::Done));
                let row = self.leased(job, attempt);
                (row.state, row.tries, row.losses) = (next, tries, losses);
                self.ends.push((job, attempt, how.name()));
            }
            other => panic!("unknown write {other:?}"),
        }
    }

    /// What a job reads is there, or not made yet.
    fn can_read(&self, job: JobId, inputs: &[Input]) {
        for input in inputs {
            let maker = self.jobs.values().find(|row| row.fingerprint == input.job).expect("a maker");
            let there = maker.state != JobState::Done || maker.outputs.contains_key(&input.output);
            assert!(there, "{job} reads what was dropped of {}", maker.id);
        }
    }

    fn leased(&mut self, job: JobId, attempt: Attempt) -> &mut JobRow {
        let row = self.jobs.get_mut(&job).unwrap();
        assert!(
            row.state == JobState::Leased && row.attempt == attempt,
            "{job} is {:?} {}",
            row.state,
            row.attempt
        );
        row
    }

    pub(crate) fn find(&self, fingerprints: &BTreeSet<Fingerprint>) -> Vec<JobRow> {
        self.jobs.values().filter(|job| fingerprints.contains(&job.fingerprint)).cloned().collect()
    }

    /// As [`Snapshot`] says.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let living = |row: &JobRow| !matches!(row.state, JobState::Done | JobState::Unwanted);
        let claimed = |row: &JobRow| self.claims.iter().any(|(_, job)| *job == row.id);
        let mut ids: BTreeSet<JobId> =
            self.jobs.values().filter(|row| living(row) && claimed(row)).map(|row| row.id).collect();
        let alive =
            |sweep: &SweepRow| self.claims.iter().any(|(id, job)| *id == sweep.id && ids.contains(job));
        let sweeps: Vec<SweepRow> = self
            .sweeps
            .values()
            .filter(|sweep| sweep.state != SweepState::Cancelled && (sweep.decides || alive(sweep)))
            .cloned()
            .collect();
        let parents: Vec<JobId> = ids.iter().flat_map(|id| self.jobs[id].parents.clone()).collect();
        ids.extend(parents.into_iter().filter(|id| self.jobs[id].state == JobState::Done));
        let gone = sweeps.iter().map(|sweep| {
            let jobs = self.claims.iter().filter(|(id, job)| *id == sweep.id && !ids.contains(job));
            let done: Vec<_> =
                jobs.map(|(_, job)| &self.jobs[job]).filter(|row| row.state == JobState::Done).collect();
            (sweep.id, done.len() as u64, done.iter().map(|row| row.spec.iterations()).sum())
        });
        let gone = gone.collect();
        let living_lease = |pack: &&PackRow| {
            self.leases
                .iter()
                .any(|(job, lease)| *lease == pack.lease && self.jobs[job].state == JobState::Leased)
        };
        Snapshot {
            claims: self.claims.iter().filter(|(_, job)| ids.contains(job)).copied().collect(),
            jobs: ids.iter().map(|id| self.jobs[id].clone()).collect(),
            packs: self.packs.values().filter(living_lease).cloned().collect(),
            data: self.data.iter().map(|(set, (digest, shape))| (set.clone(), *digest, *shape)).collect(),
            workers: self.workers.iter().map(|(id, (name, _))| (*id, name.clone())).collect(),
            last: self.last,
            sweeps,
            gone,
        }
    }

    /// How often a job was finished.
    pub(crate) fn times_done(&self, job: JobId) -> usize {
        self.ends.iter().filter(|(done, _, how)| *done == job && *how == "done").count()
    }

    pub(crate) fn ends_of(&self, job: JobId) -> Vec<&'static str> {
        self.ends.iter().filter(|(ended, _, _)| *ended == job).map(|(_, _, how)| *how).collect()
    }
}
