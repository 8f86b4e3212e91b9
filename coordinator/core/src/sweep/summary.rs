//! What a plan amounts to: counts, work, bytes.

use crate::plan::{JobPlan, Plan};
use std::collections::{BTreeMap, HashMap, HashSet};
use tombola_spec::{
    arch::Architecture,
    flops,
    job::{JobSpec, Network, Output, TrainJob},
    settings::Dtype,
};

/// A plan in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Trials.
    pub trials: u64,
    /// Rounds, branches' included.
    pub rounds: u64,
    /// Jobs by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Jobs that more than one round or analysis has.
    pub shared: u64,
    /// Iterations if every round and analysis trained for itself.
    pub iterations_asked: u64,
    /// All jobs together.
    pub cost: Cost,
    /// Densities of the trials' own lines: (round, density), each pair once, by round.
    pub ladder: Vec<(u32, f64)>,
}

/// What some jobs cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Jobs.
    pub jobs: u64,
    /// Training iterations.
    pub iterations: u64,
    /// Floating-point operations, as if dense: of training, scoring and analyses; evaluations of a training are not
    /// counted.
    pub flops: f64,
    /// Bytes of the artifacts that stay of them by the sweep's `keep`, headers not counted; weights that several of them draw alike count
    /// once, as artifacts are stored by content.
    pub bytes: u64,
}

/// A plan in numbers.
pub fn summary(plan: &Plan) -> Summary {
    let rounds = || plan.trials.iter().flat_map(|trial| &trial.rounds);
    let iterations: HashMap<_, _> =
        plan.jobs.iter().map(|job| (job.fingerprint, job.spec.iterations())).collect();
    let analyses = plan.trials.iter().flat_map(|trial| &trial.analyses).map(|analysis| &analysis.job);
    let trainings = rounds().flat_map(|round| &round.train).chain(analyses);
    let mut kinds = BTreeMap::new();
    for job in &plan.jobs {
        *kinds.entry(job.spec.kind()).or_default() += 1;
    }
    let mut ladder: Vec<_> =
        rounds().filter(|round| round.branch.is_empty()).map(|round| (round.round, round.density)).collect();
    ladder.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    ladder.dedup();
    Summary {
        trials: plan.trials.len() as u64,
        rounds: rounds().count() as u64,
        kinds,
        shared: plan.jobs.iter().filter(|job| job.users > 1).count() as u64,
        iterations_asked: trainings.filter_map(|job| iterations.get(job)).sum(),
        cost: cost(plan, &plan.jobs),
        ladder,
    }
}

/// What these jobs of a plan cost: all of it, or those that are new.
pub fn cost<'a>(plan: &Plan, jobs: impl IntoIterator<Item = &'a JobPlan>) -> Cost {
    let mut networks = Networks::default();
    let mut drawn = HashSet::new();
    let stays = plan.kept();
    let mut cost = Cost::default();
    for job in jobs {
        cost.jobs += 1;
        cost.iterations += job.spec.iterations();
        if let Some(network) = networks.get(&job.spec) {
            cost.flops += flops::executed(&job.spec, network) as f64;
            let whole = stays.as_ref().is_none_or(|stays| stays.contains(&job.fingerprint));
            let kept = |out: &Output| match out {
                Output::Mask => true,
                Output::Initial => whole && drawn.insert(initialization(&job.spec)),
                _ => whole,
            };
            let outputs = job.spec.outputs().into_iter().filter(kept);
            cost.bytes += outputs.map(|out| bytes(&job.spec, network, out)).sum::<u64>();
        }
    }
    cost
}

/// Architectures already made; a sweep has few.
#[derive(Default)]
struct Networks(HashMap<Network, Architecture>);

impl Networks {
    /// `None` only for a network no plan can have: its name was parsed before.
    fn get(&mut self, job: &JobSpec) -> Option<&Architecture> {
        let network = match job {
            JobSpec::Train(job) => job.recipe.network(),
            JobSpec::Prune(job) => job.network.clone(),
            JobSpec::RandomMask(job) => job.network.clone(),
            JobSpec::Join(job) => job.network.clone(),
            JobSpec::Connectivity(job) => job.recipe.network(),
            JobSpec::Collapse(job) => job.network.clone(),
            JobSpec::MaskDistance(job) => job.network.clone(),
            JobSpec::Slim(job) => job.network.clone(),
            JobSpec::Import(job) => job.network.clone(),
        };
        if !self.0.contains_key(&network) {
            let architecture = network.architecture().ok()?;
            self.0.insert(network.clone(), architecture);
        }
        self.0.get(&network)
    }
}

/// What decides the weights a training draws, as text.
fn initialization(job: &JobSpec) -> Option<String> {
    let JobSpec::Train(TrainJob { recipe, start, .. }) = job else { return None };
    Some(format!("{:?} {:?} {:?} {start:?}", recipe.model, recipe.data.shape, recipe.dtype.kept()))
}

fn bytes(job: &JobSpec, network: &Architecture, output: Output) -> u64 {
    let train = match job {
        JobSpec::Train(train) => train,
        // Of the smaller network: at most so much.
        JobSpec::Slim(slim) => return network.element_count() * format_bytes(slim.dtype),
        JobSpec::Prune(_) if output == Output::Weights => {
            // In the training's number format, which a prune step does not know.
            return network.element_count() * format_bytes(Dtype::F32);
        }
        JobSpec::Prune(_) | JobSpec::RandomMask(_) | JobSpec::Join(_) => return network.weight_count(),
        JobSpec::Import(import) => return import.file.bytes,
        JobSpec::Connectivity(_) | JobSpec::Collapse(_) | JobSpec::MaskDistance(_) => return 0,
    };
    match output {
        Output::Initial | Output::Weights => network.element_count() * width(train),
        Output::State => {
            let buffers = train.recipe.train.optimizer.buffers().len() as u64;
            network.parameter_count() * width(train) * buffers
        }
        Output::Mask | Output::Scores => network.weight_count(),
        Output::Tickets => {
            let rules = train.search.as_ref().map_or(0, |search| search.rules.len() as u64);
            network.element_count() * width(train) * rules
        }
    }
}

fn width(job: &TrainJob) -> u64 {
    format_bytes(job.recipe.dtype)
}

fn format_bytes(dtype: Dtype) -> u64 {
    match dtype {
        Dtype::F32 | Dtype::Bf16 | Dtype::Tf32 => 4,
        Dtype::F64 => 8,
    }
}
