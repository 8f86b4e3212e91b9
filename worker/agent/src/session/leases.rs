//! The leases of one slot: a queue, of which at most the first has begun. Pure bookkeeping; `state` decides.

use super::message::{Held, Lease, LeasedJob};
use crate::slot::{RunJob, StageRun};
use std::collections::{BTreeMap, VecDeque};
use tombola_spec::{
    Attempt, JobId, LeaseId,
    job::Input,
    outcome::{Artifact, Outcome},
};

/// What a slot has been granted and not given back.
#[derive(Debug, Default)]
pub(crate) struct SlotLeases {
    queue: VecDeque<Granted>,
    /// The engine was told to run a stage and has not said that it ended.
    pub(crate) busy: bool,
    /// It was told to end that stage early.
    pub(crate) yielding: bool,
}

#[derive(Debug)]
struct Granted {
    lease: Lease,
    /// Stages that have not begun.
    ahead: VecDeque<Vec<LeasedJob>>,
    /// The stage that has, if any.
    begun: Vec<Running>,
    /// Outputs of the stages before, by [`Input`]'s text.
    made: BTreeMap<String, Artifact>,
}

/// A job of a stage that has begun.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) lease: LeaseId,
    pub(crate) leased: LeasedJob,
    /// The engine reached its first iteration.
    pub(crate) started: bool,
    /// Metric batches so far.
    pub(crate) batches: u32,
    /// Nothing more is expected or wanted of it.
    pub(crate) over: bool,
}

/// What [`SlotLeases::next_stage`] found.
#[derive(Debug, Default)]
pub(crate) struct Next {
    /// The stage to run.
    pub(crate) run: Option<StageRun>,
    /// Jobs that cannot run any more because an input of theirs was never made.
    pub(crate) orphans: Vec<(LeaseId, Vec<JobId>)>,
}

impl SlotLeases {
    /// Adds a lease to the queue.
    pub(crate) fn push(&mut self, mut lease: Lease) {
        let ahead = std::mem::take(&mut lease.stages).into();
        self.queue.push_back(Granted { lease, ahead, begun: Vec::new(), made: BTreeMap::new() });
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.busy
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Whether this lease is held.
    pub(crate) fn holds(&self, lease: LeaseId) -> bool {
        self.queue.iter().any(|granted| granted.lease.id == lease)
    }

    /// Artifacts its jobs may still read.
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = Artifact> + '_ {
        self.queue.iter().flat_map(|granted| {
            let begun = granted.begun.iter().map(|running| &running.leased);
            let jobs = begun.chain(granted.ahead.iter().flatten());
            jobs.flat_map(LeasedJob::artifacts).chain(granted.made.values().copied())
        })
    }

    /// The attempt of a job that is held, begun or not.
    pub(crate) fn attempt_of(&self, job: JobId) -> Option<Attempt> {
        self.held(0).into_iter().find(|held| held.job == job).map(|held| held.attempt)
    }

    /// Every attempt that is held and not over.
    pub(crate) fn held(&self, slot: u32) -> Vec<Held> {
        let held = |lease, leased: &LeasedJob, started| Held {
            lease,
            slot,
            job: leased.job,
            attempt: leased.attempt,
            started,
        };
        let of_lease = |granted: &Granted| {
            let lease = granted.lease.id;
            let begun = granted.begun.iter().filter(|job| !job.over);
            let begun = begun.map(|job| held(lease, &job.leased, job.started));
            begun.chain(granted.ahead.iter().flatten().map(|job| held(lease, job, false))).collect::<Vec<_>>()
        };
        self.queue.iter().flat_map(of_lease).collect()
    }

    /// A job of the stage that has begun, unless it is over.
    pub(crate) fn running(&mut self, job: JobId) -> Option<&mut Running> {
        self.begun().find(|running| running.leased.job == job && !running.over)
    }

    /// The jobs of the stage that has begun.
    pub(crate) fn begun(&mut self) -> impl Iterator<Item = &mut Running> {
        self.queue.front_mut().into_iter().flat_map(|granted| granted.begun.iter_mut())
    }

