//! The leases of one slot: a queue, of which at most the first has begun.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tombola_core::{
    record::JobRow,
    schedule::{Held, Lease},
};
use tombola_spec::{
    Attempt, Fingerprint, JobId, LeaseId,
    job::{Input, JobSpec},
    outcome::Artifact,
};

/// A job with the attempt it is.
pub(crate) type Lane = (JobId, Attempt);

/// What there is to do of a job.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) spec: Arc<JobSpec>,
    inputs: BTreeMap<Input, Artifact>,
    pub(crate) resume: Option<u64>,
}

/// A job of a stage that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) lease: LeaseId,
    pub(crate) lane: Lane,
    pub(crate) work: Work,
    /// What it reads, resolved.
    pub(crate) reads: BTreeMap<Input, Artifact>,
    pub(crate) started: bool,
    pub(crate) batches: u32,
    pub(crate) iteration: u64,
    /// Nothing more is expected of it.
    pub(crate) over: bool,
}

#[derive(Debug)]
struct Granted {
    lease: LeaseId,
    work: BTreeMap<JobId, Work>,
    ahead: VecDeque<Vec<Lane>>,
    begun: Vec<Running>,
    /// Outputs of the stages before.
    made: BTreeMap<Input, Artifact>,
}

/// What a slot holds.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    queue: VecDeque<Granted>,
    /// The engine runs a stage.
    pub(crate) busy: bool,
    /// It was told to end that stage early.
    pub(crate) yielding: bool,
    /// Number of the stage that runs; what an earlier one says is not heard.
    pub(crate) run: u64,
    /// How far the stage is.
    pub(crate) phase: u32,
}

impl Slot {
    /// Takes a lease in; what there is to do is looked up among the stored jobs.
    pub(crate) fn grant(&mut self, lease: &Lease, stored: &BTreeMap<JobId, JobRow>) {
        let mut makes: BTreeSet<Input> = BTreeSet::new();
        let mut work = BTreeMap::new();
        for (job, _) in lease.pack.stages.iter().flatten() {
            let (leased, spec) = (&lease.jobs[job], Arc::clone(&stored[job].spec));
            let inputs = leased.inputs(&spec);
            let there = |input: &Input| inputs.contains_key(input) || makes.contains(input);
            assert!(spec.inputs().iter().all(there), "{job} is leased without something it reads");
            let fingerprint = leased.fingerprint;
            makes.extend(spec.outputs().into_iter().map(|output| Input { job: fingerprint, output }));
            let resume = leased.resume.map(|checkpoint| checkpoint.iteration);
            work.insert(*job, Work { fingerprint, spec, inputs, resume });
        }
        let (begun, made, ahead) = (Vec::new(), BTreeMap::new(), lease.pack.stages.clone().into());
        self.queue.push_back(Granted { lease: lease.pack.lease, work, ahead, begun, made });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.busy
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    pub(crate) fn holds(&self, lease: LeaseId) -> bool {
        self.queue.iter().any(|granted| granted.lease == lease)
    }

    /// Every attempt that is held and not over.
    pub(crate) fn held(&self, slot: u32) -> Vec<Held> {
        let mut all = Vec::new();
        for Granted { lease, begun, ahead, .. } in &self.queue {
            let held = |(job, attempt): Lane, started| Held { lease: *lease, job, attempt, started, slot };
            all.extend(begun.iter().filter(|job| !job.over).map(|job| held(job.lane, job.started)));
            all.extend(ahead.iter().flatten().map(|lane| held(*lane, false)));
        }
        all
    }

    /// The attempt of a job that is held.
    pub(crate) fn attempt_of(&self, job: JobId) -> Option<Attempt> {
        self.held(0).into_iter().find(|held| held.job == job).map(|held| held.attempt)
    }

    /// Jobs of the stage that has begun.
    pub(crate) fn begun(&mut self) -> impl Iterator<Item = &mut Running> {
        self.queue.front_mut().into_iter().flat_map(|granted| granted.begun.iter_mut())
    }

    /// Those that are not over.
    pub(crate) fn living(&mut self) -> impl Iterator<Item = &mut Running> {
        self.begun().filter(|running| !running.over)
    }

    /// Notes what a job left behind, for later stages.
    pub(crate) fn made(&mut self, made: impl IntoIterator<Item = (Input, Artifact)>) {
        if let Some(granted) = self.queue.front_mut() {
            granted.made.extend(made);
        }
    }

    /// Drops an attempt; its outputs are nobody's input.
    pub(crate) fn drop_attempt(&mut self, lane: Lane) {
        for granted in &mut self.queue {
            granted.ahead.iter_mut().for_each(|stage| stage.retain(|held| *held != lane));
            for running in granted.begun.iter_mut().filter(|running| running.lane == lane) {
                running.over = true;
                granted.made.retain(|input, _| input.job != running.work.fingerprint);
            }
        }
    }

    /// Takes back what has not begun of a lease (of all: `None`).
    pub(crate) fn recall(&mut self, which: Option<LeaseId>) -> Vec<(LeaseId, Vec<JobId>)> {
        let mut returned = Vec::new();
        for granted in
            self.queue.iter_mut().filter(|granted| which.is_none_or(|lease| granted.lease == lease))
        {
            returned.push((granted.lease, granted.ahead.drain(..).flatten().map(|(job, _)| job).collect()));
        }
        self.drop_finished();
        returned
    }

    /// Begins the next stage if there is one; returns the jobs that cannot run because an input was never made.
    pub(crate) fn next_stage(&mut self) -> Vec<(LeaseId, Vec<JobId>)> {
        let mut orphans = Vec::new();
        while let Some(granted) = self.queue.front_mut() {
            if granted.begun.iter().all(|running| running.over) {
                granted.begun.clear();
                let Some(stage) = granted.ahead.pop_front() else {
                    self.queue.pop_front();
                    continue;
                };
                let left = granted.begin(stage);
                if !left.is_empty() {
                    orphans.push((granted.lease, left));
                }
            }
            if granted.begun.iter().any(|running| !running.over) {
                (self.busy, self.phase) = (true, 0);
                self.run += 1;
                return orphans;
            }
        }
        orphans
    }

    /// Drops leases of which nothing is left.
    pub(crate) fn drop_finished(&mut self) {
        let left = |granted: &Granted| !granted.ahead.is_empty() || granted.begun.iter().any(|job| !job.over);
        self.queue.retain(left);
    }
}

impl Granted {
    /// Resolves what the jobs of a stage read; those that lack something are left.
    fn begin(&mut self, stage: Vec<Lane>) -> Vec<JobId> {
        let mut left = Vec::new();
        for lane in stage {
            let work = self.work[&lane.0].clone();
            let find =
                |input: Input| Some((input, *work.inputs.get(&input).or_else(|| self.made.get(&input))?));
            let wanted = work.spec.inputs();
            let reads: BTreeMap<Input, Artifact> = wanted.iter().copied().filter_map(find).collect();
            if reads.len() < wanted.len() {
                left.push(lane.0);
                continue;
            }
            let from = work.spec.training().map_or(0, |train| train.span()[0]);
            let iteration = work.resume.unwrap_or(from);
            let (lease, started, batches, over) = (self.lease, false, 0, false);
            self.begun.push(Running { lease, lane, work, reads, started, batches, iteration, over });
        }
        left
    }
}
