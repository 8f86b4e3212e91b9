//! What a training step costs: LeNet-300-100, batch 60, Adam, against the matrix products it cannot do without.
//!
//! `cargo bench -p tombola-engine --bench step -- [--device cpu|cuda] [--rounds N] [--steps N] [--only NAME,NAME…]`
//! prints a table, then one line of JSON. Contestants take turns, and medians are compared, so that a busy machine slows
//! all of them alike; processor time, unlike wall time, hardly feels the neighbours at all. Everything a step does is in
//! its time: gathering the batch, loss, gradients, optimizer, and the loop around it. Results worth keeping: `LOG.md`.

use serde_json::json;
use std::{
    collections::BTreeMap,
    error::Error,
    io::{Write, stderr, stdout},
    ops::Sub,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};
use tch::{Kind, Tensor};
use tombola_engine::{
    device::Device,
    train::{CheckpointRule, Engine, Halt, Link},
};
use tombola_spec::{
    Attempt, JobId, Steps,
    data::DataShape,
    job::{JobSpec, Stream, TrainJob},
    settings::{
        BatchNormInit, BiasInit, Data, Dtype, Init, Model, Optimizer, Order, Partial, Recipe, Schedule, Train,
    },
    slot::{Event, Stage, StageJob},
    worker::{DeviceKind, Plan},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Batch of the paper's LeNet experiments.
const BATCH: u32 = 60;

/// Training examples; as many as MNIST has, because caches see the whole set.
const EXAMPLES: u32 = 60_000;

/// Examples of an evaluation: the paper's validation split and MNIST's test set.
const VALIDATION: u32 = 5_000;
const TEST: u32 = 10_000;

struct Options {
    device: DeviceKind,
    rounds: usize,
    steps: u32,
    only: Option<String>,
}

fn main() -> Outcome<()> {
    let options = options()?;
    // First: see `Device::open`.
    let device = Device::open(options.device, 0)?;
    tch::set_num_threads(1);
    let folder = tempfile::tempdir()?;
    write_data(&folder.path().join("data/noise"))?;
    let name = device.name.clone();
    let mut engine = Engine::new(device, folder.path().join("data"), 1, CheckpointRule::default());
    let wanted = |contestant: &Contestant| {
        let name = contestant.name();
        options.only.as_ref().is_none_or(|only| only.split(',').any(|part| name.contains(part)))
    };
    let contestants: Vec<_> = contestants(options.device).into_iter().filter(wanted).collect();
    let mut costs: BTreeMap<usize, Vec<Cost>> = BTreeMap::new();
    for round in 0..=options.rounds {
        writeln!(stderr(), "round {round} of {}, of which round 0 warms up", options.rounds)?;
        for (index, contestant) in contestants.iter().enumerate() {
            let cost = contestant.cost(&mut engine, folder.path(), options.steps)?;
            if round > 0 {
                costs.entry(index).or_default().push(cost);
            }
        }
    }
    report(&name, &contestants, &costs)
}

fn options() -> Outcome<Options> {
    let mut options = Options { device: DeviceKind::Cpu, rounds: 7, steps: 400, only: None };
    // Cargo passes `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
        match word.as_str() {
            "--device" => options.device = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--steps" => options.steps = value.parse()?,
            "--only" => options.only = Some(value),
            _ => return Err(format!("`{word}` is not an option: --device, --rounds, --steps, --only").into()),
        }
    }
    Ok(options)
}

/// Seconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

impl Cost {
    /// What `work` costs.
    fn of(work: impl FnOnce() -> Outcome<()>) -> Outcome<Self> {
        let (begun, spent) = (Instant::now(), processor_seconds());
        work()?;
        Ok(Self { wall: begun.elapsed().as_secs_f64(), processor: processor_seconds() - spent })
    }

    fn per(self, count: u32) -> Self {
        Self { wall: self.wall / f64::from(count), processor: self.processor / f64::from(count) }
    }
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { wall: self.wall - other.wall, processor: self.processor - other.processor }
    }
}

