//! What a training step costs: LeNet-300-100, batch 60, Adam, against the matrix products it cannot do without.
//!
//! `cargo bench -p tombola-engine --bench step -- [--device cpu|cuda] [--rounds N] [--steps N]` prints a table, then one
//! line of JSON. Contestants take turns, and medians are compared, so that a busy machine slows all of them alike.
//! Everything a step does is in its time: gathering the batch, loss, gradients, optimizer, and the loop around it.

use serde_json::json;
use std::{
    collections::BTreeMap,
    error::Error,
    io::{Write, stdout},
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
    job::{JobSpec, Start, Stream, TrainJob},
    outcome::Summary,
    settings::{BiasInit, Data, Dtype, Init, Model, Optimizer, Order, Recipe, Train},
    slot::{Event, Stage, StageJob},
    worker::{DeviceKind, Plan},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Batch of the paper's LeNet experiments.
const BATCH: u32 = 60;

/// Training examples; as many as MNIST has, because caches see the whole set.
const EXAMPLES: u32 = 60_000;

struct Options {
    device: DeviceKind,
    rounds: usize,
    steps: u32,
}

fn main() -> Outcome<()> {
    let options = options()?;
    // First: see `Device::open`.
    let device = Device::open(options.device, 0)?;
    let folder = tempfile::tempdir()?;
    write_data(&folder.path().join("data/noise"))?;
    let name = device.name.clone();
    let mut engine = Engine::new(device, folder.path().join("data"), 1, CheckpointRule::default());
    let contestants = contestants(options.device);
    let mut times: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for round in 0..=options.rounds {
        for (index, contestant) in contestants.iter().enumerate() {
            let seconds = contestant.step(&mut engine, folder.path(), options.steps)?;
            // The first round warms up.
            if round > 0 {
                times.entry(index).or_default().push(seconds);
            }
        }
    }
    report(&name, &contestants, times)
}

fn options() -> Outcome<Options> {
    let mut options = Options { device: DeviceKind::Cpu, rounds: 7, steps: 400 };
    // Cargo passes `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
        match word.as_str() {
            "--device" => options.device = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--steps" => options.steps = value.parse()?,
            _ => return Err(format!("`{word}` is not an option: --device, --rounds, --steps").into()),
        }
    }
    Ok(options)
}

/// Something whose step is timed.
enum Contestant {
    /// The matrix products alone.
    Products,
    /// A pack of so many lanes.
    Pack(Plan, u32),
}

fn contestants(device: DeviceKind) -> Vec<Contestant> {
    let fused =
        |widths: &[u32]| widths.iter().map(|&width| Contestant::Pack(Plan::Fused, width)).collect::<Vec<_>>();
    match device {
        DeviceKind::Cpu => {
            let mut all = vec![Contestant::Products, Contestant::Pack(Plan::CpuLanes, 1)];
            all.extend(fused(&[1, 2, 4, 8]));
            all
        }
        DeviceKind::Cuda => fused(&[1, 2, 4, 8, 16, 32, 64]),
    }
}

impl Contestant {
    fn name(&self) -> String {
        match self {
            Self::Products => "matrix products".to_owned(),
            Self::Pack(plan, width) => format!("{} x{width}", plan.name()),
        }
    }

    /// Seconds per step of one lane.
    fn step(&self, engine: &mut Engine, folder: &Path, steps: u32) -> Outcome<f64> {
        match self {
            Self::Products => products(steps),
            Self::Pack(plan, width) => {
                // Evaluations at both ends and other costs of a segment cancel out.
                let long = train(engine, folder, *plan, *width, 2 * steps)?;
                let short = train(engine, folder, *plan, *width, steps)?;
                Ok((long - short) / f64::from(steps))
            }
        }
    }
}

/// The eight products of a step, into memory that is there already: three forward, three for weights, two for inputs.
fn products(steps: u32) -> Outcome<f64> {
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
    let begun = Instant::now();
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
    Ok(begun.elapsed().as_secs_f64() / f64::from(steps))
}

