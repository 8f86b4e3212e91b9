//! The rig of the state's scenario tests: says things to it, and takes apart what it wants done.

use super::{
    super::message::{Fact, FromCoordinator, Lease, LeasedJob, Report, ToCoordinator},
    Action, Exit, Input, Rules, State,
};
use crate::slot::{Order, StageRun, Told};
use std::{collections::BTreeMap, time::Duration};
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, LeaseId,
    job::{JobSpec, Output},
    outcome::{Artifact, Failure, FailureClass, MaskSummary, Outcome, Provenance, Series, Split, Summary},
    worker::Plan,
};

pub(super) const RULES: Rules =
    Rules { spool_bytes: 1 << 20, drain_within: Duration::from_secs(60), time_limit: None };

/// A state, and what it asked for that no test has looked at.
pub(super) struct Rig {
    pub(super) state: State,
    actions: Vec<Action>,
}

impl Rig {
    /// A fresh worker of one slot, with a link that is up, as w1.
    pub(super) fn up() -> Self {
        let mut rig = Self::new(RULES, None, Vec::new());
        rig.reconnect(1);
        assert_eq!(rig.remembered(), [identity(1)]);
        rig
    }

    /// As [`Rig::up`], with so many slots.
    pub(super) fn with_slots(slots: usize) -> Self {
        let mut rig = Self { state: State::new(slots, RULES, None, Vec::new(), false), actions: Vec::new() };
        rig.reconnect(1);
        rig.remembered();
        rig
    }

    pub(super) fn new(rules: Rules, worker: Option<String>, spooled: Vec<Report>) -> Self {
        Self { state: State::new(1, rules, worker, spooled, false), actions: Vec::new() }
    }

    pub(super) fn with_spool_of(bytes: u64) -> Self {
        let mut rig = Self::new(Rules { spool_bytes: bytes, ..RULES }, None, Vec::new());
        rig.reconnect(1);
        rig.remembered();
        rig
    }

    pub(super) fn handle(&mut self, input: Input) {
        let actions = self.state.handle(input);
        self.actions.extend(actions);
    }

    pub(super) fn hear(&mut self, message: FromCoordinator) {
        self.handle(Input::Message(message));
    }

    /// Opens a link; returns the attempts that Hello says are held, with whether they began. What was said over the old
    /// link is of no interest any more.
    pub(super) fn reconnect(&mut self, as_worker: u64) -> Vec<(u64, bool)> {
        self.sent();
        self.handle(Input::Opened);
        let hello = self.sent();
        let [ToCoordinator::Hello { held, .. }] = hello.as_slice() else { panic!("no Hello: {hello:?}") };
        let held = held.iter().map(|held| (held.job.0, held.started)).collect();
        self.hear(FromCoordinator::Welcome(identity(as_worker)));
        held
    }

    pub(super) fn lease(&mut self, id: u64, stages: &[&[&LeasedJob]]) {
        self.hear(FromCoordinator::Lease(lease(id, stages)));
    }

    pub(super) fn told(&mut self, told: Told) {
        self.handle(Input::Slot(0, told));
    }

    pub(super) fn start(&mut self, job: u64) {
        self.told(Told::Started { job: JobId(job), iteration: 0 });
    }

    pub(super) fn measure(&mut self, job: u64) {
        self.told(Told::Metrics { job: JobId(job), series: vec![points(8)] });
    }

    pub(super) fn checkpoint(&mut self, job: u64, iteration: u64) {
        let artifact = artifact(&format!("checkpoint of {job} at {iteration}"));
        self.told(Told::Checkpoint { job: JobId(job), iteration, artifact });
    }

    pub(super) fn finish(&mut self, job: &LeasedJob) {
        self.told(Told::Finished { job: job.job, outcome: outcome(job) });
    }

    pub(super) fn fail(&mut self, job: u64) {
        let failure = Failure { class: FailureClass::NotFinite, message: "the loss became NaN".to_owned() };
        self.told(Told::Failed { job: JobId(job), failure });
    }

    pub(super) fn tick(&mut self, seconds: u64) {
        self.handle(Input::Tick { now: Duration::from_secs(seconds), unwritten: false });
    }

    /// Acknowledges every report.
    pub(super) fn acknowledge(&mut self) {
        let last = self.state.reports().last().map_or(0, |report| report.sequence);
        self.hear(FromCoordinator::Ack(last));
    }

    /// Uploads whatever is asked for, until nothing more is.
    pub(super) fn upload(&mut self) -> Vec<Artifact> {
        let mut uploaded = Vec::new();
        loop {
            let asked = self.uploads();
            if asked.is_empty() {
                return uploaded;
            }
            for (report, artifacts) in asked {
                uploaded.extend(artifacts);
                self.handle(Input::Uploaded(report));
            }
        }
    }

    pub(super) fn uploads(&mut self) -> Vec<(u64, Vec<Artifact>)> {
        self.take(|action| match action {
            Action::Upload(report, artifacts) => Ok((report, artifacts)),
            other => Err(other),
        })
    }

