//! A leader that knows what it stored: it numbers things, submits sweeps and plays the worker.

use super::{Place, ask};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tombola_core::{
    plan::{AnalysisPlan, JobPlan, Plan, TrialPlan},
    record::{
        AnalysisRow, AuditRow, JobRow, JobState, LastIds, PackRow, RoundRow, SweepRow, SweepState, TrialRow,
        Write,
    },
    sweep,
};
use tombola_server::store::{Cell, Result, SqlStore, Store, StoreError};
use tombola_spec::{
    Attempt, Digest, Epoch, Fingerprint, JobId, LeaseId, SweepId, TrialId, WorkerId,
    job::JobSpec,
    outcome::{
        Artifact, CollapsePoint, CollapseSummary, ConnectivitySummary, CurvePoint, ImportSummary, LayerCount,
        LayerPair, MaskDistanceSummary, MaskPair, MaskSummary, Measure, Outcome, Provenance, Size,
        SlimSummary, Split, Summary, TrainSummary,
    },
    worker::{DeviceKind, Plan as LanePlan, SlotInfo, WorkerInfo},
};

/// 2026-11-24T02:54:28.123Z.
pub(crate) const NOW: i64 = 1_795_488_868_123;

/// Two seeds, two rounds, a control with two copies and one without.
pub(crate) const SWEEP: &str = r#"
name = "small"
seeds = "1..=2"
model = { name = "mnist_lenet_8_4" }
data  = { set = "mnist", validation = 5000 }
train = { steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1, eval_every = "50it" }
prune = { scope = "per_layer", rate = 0.5, rates = { "fc.weight" = 0.0 }, rounds = 2 }

[branch]
reinit = { rounds = [1, 2], copies = 2 }
random = { kind = "random_mask", rounds = [2] }
"#;

/// A leader and what it stored.
pub(crate) struct World {
    pub(crate) store: SqlStore,
    pub(crate) epoch: Epoch,
    pub(crate) ids: LastIds,
    jobs: HashMap<Fingerprint, JobRow>,
    attempts: HashMap<JobId, Attempt>,
}

/// A sweep as it was stored.
#[derive(Clone)]
pub(crate) struct Submitted {
    pub(crate) sweep: SweepRow,
    pub(crate) trials: Vec<TrialRow>,
    pub(crate) rounds: Vec<RoundRow>,
    pub(crate) analyses: Vec<AnalysisRow>,
    /// All its jobs, parents first.
    pub(crate) jobs: Vec<JobRow>,
    /// Those of them that were there before.
    pub(crate) shared: Vec<JobId>,
}

impl World {
    /// A world on new state, with one worker.
    pub(crate) async fn new(place: &Place) -> Self {
        let store = place.open();
        store.migrate().await.unwrap();
        let epoch = store.lead(Duration::ZERO).await.unwrap();
        let mut world =
            Self { store, epoch, ids: LastIds::default(), jobs: HashMap::new(), attempts: HashMap::new() };
        let worker = world.worker();
        world.commit(&[worker]).await.unwrap();
        world
    }

    /// This coordinator ends, and another takes over.
    pub(crate) async fn succeed(self, place: &Place) -> Self {
        let Self { store, ids, jobs, attempts, .. } = self;
        drop(store);
        let store = place.open();
        // A connection that closes is noticed a moment later.
        let epoch = loop {
            match store.lead(Duration::ZERO).await {
                Err(StoreError::Held { .. }) => tokio::task::yield_now().await,
                led => break led.unwrap(),
            }
        };
        Self { store, epoch, ids, jobs, attempts }
    }

    pub(crate) async fn commit(&self, writes: &[Write]) -> Result<()> {
        self.store.commit(self.epoch, NOW, writes).await
    }

    /// Commits a change that would be fine, with these behind it, and sees all of it refused. Returns why.
    pub(crate) async fn refused(&self, writes: &[Write]) -> String {
        let before = self.everything().await;
        // It keeps its place before them, a statement of its own.
        let (actor, role, peer, subject) = Default::default();
        let fine = Write::Audit(AuditRow { actor, role, peer, action: "fine", subject });
        let all: Vec<_> = [fine].into_iter().chain(writes.iter().cloned()).collect();
        let error = self.commit(&all).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        assert_eq!(self.everything().await, before, "{error}");
        error.to_string()
    }

