//! What a training step costs beside PyTorch's: the same networks, batches and optimizer, one thread each.
//!
//! `cargo xtask bench peers -- [--turns N] [--only NAME,NAME…]` prints a table, then one line of JSON. Ours and PyTorch's,
//! which `deploy/bench/torch_step.py` makes in a process of its own, take turns of some seconds at most; medians of turns
//! are compared, so that a busy machine slows all alike. A turn is what the engine does between two looks at requests:
//! drawing batches, gathering, loss, gradients, optimizer, and the loop around it.

mod torch;

use crate::torch::{Outcome, Peer};
use serde_json::json;
use std::{
    collections::BTreeMap,
    env,
    io::{Write, stderr, stdout},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tombola_engine::{
    calibration::Load,
    data::PartWriter,
    device::Device,
    train::{CheckpointRule, Engine, Halt, Link},
};
use tombola_spec::{
    Attempt, JobId, Steps,
    data::DataShape,
    job::{JobSpec, Stream, TrainJob},
    settings::{BatchNormInit, BiasInit, Data, Dtype, Init, Model, Optimizer, Recipe, Train},
    slot::{Event, Stage, StageJob},
    worker::{DeviceKind, Plan},
};

/// As many as the other side has.
const EXAMPLES: u32 = 10_000;
const CLASSES: u32 = 10;

/// A network, and how many updates a turn has: fewer than the engine makes at once.
struct Match {
    network: &'static str,
    image: [u32; 3],
    batch: u32,
    updates: u32,
}

const MATCHES: [Match; 4] = [
    Match { network: "mnist_lenet_300_100", image: [1, 28, 28], batch: 60, updates: 32 },
    Match { network: "conv_2", image: [3, 32, 32], batch: 60, updates: 4 },
    Match { network: "cifar_resnet_20", image: [3, 32, 32], batch: 128, updates: 2 },
    Match { network: "cifar_vgg_11", image: [3, 32, 32], batch: 128, updates: 1 },
];

impl Match {
    /// The same, as PyTorch is asked for it.
    fn load(&self) -> Load {
        let (network, image) = (self.network.to_owned(), self.image);
        Load { network, image, classes: CLASSES, batch: self.batch, dtype: Dtype::F32 }
    }
}

/// Whose turns are timed.
const SIDES: [&str; 3] = ["Tombola", "default", "channels_last"];

struct Options {
    turns: u32,
    only: Option<String>,
}

fn main() -> Outcome<()> {
    let options = options()?;
    // First: see `Device::open`.
    let device = Device::open(DeviceKind::Cpu, 0)?;
    let machine = device.name.clone();
    let folder = tempfile::tempdir()?;
    write_data(&folder.path().join("data"))?;
    let mut engine = Engine::new(device, folder.path().join("data"), 1, seldom());
    let mut peer = Peer::start()?;
    let versions = peer.versions.clone();
    let mut rows = Vec::new();
    for wanted in MATCHES.iter().filter(|known| options.wants(known.network)) {
        writeln!(stderr(), "{}, {} turns after one that warms up", wanted.network, options.turns)?;
        let turns;
        (turns, peer) = play(wanted, &mut engine, folder.path(), options.turns, peer)?;
        rows.extend(SIDES.map(|side| Row::of(wanted, side, &turns)));
    }
    peer.stop()?;
    report(&machine, &versions, &rows)
}

fn options() -> Outcome<Options> {
    let mut options = Options { turns: 15, only: None };
    // Cargo passes `--bench`.
    let mut words = env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
        match word.as_str() {
            "--turns" => options.turns = value.parse()?,
            "--only" => options.only = Some(value),
            _ => return Err(format!("`{word}` is not an option: --turns, --only").into()),
        }
    }
    Ok(options)
}

impl Options {
    fn wants(&self, network: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|part| network.contains(part)))
    }
}