/// Processor time of all threads of this process so far.
#[expect(unsafe_code, reason = "the standard library does not tell")]
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Something that is timed.
enum Contestant {
    /// The matrix products of a step alone.
    Products,
    /// A step of a pack of so many lanes, per lane.
    Pack(Plan, u32),
    /// An evaluation of a lone lane, validation and test.
    Evaluation(Plan),
}

fn contestants(device: DeviceKind) -> Vec<Contestant> {
    let packs = |plan, widths: &[u32]| {
        widths.iter().map(move |&width| Contestant::Pack(plan, width)).collect::<Vec<_>>()
    };
    match device {
        DeviceKind::Cpu => {
            let mut all = vec![Contestant::Products, Contestant::Evaluation(Plan::CpuLanes)];
            all.extend(packs(Plan::CpuLanes, &[1, 2, 4]));
            all.extend(packs(Plan::Fused, &[1, 2, 4]));
            all
        }
        DeviceKind::Cuda => {
            let mut all = packs(Plan::Fused, &[1, 2, 4, 8, 16, 32, 64]);
            all.push(Contestant::Evaluation(Plan::Fused));
            all
        }
    }
}

impl Contestant {
    fn name(&self) -> String {
        match self {
            Self::Products => PRODUCTS.to_owned(),
            Self::Pack(plan, width) => format!("{} x{width}", plan.name()),
            Self::Evaluation(plan) => format!("evaluation, {}", plan.name()),
        }
    }

    fn cost(&self, engine: &mut Engine, folder: &Path, steps: u32) -> Outcome<Cost> {
        match self {
            Self::Products => products(steps),
            Self::Pack(plan, width) => {
                // Evaluations at both ends and other costs of a segment cancel out.
                let long = train(engine, folder, *plan, *width, 2 * steps, Steps::ZERO)?;
                let short = train(engine, folder, *plan, *width, steps, Steps::ZERO)?;
                Ok((long - short).per(steps * width))
            }
            Self::Evaluation(plan) => {
                let few = 10;
                let often = train(engine, folder, *plan, 1, few, Steps::its(1))?;
                let never = train(engine, folder, *plan, 1, few, Steps::ZERO)?;
                Ok((often - never).per(few - 1))
            }
        }
    }
}

/// Name of the floor.
const PRODUCTS: &str = "matrix products";

/// The eight products of a step, into memory that is there already: three forward, three for weights, two for inputs.
fn products(steps: u32) -> Outcome<Cost> {
    let widths = [784, 300, 100, 10];
    let matrix = |rows: i64, columns: i64| Tensor::f_ones([rows, columns], (Kind::Float, tch::Device::Cpu));
    let batch = i64::from(BATCH);
    let mut layers = Vec::new();
    for pair in widths.windows(2) {
        let (inputs, outputs) = (pair[0], pair[1]);
        let (weight, x, y) = (matrix(outputs, inputs)?, matrix(batch, inputs)?, matrix(batch, outputs)?);
        let (dw, dx, dy) = (matrix(outputs, inputs)?, matrix(batch, inputs)?, matrix(batch, outputs)?);
        layers.push((weight, x, y, dw, dx, dy));
    }
    let cost = Cost::of(|| {
        for _ in 0..steps {
            for (weight, x, y, ..) in &layers {
                let _ = x.f_mm_out(y, &weight.f_transpose(0, 1)?)?;
            }
            for (index, (weight, x, _, dw, dx, dy)) in layers.iter().enumerate().rev() {
                let _ = dy.f_transpose(0, 1)?.f_mm_out(dw, x)?;
                if index > 0 {
                    let _ = dy.f_mm_out(dx, weight)?;
                }
            }
        }
        Ok(())
    })?;
    Ok(cost.per(steps))
}

/// What a pack of `width` lanes costs for `steps` steps.
fn train(
    engine: &mut Engine,
    folder: &Path,
    plan: Plan,
    width: u32,
    steps: u32,
    eval_every: Steps,
) -> Outcome<Cost> {
    let jobs = (1..=width).map(|number| job(u64::from(number), steps, eval_every)).collect();
    let stage = Stage { jobs, width, plan, folder: folder.to_owned() };
    let failures = Failures(Mutex::new(Vec::new()));
    let cost = Cost::of(|| {
        engine.run(&stage, &failures);
        Ok(())
    })?;
    match failures.0.into_inner()?.pop() {
        Some(failure) => Err(failure.into()),
        None => Ok(cost),
    }
}

