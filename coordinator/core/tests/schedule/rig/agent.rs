//! A worker that does what it is told, a step at a time: what a real agent does, without time or threads.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tombola_core::{
    record::JobRow,
    schedule::{Event, Fact, Held, Lease, LeasedJob, Message},
};
use tombola_spec::{
    Attempt, Fingerprint, JobId, LeaseId, WorkerId,
    job::{Input, JobSpec},
    outcome::{
        Artifact, CollapsePoint, CollapseSummary, ConnectivitySummary, CurvePoint, Failure, FailureClass,
        ImportSummary, LayerCount, LayerPair, MaskDistanceSummary, MaskPair, MaskSummary, Outcome,
        Provenance, Size, SlimSummary, Summary, TrainSummary,
    },
    worker::WorkerInfo,
};

/// A job of a lease, with the attempt it is.
type Lane = (JobId, Attempt);

/// What jobs do, as whoever sends a lease looks it up.
type Specs = BTreeMap<JobId, JobRow>;

#[derive(Debug, Clone)]
struct Work {
    fingerprint: Fingerprint,
    spec: Arc<JobSpec>,
    inputs: BTreeMap<Input, Artifact>,
}

#[derive(Debug)]
struct Granted {
    lease: Lease,
    work: BTreeMap<JobId, Work>,
    ahead: VecDeque<Vec<Lane>>,
    begun: Vec<Lane>,
}

/// A worker in a test.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) info: WorkerInfo,
    pub(crate) id: WorkerId,
    queues: BTreeMap<u32, VecDeque<Granted>>,
    sequence: u64,
    /// Reports not acknowledged, with what they would be held under.
    unacknowledged: Vec<(Held, Event)>,
    made: BTreeSet<Input>,
    pub(crate) refused: Option<String>,
    pub(crate) draining: bool,
}

impl Agent {
    pub(crate) fn new(info: WorkerInfo) -> Self {
        Self {
            info,
            id: WorkerId(0),
            queues: BTreeMap::new(),
            sequence: 0,
            unacknowledged: Vec::new(),
            made: BTreeSet::new(),
            refused: None,
            draining: false,
        }
    }

    /// Everything it would say in a Hello.
    pub(crate) fn held(&self) -> Vec<Held> {
        let held = |slot: u32, granted: &Granted, (job, attempt): Lane, started| Held {
            lease: granted.lease.pack.lease,
            job,
            attempt,
            started,
            slot,
        };
        let mut all = Vec::new();
        for (slot, queue) in &self.queues {
            for granted in queue {
                all.extend(granted.begun.iter().map(|lane| held(*slot, granted, *lane, true)));
                all.extend(granted.ahead.iter().flatten().map(|lane| held(*slot, granted, *lane, false)));
            }
        }
        let said: BTreeSet<Lane> = all.iter().map(|held| (held.job, held.attempt)).collect();
        let reported = self.unacknowledged.iter().map(|(held, _)| *held);
        all.extend(reported.filter(|held| !said.contains(&(held.job, held.attempt))));
        all
    }

    /// Reports to repeat after a reconnect.
    pub(crate) fn unacknowledged(&self) -> Vec<Event> {
        self.unacknowledged.iter().map(|(_, report)| report.clone()).collect()
    }

    /// Forgets everything, as after a `kill -9` of the agent.
    pub(crate) fn die(&mut self) {
        *self = Self { id: self.id, ..Self::new(self.info.clone()) };
    }

    /// What it runs now.
    pub(crate) fn running(&self) -> Vec<JobId> {
        let begun = self.queues.values().filter_map(VecDeque::front).flat_map(|granted| &granted.begun);
        begun.map(|(job, _)| *job).collect()
    }

    /// Jobs of its leases, stage by stage, that have not ended.
    pub(crate) fn leases(&self) -> Vec<Vec<Vec<JobId>>> {
        let jobs = |lanes: &Vec<Lane>| lanes.iter().map(|(job, _)| *job).collect();
        let granted = self.queues.values().flatten();
        granted
            .map(|g| [&g.begun].into_iter().chain(&g.ahead).filter(|s| !s.is_empty()).map(jobs).collect())
            .collect()
    }

    pub(crate) fn widths(&self) -> Vec<u32> {
        self.queues.values().flatten().map(|granted| granted.lease.pack.width).collect()
    }

