//! What a training step costs: LeNet-300-100, batch 60, Adam, against the matrix products it cannot do without.
//!
//! `cargo bench -p tombola-engine --bench step -- [--device cpu|cuda] [--rounds N] [--steps N] [--only NAME,NAME…]`
//! prints a table, then one line of JSON. Contestants take turns, and medians are compared, so that a busy machine slows
//! all of them alike; processor time, unlike wall time, hardly feels the neighbours at all. Everything a step does is in
//! its time: gathering the batch, loss, gradients, optimizer, and the loop around it. Results worth keeping: `LOG.md`.

mod rig;

use crate::rig::{BATCH, Cost, LENET, Outcome, job, median, train, write_data};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{Write, stderr, stdout},
    path::Path,
};
use tch::{Kind, Tensor};
use tombola_engine::{
    device::Device,
    train::{CheckpointRule, Engine},
};
use tombola_spec::{
    Steps,
    worker::{DeviceKind, Plan},
};

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
    write_data(&folder.path().join("data/noise"), LENET)?;
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
                let mut pack = |steps| {
                    let jobs = (1..=*width).map(|number| job(LENET, u64::from(number), steps, Steps::ZERO));
                    train(engine, folder, *plan, jobs.collect())
                };
                let (long, short) = (pack(2 * steps)?, pack(steps)?);
                Ok((long - short).per(steps * width))
            }
            Self::Evaluation(plan) => {
                let few = 10;
                let mut lane = |every| train(engine, folder, *plan, vec![job(LENET, 1, few, every)]);
                let (often, never) = (lane(Steps::its(1))?, lane(Steps::ZERO)?);
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

/// Medians, in the order of the contestants, as a table and as JSON.
fn report(machine: &str, contestants: &[Contestant], costs: &BTreeMap<usize, Vec<Cost>>) -> Outcome<()> {
    let median = |index: usize, seconds: fn(&Cost) -> f64| median(&costs[&index], seconds);
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
