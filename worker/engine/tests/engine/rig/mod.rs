//! The rig of the engine's scenario tests: a small data set that can be learned, recipes, and a link that records.
pub(crate) mod sets;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tombola_engine::{
    calibration::Calibration,
    checkpoint::{FileKind, TensorFile, Values},
    device::Device,
    mask::{Mask, MaskLayer},
    random::{Purpose, Random},
    train::{CheckpointRule, Engine, Halt, Link},
};
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, Steps,
    data::DataShape,
    job::{Input, JobSpec, Output, Start, Stream, TrainJob},
    outcome::{Failure, Provenance, Series, Split, Summary, TrainSummary},
    settings::{
        BatchNormInit, BiasInit, Data, Dtype, Init, Model, Optimizer, Order, Partial, Recipe, Schedule, Train,
    },
    slot::{Event, OutputFile, Stage, StageJob},
    worker::{DeviceKind, Plan},
};

pub(crate) const NETWORK: &str = "mnist_lenet_16_8";
pub(crate) const SGD: Optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
pub(crate) const NESTEROV: Optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: true };
pub(crate) const PLAIN: Optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
pub(crate) const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
pub(crate) const PLANS: [Plan; 2] = [Plan::CpuLanes, Plan::Fused];

const TRAIN: u32 = 600;
const TEST: u32 = 200;
const SIDE: u32 = 8;
const CLASSES: u32 = 4;

/// A data folder, a folder for stages, an engine.
pub(crate) struct Rig {
    folder: TempDir,
    stages: Mutex<u32>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let set = folder.path().join("data/tiny");
        fs::create_dir_all(&set).unwrap();
        write_part(&set, "train", TRAIN, 1);
        write_part(&set, "t10k", TEST, 2);
        Self { folder, stages: Mutex::new(0) }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// A set whose training images are black and whose test images are white: what is learned of the ones says nothing
    /// about the others. One training image has a white first pixel, for a set needs some difference.
    pub(crate) fn add_black_and_white(&self) {
        let set = self.data().join("black_and_white");
        fs::create_dir_all(&set).unwrap();
        for (part, count, pixel) in [("train", TRAIN, 0), ("t10k", TEST, 255)] {
            let mut pixels = vec![pixel; (count * SIDE * SIDE) as usize];
            pixels[0] = 255;
            write_set(&set, part, &pixels, &vec![1; count as usize]);
        }
    }

    /// A mask of the rig's network under which it does not see the first pixel, as a file.
    pub(crate) fn mask_of_the_first_pixel(&self) -> PathBuf {
        let architecture = recipe(ADAM).architecture().unwrap();
        let mut mask = Mask::dense(&architecture);
        mask.layers[0].bits.iter_mut().step_by((SIDE * SIDE) as usize).for_each(|bit| *bit = 0);
        let path = self.stage_folder().join("mask.safetensors");
        mask.save(&architecture, &path).unwrap();
        path
    }

    /// A mask of the rig's network under which these neurons of a layer are dead: their weights and their biases.
    pub(crate) fn mask_without(&self, layer: &str, neurons: std::ops::Range<usize>) -> PathBuf {
        let architecture = recipe(ADAM).architecture().unwrap();
        let mut mask = Mask::dense(&architecture);
        let weight = mask.layers.iter_mut().find(|own| own.name == format!("{layer}.weight")).unwrap();
        let (outputs, inputs) = (weight.shape[0], weight.shape[1]);
        weight.bits[neurons.start * inputs..neurons.end * inputs].fill(0);
        let mut bits = vec![1; outputs];
        bits[neurons].fill(0);
        let name = format!("{layer}.bias");
        mask.rest.push(MaskLayer { name, shape: vec![outputs], bits, prunable: true });
        let path = self.stage_folder().join("mask.safetensors");
        mask.save(&architecture, &path).unwrap();
        path
    }