    /// Notes the outputs of a job that has begun, for later stages.
    pub(crate) fn made(&mut self, job: JobId, outcome: &Outcome) {
        let Some(granted) = self.queue.front_mut() else { return };
        let Some(running) = granted.begun.iter().find(|running| running.leased.job == job) else { return };
        for (&output, &artifact) in &outcome.outputs {
            let input = Input { job: running.leased.fingerprint, output };
            granted.made.insert(input.to_string(), artifact);
        }
    }

    /// Drops an attempt: it is not begun any more, or over. Its outputs are nobody's input. True if the engine runs it.
    pub(crate) fn drop_attempt(&mut self, job: JobId, attempt: Attempt) -> bool {
        let is_it = |leased: &LeasedJob| (leased.job, leased.attempt) == (job, attempt);
        let mut runs = false;
        for granted in &mut self.queue {
            granted.ahead.iter_mut().for_each(|stage| stage.retain(|leased| !is_it(leased)));
            for running in granted.begun.iter_mut().filter(|running| is_it(&running.leased)) {
                runs |= !running.over && self.busy;
                running.over = true;
                let output = format!("{}.", running.leased.fingerprint);
                granted.made.retain(|input, _| !input.starts_with(&output));
            }
        }
        runs
    }

    /// Takes back every stage of a lease (of all leases: `None`) that has not begun.
    pub(crate) fn recall(&mut self, which: Option<LeaseId>) -> Vec<(LeaseId, Vec<JobId>)> {
        let mut returned = Vec::new();
        for granted in self.queue.iter_mut().filter(|granted| which.is_none_or(|id| granted.lease.id == id)) {
            let jobs: Vec<_> = granted.ahead.drain(..).flatten().map(|leased| leased.job).collect();
            returned.push((granted.lease.id, jobs));
        }
        self.drop_finished();
        returned
    }

    /// The stage to run next: the one that has begun, if jobs of it are left, else the next of the queue.
    pub(crate) fn next_stage(&mut self) -> Next {
        let mut next = Next::default();
        while let Some(granted) = self.queue.front_mut() {
            if granted.begun.iter().all(|running| running.over) {
                granted.begun.clear();
                let Some(stage) = granted.ahead.pop_front() else {
                    self.queue.pop_front();
                    continue;
                };
                let lease = granted.lease.id;
                let (ready, orphans) = granted.resolve(stage);
                if !orphans.is_empty() {
                    next.orphans.push((lease, orphans));
                }
                let begin = |leased| Running { lease, leased, started: false, batches: 0, over: false };
                granted.begun = ready.into_iter().map(begin).collect();
            }
            if granted.begun.iter().any(|running| !running.over) {
                next.run = Some(granted.run());
                self.busy = true;
                return next;
            }
        }
        next
    }

    /// Drops leases of which nothing is left.
    pub(crate) fn drop_finished(&mut self) {
        self.queue
            .retain(|granted| !granted.ahead.is_empty() || granted.begun.iter().any(|running| !running.over));
    }
}

impl Granted {
    /// Fills in the inputs made by earlier stages; jobs that lack one are orphans.
    fn resolve(&self, stage: Vec<LeasedJob>) -> (Vec<LeasedJob>, Vec<JobId>) {
        let (mut ready, mut orphans) = (Vec::new(), Vec::new());
        for mut leased in stage {
            let given = leased.spec.given().map(|(input, _)| input);
            let wanted = leased.spec.inputs().into_iter().chain(given);
            let wanted: Vec<String> = wanted.map(|input| input.to_string()).collect();
            let given = |input: &String| {
                let artifact = leased.inputs.get(input).or_else(|| self.made.get(input))?;
                Some((input.clone(), *artifact))
            };
            let inputs: BTreeMap<String, Artifact> = wanted.iter().filter_map(given).collect();
            if wanted.iter().all(|input| inputs.contains_key(input)) {
                leased.inputs = inputs;
                ready.push(leased);
            } else {
                orphans.push(leased.job);
            }
        }
        (ready, orphans)
    }

    fn run(&self) -> StageRun {
        let jobs = self.begun.iter().filter(|running| !running.over).map(|running| RunJob {
            job: running.leased.job,
            attempt: running.leased.attempt,
            spec: running.leased.spec.clone(),
            inputs: running.leased.inputs.clone(),
            resume: running.leased.resume,
        });
        StageRun { jobs: jobs.collect(), width: self.lease.width, plan: self.lease.plan }
    }
}