    /// Whether it was said that nothing new is taken.
    pub(super) fn says_it_drains(&mut self) -> bool {
        let said = self.take(|action| match action {
            Action::Send(ToCoordinator::Draining) => Ok(()),
            other => Err(other),
        });
        !said.is_empty()
    }

    /// What was said to the coordinator since the last look.
    pub(super) fn sent(&mut self) -> Vec<ToCoordinator> {
        self.take(|action| match action {
            Action::Send(message) => Ok(message),
            other => Err(other),
        })
    }

    /// Kinds of the reports that were sent, with their jobs; anything else said is a mistake.
    pub(super) fn reported(&mut self) -> Vec<(u64, &'static str)> {
        let sent = self.sent().into_iter();
        let report = |message| match message {
            ToCoordinator::Report(report) => (report.job.0, kind(&report.fact)),
            other => panic!("more than reports: {other:?}"),
        };
        sent.map(report).collect()
    }

    /// Jobs given back unstarted; anything else said is a mistake.
    pub(super) fn returned(&mut self) -> Vec<u64> {
        let sent = self.sent().into_iter();
        let jobs = |message| match message {
            ToCoordinator::Returned { jobs, .. } => jobs,
            other => panic!("more than returns: {other:?}"),
        };
        sent.flat_map(jobs).map(|job: JobId| job.0).collect()
    }

    pub(super) fn orders(&mut self) -> Vec<Order> {
        self.take(|action| match action {
            Action::Order(_, order) => Ok(order),
            other => Err(other),
        })
    }

    /// The one stage that was ordered.
    pub(super) fn ordered(&mut self) -> StageRun {
        let orders = self.orders();
        match orders.as_slice() {
            [Order::Run(run)] => run.clone(),
            other => panic!("not one stage: {other:?}"),
        }
    }

    pub(super) fn remembered(&mut self) -> Vec<String> {
        self.take(|action| match action {
            Action::Remember(worker) => Ok(worker),
            other => Err(other),
        })
    }

    pub(super) fn exit(&mut self) -> Option<Exit> {
        let exits = self.take(|action| match action {
            Action::Exit(exit) => Ok(exit),
            other => Err(other),
        });
        exits.into_iter().next()
    }

    /// Nothing more is said, ordered or uploaded.
    #[track_caller]
    pub(super) fn is_quiet(&mut self) {
        let (sent, orders, uploads) = (self.sent(), self.orders(), self.uploads());
        assert!(
            sent.is_empty() && orders.is_empty() && uploads.is_empty(),
            "{sent:?} {orders:?} {uploads:?}"
        );
    }

    fn take<T>(&mut self, pick: impl Fn(Action) -> Result<T, Action>) -> Vec<T> {
        let (mut picked, mut rest) = (Vec::new(), Vec::new());
        for action in self.actions.drain(..) {
            match pick(action) {
                Ok(one) => picked.push(one),
                Err(other) => rest.push(other),
            }
        }
        self.actions = rest;
        picked
    }
}

/// The identity of a worker.
pub(super) fn identity(number: u64) -> String {
    format!("w{number}@lab")
}

pub(super) fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Started { .. } => "started",
        Fact::Metrics { .. } => "metrics",
        Fact::Checkpoint { .. } => "checkpoint",
        Fact::Finished(_) => "finished",
        Fact::Failed(_) => "failed",
        Fact::GivenBack => "given back",
    }
}

/// Job `number`, first attempt.
pub(super) fn leased(number: u64, spec: JobSpec) -> LeasedJob {
    LeasedJob {
        job: JobId(number),
        attempt: Attempt(1),
        fingerprint: Fingerprint::of(&spec),
        spec,
        inputs: BTreeMap::new(),
        resume: None,
    }
}

pub(super) fn lease(id: u64, stages: &[&[&LeasedJob]]) -> Lease {
    let stages = stages.iter().map(|stage| stage.iter().map(|&job| job.clone()).collect()).collect();
    Lease { id: LeaseId(id), slot: 0, width: 1, plan: Plan::CpuLanes, stages }
}

pub(super) fn points(count: u64) -> Series {
    Series {
        name: "loss".to_owned(),
        split: Split::Train,
        iterations: (0..count).collect(),
        values: vec![0.5; count as usize],
    }
}

pub(super) fn artifact(text: &str) -> Artifact {
    Artifact { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 }
}

/// An output of a job as [`outcome`] has it.
pub(super) fn output(job: &LeasedJob, output: Output) -> Artifact {
    artifact(&format!("{output} of {}", job.job))
}

fn outcome(job: &LeasedJob) -> Box<Outcome> {
    let outputs = job.spec.outputs().into_iter().map(|name| (name, output(job, name))).collect();
    let provenance = Provenance {
        plan: "cpu-lanes".to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        width: 1,
        libtorch: "none".to_owned(),
        capability: "none".to_owned(),
        worker: "0".to_owned(),
        data: None,
    };
    Box::new(Outcome { outputs, summary: Summary::Mask(MaskSummary::default()), provenance })
}