/// Seconds per lane that a pack of `width` lanes takes for `steps` steps.
fn train(engine: &mut Engine, folder: &Path, plan: Plan, width: u32, steps: u32) -> Outcome<f64> {
    let jobs = (1..=width).map(|number| job(u64::from(number), steps)).collect();
    let stage = Stage { jobs, width, plan, folder: folder.to_owned() };
    let ends = Ends(Mutex::new(Vec::new()));
    engine.run(&stage, &ends);
    let mut total = 0.0;
    for end in ends.0.into_inner()? {
        total += end?;
    }
    Ok(total / f64::from(width))
}

fn job(number: u64, steps: u32) -> StageJob {
    let stream = Stream { seed: number, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let spec = TrainJob {
        recipe: Arc::new(recipe()),
        start: Start::Init(stream.clone()),
        mask: None,
        order: stream,
        from: Steps::ZERO,
        to: Steps::its(steps),
        keep_state: false,
    };
    let (spec, inputs) = (JobSpec::Train(spec), BTreeMap::new());
    StageJob { job: JobId(number), attempt: Attempt(1), spec, inputs, resume: None }
}

fn recipe() -> Recipe {
    let shape = DataShape { train: EXAMPLES, test: 10, image: [1, 28, 28], classes: 10, mean: 0.5, std: 0.3 };
    Recipe {
        model: Model {
            name: "mnist_lenet_300_100".to_owned(),
            init: Init::GlorotNormal,
            bias_init: BiasInit::Zero,
        },
        data: Data { set: "noise".to_owned(), shape, validation: 0, split_seed: 0 },
        train: Train {
            batch: BATCH,
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            lr: 0.0012,
            decay: 0.0,
            milestones: Vec::new(),
            gamma: 0.1,
            warmup: Steps::ZERO,
            eval_every: Steps::ZERO,
            order: Order::Fresh,
        },
        dtype: Dtype::F32,
    }
}

/// Hears how lanes end.
struct Ends(Mutex<Vec<Result<f64, String>>>);

impl Link for Ends {
    fn emit(&self, event: Event) {
        let end = match event {
            Event::Finished { summary: Summary::Train(summary), .. } => Ok(summary.device_seconds),
            Event::Failed { failure, .. } => Err(failure.message),
            _ => return,
        };
        if let Ok(mut ends) = self.0.lock() {
            ends.push(end);
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
    for (part, count) in [("train", EXAMPLES), ("t10k", 10)] {
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

fn report(machine: &str, contestants: &[Contestant], mut times: BTreeMap<usize, Vec<f64>>) -> Outcome<()> {
    let mut out = stdout().lock();
    writeln!(out, "LeNet-300-100, batch {BATCH}, Adam, on {machine}")?;
    writeln!(out, "{:<18} {:>14} {:>12} {:>10}", "", "us/lane-step", "steps/s", "of floor")?;
    let mut medians = Vec::new();
    for (index, contestant) in contestants.iter().enumerate() {
        let times = times.entry(index).or_default();
        times.sort_by(f64::total_cmp);
        medians.push((contestant.name(), times[times.len() / 2]));
    }
    let floor = medians.iter().find(|(name, _)| name == "matrix products").map(|&(_, seconds)| seconds);
    let mut rows = Vec::new();
    for (name, seconds) in medians {
        let share = floor.map(|floor| floor / seconds);
        let text = share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        writeln!(out, "{name:<18} {:>14.1} {:>12.0} {text:>10}", 1e6 * seconds, 1.0 / seconds)?;
        rows.push(json!({ "name": name, "seconds_per_lane_step": seconds, "share_of_floor": share }));
    }
    writeln!(out, "{}", json!({ "bench": "engine_step", "machine": machine, "rows": rows }))?;
    Ok(())
}
