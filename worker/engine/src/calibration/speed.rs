//! How fast lanes train: updates of random examples, without files, jobs or evaluations.

use crate::{
    device::Device,
    error::{EngineError, Result},
    nn::{Layout, Ways},
    numerics,
    optim::Rule,
    plan::{Common, Drive, Examples, Fused, LaneStart, Lone, Pack, Snapshot, kind_of},
    train::outputs::initial,
};
use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};
use tch::Tensor;
use tombola_spec::{
    arch::Architecture,
    job::Stream,
    settings::{BatchNormInit, BiasInit, Dtype, Init, Model, Optimizer, Train},
    worker::Plan,
};

/// Examples that batches are taken of.
const EXAMPLES: usize = 2_048;
/// Updates between two looks at the clock, at most: as many as a training makes.
const UPDATES: usize = 32;

/// What is trained: SGD with momentum and decay on random examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Network.
    pub network: String,
    /// Channels, height and width of its images.
    pub image: [u32; 3],
    /// Outputs.
    pub classes: u32,
    /// Examples per update and lane.
    pub batch: u32,
    /// Number format.
    pub dtype: Dtype,
}

/// How lanes are executed.
#[derive(Debug, Clone, PartialEq)]
pub struct Manner {
    /// The plan.
    pub plan: Plan,
    /// Lanes trained together.
    pub lanes: u32,
    /// Intra-op threads of each.
    pub threads: u32,
    /// How convolutions of fused lanes go, a letter each; empty = all grouped.
    pub ways: String,
}

/// How fast it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Updates of all lanes together, per second.
    pub steps_per_second: f64,
    /// Processor time of this process for an update of a lane, seconds.
    pub processor_seconds: f64,
}

/// Trains for about `time`, after a turn that warms up.
///
/// # Errors
/// When there is no such network, memory runs out, or the device fails.
pub fn speed(device: &Device, load: &Load, manner: &Manner, time: Duration) -> Result<Speed> {
    tch::set_num_threads(manner.threads as i32);
    let architecture = Architecture::parse(&load.network, load.image, load.classes)?;
    let examples = examples(device, load)?;
    let common = || common(load, &architecture, examples.share(), manner);
    let spent = processor_time();
    let turns = match manner.plan {
        Plan::Fused => {
            let lanes = starts(load, &architecture, manner.lanes)?;
            let pack = numerics::within(device.torch, load.dtype, || {
                Fused::new(common()?, &lanes, manner.lanes as usize)
            });
            let mut pack = pack?;
            vec![numerics::within(device.torch, load.dtype, || {
                turn(&mut pack, load, time, &Barrier::new(1))
            })?]
        }
        Plan::CpuLanes => {
            let lanes = starts(load, &architecture, manner.lanes)?.into_iter();
            let lanes = lanes.map(|start| Lone::new(common()?, start)).collect::<Result<Vec<_>>>()?;
            on_threads(lanes, manner.threads, |mut lane, start| turn(&mut lane, load, time, start))?
        }
    };
    // Turns that warm up take their share of it.
    let (updates, warmed): (f64, f64) = turns
        .iter()
        .fold((0.0, 0.0), |(all, warm), turn| (all + turn.updates as f64, warm + turn.warming as f64));
    let steps_per_second = turns.iter().map(|turn| turn.updates as f64 / turn.seconds).sum();
    Ok(Speed { steps_per_second, processor_seconds: (processor_time() - spent) / (updates + warmed) })
}

/// What a pack did in its turn.
struct Turn {
    /// Updates of all its lanes while it was timed.
    updates: u64,
    seconds: f64,
    /// Updates before.
    warming: u64,
}

fn turn(pack: &mut dyn Pack, load: &Load, time: Duration, start: &Barrier) -> Result<Turn> {
    let width = pack.width();
    let warm = Instant::now();
    let first = drive(load, width, 1);
    let warmed = pack.advance(&first).and_then(|()| pack.loss_sums());
    let again = Instant::now();
    let warmed = warmed.and_then(|_| pack.advance(&first)).and_then(|()| pack.loss_sums());
    // The first update may have compiled kernels or made memory; some looks at the clock are enough.
    let (one, _) = (again.elapsed().min(warm.elapsed()), start.wait());
    warmed?;
    let at_once = (time.as_secs_f64() / 4.0 / one.as_secs_f64().max(1e-6)) as usize;
    let drive = drive(load, width, at_once.clamp(1, UPDATES));
    let (begun, mut updates) = (Instant::now(), 0);
    while updates == 0 || begun.elapsed() < time {
        pack.advance(&drive)?;
        // Whoever looks at the clock waits for the device first.
        pack.loss_sums()?;
        updates += (drive.sizes.len() * width) as u64;
    }
    Ok(Turn { updates, seconds: begun.elapsed().as_secs_f64(), warming: 2 * width as u64 })
}