fn job(number: u64, steps: u32, eval_every: Steps) -> StageJob {
    let stream = Stream { seed: number, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let spec = TrainJob::dense(Arc::new(recipe(eval_every)), stream, Steps::its(steps));
    let (spec, inputs) = (JobSpec::Train(spec), BTreeMap::new());
    StageJob { job: JobId(number), attempt: Attempt(1), spec, inputs, resume: None }
}

fn recipe(eval_every: Steps) -> Recipe {
    let shape = DataShape {
        train: EXAMPLES,
        test: TEST,
        image: [1, 28, 28],
        classes: 10,
        mean: 0.5.into(),
        std: 0.3.into(),
    };
    Recipe {
        model: Model {
            name: "mnist_lenet_300_100".to_owned(),
            init: Init::GlorotNormal,
            bias_init: BiasInit::Zero,
            bn_init: BatchNormInit::One,
            dropout: 0.0,
        },
        data: Data::whole("noise", shape, VALIDATION),
        train: Train {
            batch: BATCH,
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            lr: 0.0012,
            decay: 0.0,
            milestones: Vec::new(),
            gamma: 0.1,
            warmup: Steps::ZERO,
            eval_every,
            order: Order::Fresh,
            schedule: Schedule::Step,
            clip: None,
            partial: Partial::Drop,
            freeze: Vec::new(),
            bn_l1: 0.0,
        },
        dtype: Dtype::F32,
    }
}

/// Hears of lanes that fail.
struct Failures(Mutex<Vec<String>>);

impl Link for Failures {
    fn emit(&self, event: Event) {
        if let (Event::Failed { failure, .. }, Ok(mut failures)) = (event, self.0.lock()) {
            failures.push(failure.message);
        }
    }

    fn progress(&self, _: JobId, _: u64) {}

    fn cancelled(&self, _: JobId) -> bool {
        false
    }

    fn halt(&self) -> Halt {
        Halt::No
    }
}

fn write_data(folder: &Path) -> Outcome<()> {
    std::fs::create_dir_all(folder)?;
    for (part, count) in [("train", EXAMPLES), ("t10k", TEST)] {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut images = vec![0, 0, 8, 3];
        [count, 28, 28].iter().for_each(|size: &u32| images.extend(size.to_be_bytes()));
        images.extend((0..count * 784).map(|_| noise()));
        let mut labels = vec![0, 0, 8, 1];
        labels.extend(count.to_be_bytes());
        labels.extend((0..count).map(|_| noise() % 10));
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images)?;
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels)?;
    }
    Ok(())
}

/// Medians, in the order of the contestants, as a table and as JSON.
fn report(machine: &str, contestants: &[Contestant], costs: &BTreeMap<usize, Vec<Cost>>) -> Outcome<()> {
    let median = |index: usize, seconds: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs[&index].iter().map(seconds).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let floor = contestants.iter().position(|contestant| contestant.name() == PRODUCTS);
    let mut out = stdout().lock();
    writeln!(out, "LeNet-300-100, batch {BATCH}, Adam, on {machine}; a step of a lane, microseconds")?;
    writeln!(out, "{:<22} {:>12} {:>12} {:>10}", "", "wall", "processor", "of floor")?;
    let mut rows = Vec::new();
    for (index, contestant) in contestants.iter().enumerate() {
        let name = contestant.name();
        let (wall, processor) = (median(index, |cost| cost.wall), median(index, |cost| cost.processor));
        // Processor time, so that it is the engine's share and not the neighbours'.
        let share = floor.map(|floor| median(floor, |cost| cost.processor) / processor);
        let share = share.filter(|_| !matches!(contestant, Contestant::Evaluation(_)));
        let text = share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        writeln!(out, "{name:<22} {:>12.1} {:>12.1} {text:>10}", 1e6 * wall, 1e6 * processor)?;
        rows.push(json!({
            "name": name, "wall_seconds": wall, "processor_seconds": processor, "share_of_floor": share
        }));
    }
    writeln!(out, "{}", json!({ "bench": "engine_step", "machine": machine, "rows": rows }))?;
    Ok(())
}