/// No checkpoint falls into a turn.
fn seldom() -> CheckpointRule {
    CheckpointRule { every: Duration::from_secs(86_400), ..CheckpointRule::default() }
}

/// Seconds of a turn.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

/// Processor time of all threads of this process so far.
#[expect(unsafe_code, reason = "the standard library does not tell")]
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Costs of turns by side.
type Turns = BTreeMap<&'static str, Vec<Cost>>;

/// Hears when turns of ours begin and end. In between it is PyTorch's turn: the engine waits for what it asks.
struct Clock<'a> {
    played: &'a Match,
    state: Mutex<State>,
}

struct State {
    peer: Peer,
    /// When our turn began, and processor time then.
    begun: Option<(Instant, f64)>,
    turns: Turns,
    failures: Vec<String>,
}

impl Link for Clock<'_> {
    fn emit(&self, event: Event) {
        if let (Event::Failed { failure, .. }, Ok(mut state)) = (event, self.state.lock()) {
            state.failures.push(failure.message);
        }
    }

    fn progress(&self, _: JobId, _: u64) {
        let (now, processor) = (Instant::now(), processor_seconds());
        let Ok(mut state) = self.state.lock() else { return };
        if let Some((begun, spent)) = state.begun.take() {
            let cost = Cost { wall: (now - begun).as_secs_f64(), processor: processor - spent };
            state.turns.entry(SIDES[0]).or_default().push(cost);
        }
    }

    fn cancelled(&self, _: JobId) -> bool {
        false
    }

    fn halt(&self) -> Halt {
        let Ok(mut state) = self.state.lock() else { return Halt::Leave };
        for layout in &SIDES[1..] {
            match state.peer.turn(&self.played.load(), layout, "cpu", self.played.updates) {
                Ok([wall, processor]) => {
                    state.turns.entry(layout).or_default().push(Cost { wall, processor });
                }
                Err(error) => {
                    state.failures.push(error.to_string());
                    return Halt::Leave;
                }
            }
        }
        state.begun = Some((Instant::now(), processor_seconds()));
        Halt::No
    }
}

/// Lets all sides have their turns at one network.
fn play(
    played: &Match,
    engine: &mut Engine,
    folder: &Path,
    turns: u32,
    peer: Peer,
) -> Outcome<(Turns, Peer)> {
    let stage = Stage {
        jobs: vec![job(played, (turns + 1) * played.updates)],
        width: 1,
        plan: Plan::CpuLanes,
        folder: folder.to_owned(),
    };
    let state = State { peer, begun: None, turns: Turns::new(), failures: Vec::new() };
    let clock = Clock { played, state: Mutex::new(state) };
    engine.run(&stage, &clock);
    let State { peer, mut turns, mut failures, .. } = clock.state.into_inner()?;
    // The first of each warms up.
    turns.values_mut().for_each(|costs| {
        let _ = costs.remove(0);
    });
    failures.pop().map_or(Ok((turns, peer)), |failure| Err(failure.into()))
}

