//! What benchmarks of the engine share: the job, its data, and what something costs.

use std::{
    collections::BTreeMap,
    error::Error,
    ops::Sub,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};
use tombola_engine::train::{Engine, Halt, Link};
use tombola_spec::{
    Attempt, JobId, Steps,
    data::DataShape,
    job::{JobSpec, Stream, TrainJob},
    settings::{BatchNormInit, BiasInit, Data, Dtype, Init, Model, Optimizer, Recipe, Train},
    slot::{Event, Stage, StageJob},
    worker::Plan,
};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Batch of the paper's LeNet experiments.
pub(crate) const BATCH: u32 = 60;

/// A network, and the data it is measured on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) model: &'static str,
    /// Training examples and test examples of the set; some of the first are for validation.
    pub(crate) examples: [u32; 2],
    pub(crate) validation: u32,
}

/// As many examples as MNIST has, because caches see the whole set, and the paper's validation split.
pub(crate) const LENET: Subject =
    Subject { model: "mnist_lenet_300_100", examples: [60_000, 10_000], validation: 5_000 };

/// Seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) processor: f64,
}

impl Cost {
    /// What `work` costs.
    pub(crate) fn of(work: impl FnOnce() -> Outcome<()>) -> Outcome<Self> {
        let (begun, spent) = (Instant::now(), processor_seconds());
        work()?;
        Ok(Self { wall: begun.elapsed().as_secs_f64(), processor: processor_seconds() - spent })
    }

    /// A `count`-th of it.
    pub(crate) fn per(self, count: u32) -> Self {
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

/// What a pack of jobs costs.
pub(crate) fn train(engine: &mut Engine, folder: &Path, plan: Plan, jobs: Vec<StageJob>) -> Outcome<Cost> {
    let width = jobs.len() as u32;
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

/// A dense job, seeded by its number, of so many steps.
pub(crate) fn job(subject: Subject, number: u64, steps: u32, eval_every: Steps) -> StageJob {
    let stream = Stream { seed: number, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let spec = TrainJob::dense(Arc::new(recipe(subject, eval_every)), stream, Steps::its(steps));
    let (spec, inputs) = (JobSpec::Train(spec), BTreeMap::new());
    StageJob { job: JobId(number), attempt: Attempt(1), spec, inputs, resume: None }
}

/// A network on noise.
pub(crate) fn recipe(
    Subject { model, examples: [train, test], validation }: Subject,
    eval_every: Steps,
) -> Recipe {
    let shape = DataShape { train, test, image: [1, 28, 28], classes: 10, mean: 0.5.into(), std: 0.3.into() };
    Recipe {
        model: Model {
            name: model.to_owned(),
            init: Init::GlorotNormal,
            bias_init: BiasInit::Zero,
            bn_init: BatchNormInit::One,
            dropout: 0.0,
        },
        data: Data::whole("noise", shape, validation),
        train: Train {
            eval_every,
            ..Train::plain(BATCH, Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }, 0.0012)
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

/// Writes the data set as MNIST comes.
pub(crate) fn write_data(folder: &Path, Subject { examples: [train, test], .. }: Subject) -> Outcome<()> {
    std::fs::create_dir_all(folder)?;
    for (part, count) in [("train", train), ("t10k", test)] {
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

/// The median of some seconds.
pub(crate) fn median(costs: &[Cost], seconds: fn(&Cost) -> f64) -> f64 {
    let mut all: Vec<f64> = costs.iter().map(seconds).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
