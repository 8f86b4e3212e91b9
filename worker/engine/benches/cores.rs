//! What a processor's cores are best used for: a lane on each, or one lane on all; and in which number format.
//!
//! `cargo xtask bench cores -- [--turns N] [--seconds N] [--only NAME,NAME…]` prints a table, then one line of JSON. Ways take
//! turns, and medians are compared, so that a busy machine slows all of them alike. Wall time is what cores are shared for, so
//! this needs a quiet machine; processor time a step is told beside it. Results worth keeping: `LOG.md`.

use serde_json::json;
use std::{
    error::Error,
    io::{Write, stderr, stdout},
    thread::available_parallelism,
    time::Duration,
};
use tombola_engine::{
    calibration::{Load, Manner, Speed, speed},
    device::Device,
};
use tombola_spec::{
    settings::Dtype,
    worker::{DeviceKind, Plan},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Networks, the images they get, and examples per update.
const NETWORKS: [(&str, [u32; 3], u32); 4] = [
    ("mnist_lenet_300_100", [1, 28, 28], 60),
    ("conv_2", [3, 32, 32], 60),
    ("cifar_resnet_20", [3, 32, 32], 128),
    ("cifar_vgg_11", [3, 32, 32], 128),
];

struct Options {
    turns: usize,
    seconds: f64,
    only: Option<String>,
}

fn main() -> Outcome<()> {
    let options = options()?;
    let device = Device::open(DeviceKind::Cpu, 0)?;
    let cores = available_parallelism()?.get() as u32;
    let mut rows = Vec::new();
    for (network, image, batch) in NETWORKS {
        if options.only.as_ref().is_some_and(|only| !only.split(',').any(|part| network.contains(part))) {
            continue;
        }
        let ways = ways(cores);
        let mut costs = vec![Vec::new(); ways.len()];
        for turn in 0..options.turns {
            writeln!(stderr(), "{network}, turn {} of {}", turn + 1, options.turns)?;
            for ((dtype, lanes, threads), costs) in ways.iter().zip(&mut costs) {
                let load = Load { network: network.to_owned(), image, classes: 10, batch, dtype: *dtype };
                let manner =
                    Manner { plan: Plan::CpuLanes, lanes: *lanes, threads: *threads, ways: String::new() };
                costs.push(speed(&device, &load, &manner, Duration::from_secs_f64(options.seconds))?);
            }
        }
        rows.extend(ways.into_iter().zip(costs).map(|(way, costs)| Row::of(network, batch, way, &costs)));
    }
    report(&device.name, &rows)
}

fn options() -> Outcome<Options> {
    let mut options = Options { turns: 5, seconds: 2.0, only: None };
    // Cargo passes `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
        match word.as_str() {
            "--turns" => options.turns = value.parse::<usize>()?.max(1),
            "--seconds" => options.seconds = value.parse()?,
            "--only" => options.only = Some(value),
            _ => return Err(format!("`{word}` is not an option: --turns, --seconds, --only").into()),
        }
    }
    Ok(options)
}

/// Number format, lanes, and threads of each.
type Way = (Dtype, u32, u32);

fn ways(cores: u32) -> Vec<Way> {
    let layouts = [(1, 1), (cores, 1), (1, cores)];
    let dtypes = [Dtype::F32, Dtype::Bf16];
    dtypes.into_iter().flat_map(|dtype| layouts.map(|(lanes, threads)| (dtype, lanes, threads))).collect()
}

/// Medians of a network's turns in one way.
struct Row {
    network: &'static str,
    batch: u32,
    way: Way,
    /// Updates of all lanes together: a quarter of turns was slower than the first, three quarters than the last.
    steps_per_second: [f64; 3],
    processor_ms: f64,
}

impl Row {
    fn of(network: &'static str, batch: u32, way: Way, costs: &[Speed]) -> Self {
        let sorted = |value: fn(&Speed) -> f64| {
            let mut all: Vec<f64> = costs.iter().map(value).collect();
            all.sort_by(f64::total_cmp);
            [1, 2, 3].map(|quarter| all[(all.len() * quarter / 4).min(all.len() - 1)])
        };
        let processor_ms = 1e3 * sorted(|cost| cost.processor_seconds)[1];
        Self { network, batch, way, steps_per_second: sorted(|cost| cost.steps_per_second), processor_ms }
    }
}

fn report(machine: &str, rows: &[Row]) -> Outcome<()> {
    let mut out = stdout().lock();
    writeln!(
        out,
        "SGD with momentum and decay on {machine}; steps of all lanes a second, median and quartiles of turns"
    )?;
    let header = ["network, batch", "format", "lanes", "threads", "steps a second", "processor ms"];
    let [network, dtype, lanes, threads, steps, processor] = header;
    writeln!(out, "{network:<26} {dtype:<6} {lanes:>5} {threads:>7} {steps:>26} {processor:>12}")?;
    let mut told = Vec::new();
    for row in rows {
        let Row { network, batch, way: (dtype, lanes, threads), steps_per_second, processor_ms } = row;
        let ([low, median, high], dtype) = (*steps_per_second, serde_json::to_value(dtype)?);
        let (subject, steps) =
            (format!("{network}, {batch}"), format!("{median:.2} ({low:.2} to {high:.2})"));
        let dtype = dtype.as_str().unwrap_or_default();
        writeln!(out, "{subject:<26} {dtype:<6} {lanes:>5} {threads:>7} {steps:>26} {processor_ms:>12.2}")?;
        told.push(json!({
            "network": network, "batch": batch, "dtype": dtype, "lanes": lanes, "threads": threads,
            "steps_per_second": steps_per_second, "processor_ms": processor_ms,
        }));
    }
    writeln!(out, "{}", json!({ "bench": "cores", "machine": machine, "rows": told }))?;
    Ok(())
}