    /// A new empty folder for a stage.
    pub(crate) fn stage_folder(&self) -> PathBuf {
        let mut stages = self.stages.lock().unwrap();
        *stages += 1;
        let folder = self.folder.path().join(format!("stage-{stages}"));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn stage(&self, plan: Plan, jobs: Vec<StageJob>) -> Stage {
        Stage { width: jobs.len() as u32, jobs, plan, folder: self.stage_folder() }
    }

    /// Runs a stage on one thread without checkpoints.
    pub(crate) fn run(&self, plan: Plan, jobs: Vec<StageJob>) -> Outcomes {
        self.run_with(&self.stage(plan, jobs), &Recorder::default(), 1, None)
    }

    /// The same, with lanes of plan `cpu-lanes` computed sparsely below a density.
    pub(crate) fn run_sparse_below(&self, density: f64, jobs: Vec<StageJob>) -> Outcomes {
        let link = Recorder::default();
        self.engine(1, None).sparse_below(density).run(&self.stage(Plan::CpuLanes, jobs), &link);
        Outcomes(link.events.into_inner().unwrap())
    }

    /// The same, by what was measured of this device.
    pub(crate) fn run_calibrated(
        &self,
        calibration: &Calibration,
        stage: &Stage,
        link: &Recorder,
    ) -> Outcomes {
        let mut engine = self.engine(1, None);
        engine.go_by(calibration.clone());
        engine.run(stage, link);
        Outcomes(std::mem::take(&mut *link.events.lock().unwrap()))
    }

    fn engine(&self, threads: u32, every: Option<u64>) -> Engine {
        let device = Device::open(DeviceKind::Cpu, 0).unwrap();
        let rule = CheckpointRule { every_iterations: every, ..CheckpointRule::default() };
        Engine::new(device, self.data(), threads, rule)
    }

    pub(crate) fn run_with(
        &self,
        stage: &Stage,
        link: &Recorder,
        threads: u32,
        every: Option<u64>,
    ) -> Outcomes {
        self.engine(threads, every).run(stage, link);
        Outcomes(std::mem::take(&mut *link.events.lock().unwrap()))
    }

    /// A mask of the rig's network with about `density` of the weights, as a file.
    pub(crate) fn mask(&self, density: f64, seed: u64) -> PathBuf {
        self.mask_of(&recipe(ADAM), density, seed)
    }

    /// A random mask of another network.
    pub(crate) fn mask_of(&self, recipe: &Recipe, density: f64, seed: u64) -> PathBuf {
        let architecture = recipe.architecture().unwrap();
        let mut mask = Mask::dense(&architecture);
        let mut random = Random::new(Purpose::RandomMask, &stream(seed), "rig", 0);
        for layer in &mut mask.layers {
            layer.bits.iter_mut().for_each(|bit| *bit = u8::from(random.uniform() < density));
        }
        let path = self.stage_folder().join("mask.safetensors");
        mask.save(&architecture, &path).unwrap();
        path
    }
}

/// Images of four classes: a bright quadrant each, under noise that makes single pixels unreliable.
fn write_part(folder: &Path, part: &str, count: u32, seed: u64) {
    let mut random = Random::new(Purpose::Order, &stream(seed), "pixels", 0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let label = random.below(u64::from(CLASSES)) as u32;
        labels.push(label as u8);
        for place in 0..SIDE * SIDE {
            let quadrant = 2 * u32::from(place / SIDE >= SIDE / 2) + u32::from(place % SIDE >= SIDE / 2);
            let signal = if quadrant == label { 110 } else { 60 };
            pixels.push((signal + random.below(120)) as u8);
        }
    }
    write_set(folder, part, &pixels, &labels);
}

fn write_set(folder: &Path, part: &str, pixels: &[u8], labels: &[u8]) {
    let count = labels.len() as u32;
    write_idx(&folder.join(format!("{part}-images-idx3-ubyte")), &[count, SIDE, SIDE], pixels);
    write_idx(&folder.join(format!("{part}-labels-idx1-ubyte")), &[count], labels);
}

fn write_idx(path: &Path, sizes: &[u32], bytes: &[u8]) {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(bytes);
    fs::write(path, file).unwrap();
}

pub(crate) fn stream(seed: u64) -> Stream {
    Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
}

/// LeNet-16-8 on the small set: 500 training examples in 25 iterations of 20, evaluated every 10.
pub(crate) fn recipe(optimizer: Optimizer) -> Recipe {
    let lr = if matches!(optimizer, Optimizer::Sgd { .. }) { 0.05 } else { 0.005 };
    let shape = DataShape {
        train: TRAIN,
        test: TEST,
        image: [1, SIDE, SIDE],
        classes: CLASSES,
        mean: 0.5.into(),
        std: 0.15.into(),
    };
    Recipe {
        model: Model {
            name: NETWORK.to_owned(),
            init: Init::GlorotNormal,
            bias_init: BiasInit::Zero,
            bn_init: BatchNormInit::One,
            dropout: 0.0,
        },
        data: Data::whole("tiny", shape, 100),
        train: Train {
            batch: 20,
            optimizer,
            lr,
            decay: 0.001,
            milestones: Vec::new(),
            gamma: 0.1,
            warmup: Steps::ZERO,
            eval_every: Steps::its(10),
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

/// A dense job from initialization to `to` iterations, seeded by its number.
pub(crate) fn job(number: u64, recipe: Recipe, to: u32) -> StageJob {
    let dense = TrainJob::dense(Arc::new(recipe), stream(number), Steps::its(to));
    let spec = JobSpec::Train(TrainJob { order: stream(100 + number), keep_state: true, ..dense });
    StageJob { job: JobId(number), attempt: Attempt(1), spec, inputs: BTreeMap::new(), resume: None }
}

/// Any fingerprint; equal for equal numbers.
pub(crate) fn fingerprint(number: u64) -> Fingerprint {
    Digest::of(&number.to_le_bytes()).to_string().parse().unwrap()
}

/// Changes the training job inside.
pub(crate) fn edit(job: &mut StageJob, change: impl FnOnce(&mut TrainJob)) {
    match &mut job.spec {
        JobSpec::Train(spec) => change(spec),
        _ => panic!("not a training job"),
    }
}

pub(crate) fn edit_recipe(job: &mut StageJob, change: impl FnOnce(&mut Recipe)) {
    edit(job, |spec| change(Arc::make_mut(&mut spec.recipe)));
}

pub(crate) fn with_mask(mut job: StageJob, mask: &Path) -> StageJob {
    let input = Input { job: fingerprint(1000), output: Output::Mask };
    edit(&mut job, |spec| spec.mask = Some(input));
    job.inputs.insert(input.to_string(), mask.to_owned());
    job
}

/// `second` goes on from what `first` left, to `to` iterations.
pub(crate) fn continued(mut job: StageJob, outcomes: &Outcomes, to: u32) -> StageJob {
    let parent = fingerprint(job.job.0);
    let outputs = outcomes.outputs(job.job.0);
    for output in [Output::Weights, Output::State] {
        job.inputs.insert(Input { job: parent, output }.to_string(), outputs[&output].file.clone());
    }
    edit(&mut job, |spec| {
        (spec.start, spec.from, spec.to) = (Start::Continue(parent), spec.to, Steps::its(to));
    });
    job
}

type Watch = Box<dyn Fn(JobId, u64) -> bool + Send + Sync>;
type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

/// A link that records events, and can stop jobs or the stage when they get somewhere.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) iterations: Mutex<BTreeMap<JobId, u64>>,
    /// Whether to cancel a job at an iteration.
    pub(crate) cancel: Option<Watch>,
    /// Whether to yield when a job is at an iteration.
    pub(crate) halt: Option<Watch>,
    /// Called with every event.
    pub(crate) on_event: Option<OnEvent>,
}

impl Recorder {
    pub(crate) fn yield_at(iteration: u64) -> Self {
        Self { halt: Some(Box::new(move |_, at| at >= iteration)), ..Self::default() }
    }

    pub(crate) fn cancel_at(job: u64, iteration: u64) -> Self {
        let cancel: Watch = Box::new(move |who, at| who.0 == job && at >= iteration);
        Self { cancel: Some(cancel), ..Self::default() }
    }
}

impl Link for Recorder {
    fn emit(&self, event: Event) {
        if let Some(on_event) = &self.on_event {
            on_event(&event);
        }
        self.events.lock().unwrap().push(event);
    }

    fn progress(&self, job: JobId, iteration: u64) {
        self.iterations.lock().unwrap().insert(job, iteration);
    }

    fn cancelled(&self, job: JobId) -> bool {
        let at = self.iterations.lock().unwrap().get(&job).copied().unwrap_or(0);
        self.cancel.as_ref().is_some_and(|cancel| cancel(job, at))
    }

    fn halt(&self) -> Halt {
        let wanted = self.halt.as_ref().is_some_and(|halt| {
            self.iterations.lock().unwrap().iter().any(|(&job, &iteration)| halt(job, iteration))
        });
        if wanted { Halt::Yield } else { Halt::No }
    }
}

/// The events of a stage, by what is asked of them.
#[derive(Debug)]
pub(crate) struct Outcomes(pub Vec<Event>);

impl Outcomes {
    pub(crate) fn failure(&self, number: u64) -> Option<&Failure> {
        self.0.iter().find_map(|event| match event {
            Event::Failed { job, failure } if job.0 == number => Some(failure),
            _ => None,
        })
    }

    #[track_caller]
    fn finished(&self, number: u64) -> (&BTreeMap<Output, OutputFile>, &Summary, &Provenance) {
        let finished = self.0.iter().find_map(|event| match event {
            Event::Finished { job, outputs, summary, provenance } if job.0 == number => {
                Some((outputs, summary, provenance))
            }
            _ => None,
        });
        finished.unwrap_or_else(|| panic!("j{number} did not finish: {:?}", self.failure(number)))
    }

    pub(crate) fn has_finished(&self, number: u64) -> bool {
        self.0.iter().any(|event| matches!(event, Event::Finished { job, .. } if job.0 == number))
    }

    #[track_caller]
    pub(crate) fn outputs(&self, number: u64) -> &BTreeMap<Output, OutputFile> {
        self.finished(number).0
    }

    /// Digests of all outputs.
    #[track_caller]
    pub(crate) fn digests(&self, number: u64) -> BTreeMap<Output, Digest> {
        self.outputs(number).iter().map(|(&output, file)| (output, file.digest)).collect()
    }

    #[track_caller]
    pub(crate) fn summary(&self, number: u64) -> &TrainSummary {
        match self.finished(number).1 {
            Summary::Train(summary) => summary,
            _ => panic!("not a training's summary"),
        }
    }

    #[track_caller]
    pub(crate) fn provenance(&self, number: u64) -> &Provenance {
        self.finished(number).2
    }

    /// The iteration a job started at.
    #[track_caller]
    pub(crate) fn started(&self, number: u64) -> u64 {
        let started = self.0.iter().find_map(|event| match event {
            Event::Started { job, iteration } if job.0 == number => Some(*iteration),
            _ => None,
        });
        started.unwrap_or_else(|| panic!("j{number} did not start: {:?}", self.failure(number)))
    }

    /// The last checkpoint of a job.
    #[track_caller]
    pub(crate) fn checkpoint(&self, number: u64) -> (u64, PathBuf) {
        let checkpoint = self.0.iter().rev().find_map(|event| match event {
            Event::Checkpoint { job, iteration, file } if job.0 == number => Some((*iteration, file.clone())),
            _ => None,
        });
        checkpoint.expect("a checkpoint")
    }

    /// Points of a metric, by iteration; of equal iterations the last told.
    pub(crate) fn points(&self, number: u64, name: &str, split: Split) -> BTreeMap<u64, f64> {
        let mut points = BTreeMap::new();
        for event in &self.0 {
            let Event::Metrics { job, series } = event else { continue };
            for Series { iterations, values, .. } in
                series.iter().filter(|s| job.0 == number && s.name == name && s.split == split)
            {
                points.extend(iterations.iter().copied().zip(values.iter().copied()));
            }
        }
        points
    }

    /// An output's parameters by name, as f64.
    #[track_caller]
    pub(crate) fn tensors(&self, number: u64, output: Output) -> BTreeMap<String, Vec<f64>> {
        let kind = match output {
            Output::Initial => FileKind::Initial,
            Output::Weights => FileKind::Weights,
            Output::State => FileKind::State,
            Output::Mask => FileKind::Mask,
            Output::Tickets => FileKind::Tickets,
            Output::Scores => FileKind::Scores,
        };
        tensors(&self.outputs(number)[&output].file, kind)
    }
}

/// Float tensors of a file by name, as f64.
pub(crate) fn tensors(path: &Path, kind: FileKind) -> BTreeMap<String, Vec<f64>> {
    let file = TensorFile::load(path, kind).unwrap();
    let names: Vec<String> = file.tensors().map(|(name, _, _)| name.to_owned()).collect();
    let read = |name: &str| match file.values(name).unwrap() {
        Values::F64(values) => values.clone(),
        _ => file.f32s(name).unwrap().iter().map(|&value| f64::from(value)).collect(),
    };
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// Largest difference between tensors of equal names.
#[track_caller]
pub(crate) fn distance(a: &BTreeMap<String, Vec<f64>>, b: &BTreeMap<String, Vec<f64>>) -> f64 {
    assert!(a.keys().eq(b.keys()), "{:?} against {:?}", a.keys(), b.keys());
    let pairs = a.iter().flat_map(|(name, values)| values.iter().zip(&b[name]));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