/// Does `work` with each lane at once; a lone one stays on this thread.
fn on_threads<T: Send>(
    lanes: Vec<Lone>,
    threads: u32,
    work: impl Fn(Lone, &Barrier) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let (start, work) = (Barrier::new(lanes.len()), &work);
    if lanes.len() == 1 {
        return lanes.into_iter().map(|lane| work(lane, &start)).collect();
    }
    thread::scope(|scope| {
        let run = |lane: Lone| {
            let start = &start;
            scope.spawn(move || {
                // The setting is per thread.
                tch::set_num_threads(threads as i32);
                work(lane, start)
            })
        };
        let running: Vec<_> = lanes.into_iter().map(run).collect();
        let ended = |thread: thread::ScopedJoinHandle<'_, Result<T>>| {
            thread.join().unwrap_or_else(|_| Err(EngineError::Device("a lane's thread panicked".to_owned())))
        };
        running.into_iter().map(ended).collect()
    })
}

fn train(load: &Load) -> Train {
    let optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
    Train { decay: 1e-4, ..Train::plain(load.batch, optimizer, 0.01) }
}

fn common(load: &Load, architecture: &Architecture, examples: Examples, manner: &Manner) -> Result<Common> {
    let ways = Ways::read(&manner.ways)
        .ok_or_else(|| EngineError::Settings(format!("`{}` are no ways of convolutions", manner.ways)))?;
    Ok(Common::new(architecture.clone(), None, &train(load), load.dtype, examples, ways))
}

/// Lanes of the same initial weights: drawing them for each would take longer than the measurement.
fn starts(load: &Load, architecture: &Architecture, lanes: u32) -> Result<Vec<LaneStart>> {
    let (init, bias_init, bn_init) = (Init::KaimingNormal, BiasInit::Zero, BatchNormInit::One);
    let model = Model { name: load.network.clone(), init, bias_init, bn_init, dropout: 0.0 };
    let (layout, rule) = (Layout::of(architecture), Rule::of(&train(load)));
    let stream = Stream { seed: 1, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let drawn = initial(&model, architecture, &stream, kind_of(load.dtype))?;
    let start = |_| -> Result<LaneStart> {
        let weights = drawn.f_detach_copy()?;
        let trained = layout.trained_part(&weights)?;
        let state = rule.buffers().iter().map(|_| Ok(trained.f_zeros_like()?)).collect::<Result<_>>()?;
        Ok(LaneStart { memory: Snapshot { weights, state }, mask: None, sparse: false })
    };
    (0..lanes).map(start).collect()
}

fn examples(device: &Device, load: &Load) -> Result<Examples> {
    let image = load.image.map(i64::from);
    let count = EXAMPLES * image.iter().product::<i64>() as usize;
    let mut noise = noise();
    let pixels: Vec<u8> = (0..count).map(|_| noise() as u8).collect();
    let images = Tensor::f_from_slice(&pixels)?.f_view([-1, image[0], image[1], image[2]])?;
    let images = images.f_to(device.torch)?.f_to_kind(kind_of(load.dtype))?;
    let images = images.f_mul_scalar(1.0 / 128.0)?.f_sub_scalar(1.0)?;
    let labels: Vec<i64> = (0..EXAMPLES).map(|_| i64::from(noise() % load.classes.max(1))).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to(device.torch)?;
    let none = || -> Result<(Tensor, Tensor)> { Ok((images.f_narrow(0, 0, 0)?, labels.f_narrow(0, 0, 0)?)) };
    Ok(Examples::new((images.shallow_clone(), labels.shallow_clone()), none()?, none()?))
}

fn drive(load: &Load, width: usize, updates: usize) -> Drive {
    let mut noise = noise();
    let rows = updates * width * load.batch as usize;
    let rule = Rule::of(&train(load));
    Drive {
        sizes: vec![i64::from(load.batch); updates],
        rows: (0..rows).map(|_| i64::from(noise()) % EXAMPLES as i64).collect(),
        paces: vec![rule.pace(0.01, 1); updates * width],
        ..Drive::new()
    }
}

/// Numbers that look random.
fn noise() -> impl FnMut() -> u32 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 20
    }
}

/// Processor time of all threads of this process so far, seconds.
#[expect(unsafe_code, reason = "the standard library does not tell")]
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}