    /// Takes a message in; answers at once where an agent would.
    pub(crate) fn hear(&mut self, message: Message, specs: &Specs) -> Vec<Event> {
        match message {
            Message::Welcome => Vec::new(),
            Message::Refused { message, .. } => {
                self.refused = Some(message);
                Vec::new()
            }
            Message::Lease(lease) => self.grant(lease, specs),
            Message::Recall(lease) => {
                let jobs = self.take_back(lease);
                vec![Event::Returned { worker: self.id, lease, jobs }]
            }
            Message::Ack(upto) => {
                self.unacknowledged.retain(
                    |(_, report)| !matches!(report, Event::Report { sequence, .. } if *sequence <= upto),
                );
                Vec::new()
            }
            Message::Fenced(lanes) => {
                lanes.into_iter().for_each(|lane| self.drop_lane(lane));
                Vec::new()
            }
            Message::Cancel(job, attempt) => {
                self.drop_lane((job, attempt));
                Vec::new()
            }
            Message::Drain => self.drain(),
        }
    }

    fn grant(&mut self, lease: Lease, specs: &Specs) -> Vec<Event> {
        if self.draining {
            let jobs = lease.pack.stages.iter().flatten().map(|(job, _)| *job).collect();
            return vec![Event::Returned { worker: self.id, lease: lease.pack.lease, jobs }];
        }
        let mut makes: BTreeSet<Input> = BTreeSet::new();
        let mut work = BTreeMap::new();
        for (job, _) in lease.pack.stages.iter().flatten() {
            let LeasedJob { fingerprint, .. } = lease.jobs[job];
            let spec = Arc::clone(&specs[job].spec);
            let inputs = lease.jobs[job].inputs(&spec);
            for input in spec.inputs() {
                assert!(inputs.contains_key(&input) || makes.contains(&input), "{job} lacks {input}");
            }
            makes.extend(spec.outputs().into_iter().map(|output| Input { job: fingerprint, output }));
            work.insert(*job, Work { fingerprint, spec, inputs });
        }
        let ahead = lease.pack.stages.clone().into();
        self.queues.entry(lease.pack.slot).or_default().push_back(Granted {
            lease,
            work,
            ahead,
            begun: Vec::new(),
        });
        Vec::new()
    }

    fn take_back(&mut self, lease: LeaseId) -> Vec<JobId> {
        let mut jobs = Vec::new();
        for granted in self.queues.values_mut().flatten().filter(|granted| granted.lease.pack.lease == lease)
        {
            jobs.extend(granted.ahead.drain(..).flatten().map(|(job, _)| job));
        }
        self.tidy();
        jobs
    }

    fn drop_lane(&mut self, lane: Lane) {
        for granted in self.queues.values_mut().flatten() {
            granted.begun.retain(|held| *held != lane);
            granted.ahead.iter_mut().for_each(|stage| stage.retain(|held| *held != lane));
        }
        self.unacknowledged.retain(|(held, _)| (held.job, held.attempt) != lane);
        self.tidy();
    }

    fn tidy(&mut self) {
        for queue in self.queues.values_mut() {
            queue.iter_mut().for_each(|granted| granted.ahead.retain(|stage| !stage.is_empty()));
            queue.retain(|granted| !granted.begun.is_empty() || !granted.ahead.is_empty());
        }
    }

    /// Takes nothing new, gives everything back and leaves.
    pub(crate) fn drain(&mut self) -> Vec<Event> {
        self.draining = true;
        let mut said = vec![Event::Draining { worker: self.id }];
        let queues = std::mem::take(&mut self.queues);
        for (slot, granted) in
            queues.into_iter().flat_map(|(slot, queue)| queue.into_iter().map(move |g| (slot, g)))
        {
            for (job, attempt) in granted.begun {
                let held = Held { lease: granted.lease.pack.lease, job, attempt, started: true, slot };
                let report = self.report(held, Fact::GivenBack);
                said.push(report);
            }
            let jobs = granted.ahead.into_iter().flatten().map(|(job, _)| job).collect();
            said.push(Event::Returned { worker: self.id, lease: granted.lease.pack.lease, jobs });
        }
        said
    }

    fn report(&mut self, held: Held, fact: Fact) -> Event {
        self.sequence += 1;
        let (job, attempt) = (held.job, held.attempt);
        let report = Event::Report { worker: self.id, sequence: self.sequence, job, attempt, fact };
        self.unacknowledged.push((held, report.clone()));
        report
    }

    /// Begins the next stage of a slot, if nothing runs there. Jobs that lack an input are given back.
    pub(crate) fn begin(&mut self, slot: u32) -> Vec<Event> {
        let mut said = Vec::new();
        loop {
            let Some(granted) = self.queues.get_mut(&slot).and_then(VecDeque::front_mut) else { return said };
            if !granted.begun.is_empty() {
                return said;
            }
            let Some(stage) = granted.ahead.pop_front() else { return said };
            let lease = granted.lease.pack.lease;
            let mut orphans = Vec::new();
            for (job, attempt) in stage {
                let leased = &granted.work[&job];
                let at_hand = |input: &Input| leased.inputs.contains_key(input) || self.made.contains(input);
                if leased.spec.inputs().iter().all(at_hand) {
                    granted.begun.push((job, attempt));
                } else {
                    orphans.push(job);
                }
            }
            let begun = granted.begun.clone();
            for (job, attempt) in begun {
                said.push(self.report(
                    Held { lease, job, attempt, started: true, slot },
                    Fact::Started { iteration: 0 },
                ));
            }
            if !orphans.is_empty() {
                said.push(Event::Returned { worker: self.id, lease, jobs: orphans });
            }
            self.tidy();
        }
    }