fn job(played: &Match, steps: u32) -> StageJob {
    let stream = Stream { seed: 1, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let spec = TrainJob::dense(Arc::new(recipe(played)), stream, Steps::its(steps));
    let (spec, inputs) = (JobSpec::Train(spec), BTreeMap::new());
    StageJob { job: JobId(1), attempt: Attempt(1), spec, inputs, resume: None }
}

fn recipe(played: &Match) -> Recipe {
    let shape = DataShape {
        train: EXAMPLES,
        test: CLASSES,
        image: played.image,
        classes: CLASSES,
        mean: 0.5.into(),
        std: 0.3.into(),
    };
    let optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
    // An evaluation, of a few images and in no turn, ends each turn.
    let eval_every = Steps::its(played.updates);
    Recipe {
        model: Model {
            name: played.network.to_owned(),
            init: Init::KaimingNormal,
            bias_init: BiasInit::Zero,
            bn_init: BatchNormInit::One,
            dropout: 0.0,
        },
        data: Data::whole(&set(played.image), shape, 0),
        train: Train { decay: 1e-4, eval_every, ..Train::plain(played.batch, optimizer, 0.01) },
        dtype: Dtype::F32,
    }
}

/// Name of the set of images of this shape.
fn set([channels, ..]: [u32; 3]) -> String {
    format!("noise-{channels}")
}

fn write_data(folder: &Path) -> Outcome<()> {
    for image in [[1, 28, 28], [3, 32, 32]] {
        let set = folder.join(set(image));
        std::fs::create_dir_all(&set)?;
        let mut state = 1u32;
        for (train, count) in [(true, EXAMPLES), (false, CLASSES)] {
            let labels: Vec<u32> = (0..count).map(|n| n % CLASSES).collect();
            let mut writer = PartWriter::create(&set, train, image, &labels, &[])?;
            for _ in labels {
                writer.push(&noise(&mut state, image.iter().product()))?;
            }
            writer.finish()?;
        }
    }
    Ok(())
}

fn noise(state: &mut u32, count: u32) -> Vec<u8> {
    let mut draw = || {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 24) as u8
    };
    (0..count).map(|_| draw()).collect()
}

/// What one side needs for an update of a network, seconds.
struct Row {
    network: &'static str,
    batch: u32,
    side: &'static str,
    wall: Spread,
    processor: Spread,
    /// Median of ours by its own, processor time.
    ratio: f64,
}

/// Of turns: a quarter is below `low`, half below `median`, three quarters below `high`.
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(costs: &[Cost], updates: u32, seconds: fn(&Cost) -> f64) -> Self {
        let mut all: Vec<f64> = costs.iter().map(|cost| seconds(cost) / f64::from(updates)).collect();
        all.sort_by(f64::total_cmp);
        let at = |quarter: usize| all.get(all.len() * quarter / 4).copied().unwrap_or(f64::NAN);
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

impl Row {
    fn of(played: &Match, side: &'static str, turns: &Turns) -> Self {
        let spread = |side, seconds| {
            Spread::of(turns.get(side).map_or(&[], |costs: &Vec<Cost>| costs), played.updates, seconds)
        };
        let processor = |side| spread(side, |cost: &Cost| cost.processor);
        let ratio = processor(SIDES[0]).median / processor(side).median;
        let wall = spread(side, |cost: &Cost| cost.wall);
        let Match { network, batch, .. } = *played;
        Self { network, batch, side, wall, processor: processor(side), ratio }
    }
}

fn report(machine: &str, versions: &str, rows: &[Row]) -> Outcome<()> {
    let mut out = stdout().lock();
    writeln!(out, "SGD with momentum and decay, one thread, on {machine}; beside {versions}")?;
    writeln!(
        out,
        "milliseconds a step: median of turns, and quartiles; ratio of ours to it, processor time"
    )?;
    writeln!(out, "{:<28} {:<14} {:>34} {:>9} {:>6}", "", "", "processor", "wall", "ratio")?;
    let mut told = Vec::new();
    for row in rows {
        let Row { network, batch, side, wall, processor, ratio } = row;
        let [low, median, high] = [processor.low, processor.median, processor.high].map(|s| 1e3 * s);
        let network_and_batch = format!("{network}, {batch}");
        let spread = format!("{median:.3} ({low:.3} to {high:.3})");
        let wall = 1e3 * wall.median;
        writeln!(out, "{network_and_batch:<28} {side:<14} {spread:>34} {wall:>9.3} {ratio:>6.2}")?;
        told.push(json!({
            "network": network, "batch": batch, "side": side, "ratio": ratio,
            "processor_ms": [low, median, high], "wall_ms": wall,
        }));
    }
    writeln!(out, "{}", json!({ "bench": "peers", "machine": machine, "versions": versions, "rows": told }))?;
    Ok(())
}