    /// Another worker connects.
    pub(crate) fn worker(&mut self) -> Write {
        self.ids.worker += 1;
        let slot = SlotInfo {
            device: DeviceKind::Cpu,
            index: 0,
            name: "cpu".into(),
            memory: 0,
            lanes: 8,
            widths: Vec::new(),
        };
        let info = WorkerInfo {
            name: format!("node-{}", self.ids.worker),
            host: "node".into(),
            version: "0.1.0".into(),
            components: BTreeMap::new(),
            slots: vec![slot.clone(), slot],
            data: Vec::new(),
            data_folder: String::new(),
            patience_s: 0,
        };
        Write::Worker { worker: WorkerId(self.ids.worker), info }
    }

    /// A sweep's records; jobs that are known are shared. Nothing is stored yet.
    pub(crate) fn plan(&mut self, text: &str) -> (Submitted, Vec<Write>) {
        let plan = sweep::load(text).unwrap_or_else(|wrong| panic!("{}", wrong.show("sweep")));
        let sweep = SweepRow {
            id: SweepId(next(&mut self.ids.sweep)),
            name: plan.name.clone(),
            source: text.to_owned(),
            state: SweepState::Active,
            decides: false,
            keep: plan.keep,
        };
        let (mut jobs, mut new, mut shared) = (Vec::new(), Vec::new(), Vec::new());
        for job in &plan.jobs {
            if let Some(known) = self.jobs.get(&job.fingerprint) {
                shared.push(known.id);
            } else {
                let row = self.job(job);
                new.push(row.clone());
                self.jobs.insert(job.fingerprint, row);
            }
            jobs.push(self.jobs[&job.fingerprint].clone());
        }
        let (trials, rounds) = self.trials(sweep.id, &plan);
        let analyses = self.analyses(&trials, &plan);
        let claim = jobs.iter().map(|job| job.id).collect();
        let writes = vec![
            Write::AddSweep(sweep.clone()),
            Write::AddJobs(new),
            Write::AddTrials(trials.clone()),
            Write::AddRounds(rounds.clone()),
            Write::AddAnalyses(analyses.clone()),
            Write::Claim { sweep: sweep.id, jobs: claim, shared: shared.clone() },
        ];
        (Submitted { sweep, trials, rounds, analyses, jobs, shared }, writes)
    }

    pub(crate) async fn submit(&mut self, text: &str) -> Submitted {
        let (submitted, writes) = self.plan(text);
        self.commit(&writes).await.unwrap();
        submitted
    }

    fn job(&mut self, plan: &JobPlan) -> JobRow {
        JobRow {
            id: JobId(next(&mut self.ids.job)),
            fingerprint: plan.fingerprint,
            spec: Arc::clone(&plan.spec),
            parents: plan.parents.iter().map(|parent| self.jobs[parent].id).collect(),
            height: plan.height,
            state: JobState::Open,
            attempt: Attempt(0),
            tries: 0,
            losses: 0,
            checkpoint: None,
            outputs: BTreeMap::new(),
        }
    }

    fn analyses(&self, trials: &[TrialRow], plan: &Plan) -> Vec<AnalysisRow> {
        let of_trial = |(row, trial): (&TrialRow, &TrialPlan)| {
            let id = row.id;
            let analysis = move |plan: &AnalysisPlan| {
                let AnalysisPlan { analysis, ends, branch, copy, round, pair, job } = plan.clone();
                AnalysisRow { trial: id, analysis, ends, branch, copy, round, pair, job: self.jobs[&job].id }
            };
            trial.analyses.iter().map(analysis).collect::<Vec<_>>()
        };
        trials.iter().zip(&plan.trials).flat_map(of_trial).collect()
    }

    fn trials(&mut self, sweep: SweepId, plan: &Plan) -> (Vec<TrialRow>, Vec<RoundRow>) {
        let (mut trials, mut rounds) = (Vec::new(), Vec::new());
        for (number, trial) in (1..).zip(&plan.trials) {
            let id = TrialId(next(&mut self.ids.trial));
            trials.push(TrialRow {
                id,
                sweep,
                number,
                key: trial.key.clone(),
                seed: trial.seed,
                repeat: trial.repeat,
                axes: trial.axes.clone(),
                settings: trial.settings.clone(),
            });
            let job = |fingerprint: &Fingerprint| self.jobs[fingerprint].id;
            rounds.extend(trial.rounds.iter().map(|round| RoundRow {
                trial: id,
                branch: round.branch.clone(),
                kind: round.kind.clone(),
                course: round.course.clone(),
                copy: round.copy,
                round: round.round,
                mask: round.mask.as_ref().map(job),
                train: round.train.iter().map(job).collect(),
                origin: job(&round.origin),
                start: round.start,
                density: round.density,
            }));
        }
        (trials, rounds)
    }