    /// Finishes a job that runs.
    pub(crate) fn finish(&mut self, job: JobId) -> Event {
        let (held, leased) = self.end(job);
        let outputs = leased.spec.outputs();
        self.made.extend(outputs.iter().map(|output| Input { job: leased.fingerprint, output: *output }));
        let artifact = |output| {
            let digest = tombola_spec::Digest::of(format!("{}.{output}", leased.fingerprint).as_bytes());
            (output, Artifact { digest, bytes: 1 })
        };
        let outputs = outputs.into_iter().map(artifact).collect();
        let outcome = Outcome { outputs, summary: summary(&leased.spec), provenance: provenance() };
        self.report(held, Fact::Finished(Box::new(outcome)))
    }

    /// Fails a job that runs.
    pub(crate) fn fail(&mut self, job: JobId, class: FailureClass) -> Event {
        let (held, _) = self.end(job);
        self.report(held, Fact::Failed(Failure { class, message: "scripted".to_owned() }))
    }

    /// Says something about a job that runs, which goes on.
    pub(crate) fn tell(&mut self, job: JobId, fact: Fact) -> Event {
        let held = self.held().into_iter().find(|held| held.job == job).expect("a job it holds");
        self.report(held, fact)
    }

    /// Takes a running job out of its lease.
    fn end(&mut self, job: JobId) -> (Held, Work) {
        let held =
            self.held().into_iter().find(|held| held.job == job && held.started).expect("a job it runs");
        let queue = self.queues.get_mut(&held.slot).expect("its slot");
        let granted = queue.front_mut().expect("a lease");
        granted.begun.retain(|(lane, _)| *lane != job);
        let leased = granted.work[&job].clone();
        self.tidy();
        (held, leased)
    }
}

fn summary(spec: &JobSpec) -> Summary {
    match spec {
        JobSpec::Train(_) => Summary::Train(TrainSummary {
            last: Vec::new(),
            early_stop: None,
            iterations: spec.iterations(),
            flops: 1,
            theoretical_flops: 1,
            device_seconds: 1.0,
        }),
        JobSpec::Slim(job) => {
            let size =
                |n| Size { parameters: n, weights: n, flops: n, bytes: 4 * n, latency: n as f64 / 1e3 };
            let (name, masked, slim) = (job.network.name.clone(), size(100), size(25));
            let (difference, batch, device_seconds) = (0.0, job.batch, 1.0);
            Summary::Slim(Box::new(SlimSummary { name, masked, slim, difference, batch, device_seconds }))
        }
        JobSpec::Connectivity(job) => {
            let point = |(bn, alpha, split)| CurvePoint { bn, split, alpha, loss: 0.5, error: 0.1 };
            let curve = job.points().into_iter().map(point).collect();
            Summary::Connectivity(ConnectivitySummary { curve, flops: 0, device_seconds: 1.0 })
        }
        JobSpec::Collapse(job) => {
            let point = |exponent| CollapsePoint { exponent, living: 1, emptied: Vec::new() };
            let points = job.grid().into_iter().map(point).collect();
            let (criterion, greatest) = (job.criterion.name().to_owned(), 2.0);
            Summary::Collapse(CollapseSummary { criterion, points, greatest, flops: 0, device_seconds: 1.0 })
        }
        JobSpec::Import(_) => Summary::Import(ImportSummary { tensors: 1, device_seconds: 1.0 }),
        JobSpec::MaskDistance(job) => {
            let layer = LayerPair { name: "fc.weight".to_owned(), living: [6, 4], both: 2, total: 10 };
            let pair = |masks| MaskPair { masks, layers: vec![layer.clone()] };
            Summary::MaskDistance(MaskDistanceSummary {
                pairs: job.pairs().map(pair).collect(),
                device_seconds: 1.0,
            })
        }
        JobSpec::Prune(_) | JobSpec::RandomMask(_) | JobSpec::Join(_) => Summary::Mask(MaskSummary {
            layers: vec![LayerCount { name: "fc.weight".to_owned(), living: 1, total: 2, prunable: true }],
            ..MaskSummary::default()
        }),
    }
}

fn provenance() -> Provenance {
    Provenance {
        plan: "cpu-lanes".to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        width: 1,
        libtorch: "2.11.0".to_owned(),
        capability: "AVX2".to_owned(),
        worker: "0.1.0".to_owned(),
        data: None,
    }
}
