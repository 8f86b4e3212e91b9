//! The changes that a store makes.

use super::{
    AnalysisRow, AuditRow, CheckpointRow, Ending, JobRow, JobState, Millis, PackRow, RoundRow, SweepRow,
    SweepState, TokenRow, TrialRow, WorkerState,
};
use crate::{keep::Keep, plan::TrialSettings, verdict::Verdict};
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, LeaseId, SweepId, TrialId, WorkerId,
    data::DataShape,
    outcome::{Failure, Outcome, Series},
    worker::WorkerInfo,
};

/// One change to the store. All writes of a commit are applied in order in one transaction that is also conditional on
/// the leader's epoch; if any condition fails nothing is applied.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A new sweep. Fails if the name is taken.
    AddSweep(SweepRow),
    /// Another file text for a sweep (extended).
    SweepSource {
        /// The sweep.
        sweep: SweepId,
        /// The new text.
        source: String,
    },
    /// What people asked of a sweep.
    SweepState {
        /// The sweep.
        sweep: SweepId,
        /// The new state.
        state: SweepState,
    },
    /// Whether results still decide how far a sweep's trials go.
    Decides {
        /// The sweep.
        sweep: SweepId,
        /// Whether they do.
        decides: bool,
    },
    /// What stays of a sweep's trainings.
    Keep {
        /// The sweep.
        sweep: SweepId,
        /// What stays.
        keep: Keep,
    },
    /// Outputs but masks of jobs are dropped. Those that are not done, or that a living job reads, are left alone.
    Drop(Vec<JobId>),
    /// A job that lacks what was dropped of it gives its fingerprint up to one that makes it again, and comes after this
    /// write. Its results stay.
    Replace {
        /// The job, done.
        job: JobId,
        /// Its fingerprint from now on, which nothing asks for.
        fingerprint: Fingerprint,
        /// The job that takes its place.
        by: JobId,
    },
    /// A job that was given up, or has failed, reads other jobs than before: those that replaced its parents. Its checkpoint
    /// is forgotten.
    Parents {
        /// The job.
        job: JobId,
        /// What it reads.
        parents: Vec<JobId>,
    },
    /// Verdicts on trials; each once.
    AddVerdicts(Vec<(TrialId, Verdict)>),
    /// New trials.
    AddTrials(Vec<TrialRow>),
    /// Other settings of a trial (its sweep was extended by rounds).
    TrialSettings {
        /// The trial.
        trial: TrialId,
        /// The new settings.
        settings: TrialSettings,
    },
    /// New rounds.
    AddRounds(Vec<RoundRow>),
    /// Jobs of analyses of rounds; those that are there stay as they are.
    AddAnalyses(Vec<AnalysisRow>),
    /// New jobs; fingerprints are unique.
    AddJobs(Vec<JobRow>),
    /// A sweep wants these jobs (idempotent).
    Claim {
        /// The sweep.
        sweep: SweepId,
        /// Its jobs.
        jobs: Vec<JobId>,
        /// Which of them already existed when the sweep came: done elsewhere or shared.
        shared: Vec<JobId>,
    },
    /// A sweep gives up its claims on all jobs that are not done. What is done stays its own: people see what was trained.
    Unclaim {
        /// The sweep.
        sweep: SweepId,
    },
    /// A lease: every job goes from `open` to `leased` with its new attempt number.
    Lease(PackRow),
    /// An attempt began (only now is it one): conditional on (job, attempt) being leased.
    Start {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// By whom.
        worker: WorkerId,
        /// Under which lease.
        lease: LeaseId,
        /// Iteration it starts from.
        iteration: u64,
    },
    /// A newer checkpoint: conditional on (job, attempt) being leased.
    Checkpoint {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// The checkpoint.
        checkpoint: CheckpointRow,
    },
    /// Metric points: conditional on (job, attempt) being leased or done; a batch number is stored once.
    Metrics {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// Number of the batch inside the attempt, from 1.
        batch: u32,
        /// The points.
        series: Vec<Series>,
    },
    /// A result: conditional on (job, attempt) being leased; the job becomes `done`, its outputs are frozen and
    /// unpinned, its mask rows written.
    Finish {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// The result.
        outcome: Outcome,
    },
    /// An attempt ended without a result: conditional on (job, attempt) being leased.
    End {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// Why, for people and `failure`; `None` for recalls and drains.
        failure: Option<Failure>,
        /// How it ended.
        how: Ending,
        /// Where the job goes.
        next: JobState,
        /// Tries charged so far.
        tries: u32,
        /// Losses so far.
        losses: u32,
    },
    /// Jobs change state outside an attempt (retry, revival, unwanted).
    JobState {
        /// The jobs.
        jobs: Vec<JobId>,
        /// The new state.
        state: JobState,
        /// Whether tries and losses go back to zero (people asked for a retry).
        reset: bool,
    },
    /// A worker connected, or reconnected under its id.
    Worker {
        /// Identity.
        worker: WorkerId,
        /// What it says of itself.
        info: WorkerInfo,
    },
    /// A worker's state for people.
    WorkerState {
        /// The worker.
        worker: WorkerId,
        /// Its new state.
        state: WorkerState,
    },
    /// The first content seen under a data set's name: binds the name (idempotent for the same digest).
    BindData {
        /// Name.
        set: String,
        /// Digest.
        digest: Digest,
        /// Shape.
        shape: DataShape,
    },
    /// A new token. Fails if another that was not revoked has its name.
    AddToken(TokenRow),
    /// A token is taken back, once.
    RevokeToken {
        /// The token.
        token: u64,
        /// When.
        at: Millis,
    },
    /// Something people did, in the commit that does it.
    Audit(AuditRow),
}

impl Write {
    /// The artifacts that are named by a record from here on.
    pub fn names(&self) -> Vec<Digest> {
        match self {
            Self::AddJobs(jobs) => jobs.iter().filter_map(|job| Some(job.spec.given()?.1.digest)).collect(),
            Self::Checkpoint { checkpoint, .. } => vec![checkpoint.artifact.digest],
            Self::Finish { outcome, .. } => {
                outcome.outputs.values().map(|artifact| artifact.digest).collect()
            }
            _ => Vec::new(),
        }
    }
}