    /// A lease of these jobs, one lane each, under their next attempts.
    pub(crate) fn lease(&mut self, jobs: &[JobId]) -> Write {
        let mut lane = |job: &JobId| {
            let attempt = self.attempts.entry(*job).or_default();
            attempt.0 += 1;
            (*job, *attempt)
        };
        let stages = vec![jobs.iter().map(&mut lane).collect()];
        Write::Lease(PackRow {
            lease: LeaseId(next(&mut self.ids.lease)),
            worker: WorkerId(1),
            slot: 0,
            device: DeviceKind::Cpu,
            plan: LanePlan::CpuLanes,
            width: jobs.len() as u32,
            stages,
        })
    }

    /// The attempt that the last lease of this job granted.
    pub(crate) fn attempt(&self, job: JobId) -> Attempt {
        self.attempts.get(&job).copied().unwrap_or_default()
    }

    /// The start of a job under the last lease.
    pub(crate) fn start(&self, job: JobId) -> Write {
        let (attempt, lease) = (self.attempt(job), LeaseId(self.ids.lease));
        Write::Start { job, attempt, worker: WorkerId(1), lease, iteration: 0 }
    }

    /// A result of a job's last attempt.
    pub(crate) fn finish(&self, job: &JobRow, outcome: Outcome) -> Write {
        Write::Finish { job: job.id, attempt: self.attempt(job.id), outcome }
    }

    /// Leases and starts a job, durably.
    pub(crate) async fn begin(&mut self, job: &JobRow) {
        let lease = self.lease(&[job.id]);
        self.commit(&[lease, self.start(job.id)]).await.unwrap();
    }

    /// Does jobs from beginning to end, in one commit.
    pub(crate) async fn complete(&mut self, jobs: &[JobRow]) {
        let mut writes = Vec::new();
        for job in jobs {
            writes.push(self.lease(&[job.id]));
            writes.push(self.start(job.id));
            writes.push(self.finish(job, outcome(job)));
        }
        self.commit(&writes).await.unwrap();
    }

    /// All that is stored, in a form that can be compared.
    pub(crate) async fn everything(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut all = BTreeMap::new();
        for name in TABLES {
            let table = ask(&self.store, &format!("select * from {name}")).await;
            let mut rows: Vec<_> = table.rows.iter().map(|row: &Vec<Cell>| format!("{row:?}")).collect();
            rows.sort_unstable();
            all.insert(*name, rows);
        }
        all
    }
}

const TABLES: &[&str] = &[
    "leader",
    "sweeps",
    "trials",
    "verdicts",
    "jobs",
    "job_specs",
    "job_parents",
    "rounds",
    "round_jobs",
    "analysis_jobs",
    "claims",
    "workers",
    "packs",
    "pack_lanes",
    "attempts",
    "outputs",
    "dropped_outputs",
    "replaced_jobs",
    "results",
    "checkpoints",
    "metric_batches",
    "measures",
    "mask_layers",
    "curve_points",
    "data_sets",
    "pins",
    "audit_log",
];

fn next(id: &mut u64) -> u64 {
    *id += 1;
    *id
}

/// An artifact with this content.
pub(crate) fn artifact(content: &str) -> Artifact {
    Artifact { digest: Digest::of(content.as_bytes()), bytes: content.len() as u64 }
}

/// A plausible result of a job.
pub(crate) fn outcome(job: &JobRow) -> Outcome {
    let outputs = job.spec.outputs().into_iter();
    let summary = match &*job.spec {
        JobSpec::Train(_) => Summary::Train(TrainSummary {
            last: vec![Measure { name: "accuracy".into(), split: Split::Test, value: 0.5 }],
            early_stop: None,
            iterations: job.spec.iterations(),
            flops: 1_000_000,
            theoretical_flops: 1_000_000,
            device_seconds: 2.0,
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
        JobSpec::Prune(_) | JobSpec::RandomMask(_) | JobSpec::Join(_) => {
            let layer =
                |name: &str, living, prunable| LayerCount { name: name.into(), living, total: 100, prunable };
            Summary::Mask(MaskSummary {
                layers: vec![layer("a.weight", 50, true), layer("b.weight", 100, false)],
                ..MaskSummary::default()
            })
        }
    };
    Outcome {
        outputs: outputs.map(|output| (output, artifact(&format!("{} {output}", job.id)))).collect(),
        summary,
        provenance: Provenance {
            plan: "cpu-lanes".into(),
            device: "cpu".into(),
            threads: 1,
            width: 1,
            libtorch: "2.11.0".into(),
            capability: "AVX512".into(),
            worker: "0.1.0".into(),
            data: Some(Digest::of(b"mnist")),
        },
    }
}
