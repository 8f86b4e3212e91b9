//! How fast a GPU trains fused lanes, beside PyTorch's loop on the same device: every width, number format and way of
//! convolutions.
//!
//! `cargo xtask bench gpu -- [--device cuda|cpu] [--turns N] [--seconds N] [--only NAME,NAME…] [--dtype F,F…] [--widths N,N…]
//! [--json FILE] [--without-torch]` prints a table, then one line of JSON. Ways take turns with PyTorch, whose loop
//! (`deploy/bench/torch_step.py`) keeps its data on the device and waits for it at the end of a turn only. `--device cpu` is for
//! trying this out: its figures say nothing. Results worth keeping: `LOG.md`.

mod torch;

use crate::torch::{Outcome, Peer};
use serde_json::{Value, json};
use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tombola_engine::{
    EngineError,
    calibration::{Load, Manner, speed},
    device::{Device, LIBTORCH},
};
use tombola_spec::{
    settings::Dtype,
    worker::{DeviceKind, Plan, WIDTHS},
};

/// Networks, the images they get, and examples per update.
const NETWORKS: [(&str, [u32; 3], u32); 4] = [
    ("mnist_lenet_300_100", [1, 28, 28], 60),
    ("conv_2", [3, 32, 32], 60),
    ("cifar_resnet_20", [3, 32, 32], 128),
    ("cifar_vgg_11", [3, 32, 32], 128),
];
/// More than any network here has convolutions.
const ALL_APART: usize = 64;

struct Options {
    device: DeviceKind,
    turns: usize,
    time: Duration,
    only: Option<String>,
    dtypes: Vec<Dtype>,
    widths: Vec<u32>,
    json: Option<PathBuf>,
    torch: bool,
}

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Outcome<()> {
    let options = options()?;
    // First: see `Device::open`.
    let device = Device::open(options.device, 0)?;
    let mut peer = options.torch.then(Peer::start).transpose()?;
    let versions = peer.as_ref().map_or_else(|| "nothing".to_owned(), |peer| peer.versions.clone());
    let mut rows = Vec::new();
    for (network, image, batch) in NETWORKS.into_iter().filter(|(network, ..)| options.wants(network)) {
        for &dtype in &options.dtypes {
            let load = Load { network: network.to_owned(), image, classes: 10, batch, dtype };
            let found = compare(&device, &load, &options, peer.as_mut())?;
            found.iter().try_for_each(|row| writeln!(stderr(), "{}", row.line()))?;
            rows.extend(found);
        }
    }
    peer.map_or(Ok(()), Peer::stop)?;
    report(&device.model(), &versions, &rows, &options)
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        device: DeviceKind::Cuda,
        turns: 3,
        time: Duration::from_millis(300),
        only: None,
        dtypes: vec![Dtype::F32, Dtype::Tf32, Dtype::Bf16],
        widths: WIDTHS.to_vec(),
        json: None,
        torch: true,
    };
    // Cargo passes `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--without-torch" {
            options.torch = false;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
        let parts = || value.split(',');
        match word.as_str() {
            "--device" => options.device = value.parse()?,
            "--turns" => options.turns = value.parse::<usize>()?.max(1),
            "--seconds" => options.time = Duration::try_from_secs_f64(value.parse()?)?,
            "--only" => options.only = Some(value),
            "--dtype" => {
                options.dtypes =
                    parts().map(|part| serde_json::from_value(part.into())).collect::<Result<_, _>>()?;
            }
            "--widths" => options.widths = parts().map(str::parse).collect::<Result<_, _>>()?,
            "--json" => options.json = Some(value.into()),
            _ => {
                let known =
                    "--device, --turns, --seconds, --only, --dtype, --widths, --json, --without-torch";
                return Err(format!("`{word}` is not an option: {known}").into());
            }
        }
    }
    Ok(options)
}

impl Options {
    fn wants(&self, network: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|part| network.contains(part)))
    }
}

/// What takes turns.
#[derive(Debug, Clone, PartialEq)]
enum Side {
    /// So many fused lanes, with convolutions grouped or apart.
    Fused(u32, bool),
    /// PyTorch's loop in a layout of memory.
    PyTorch(&'static str),
}

/// What a side made of a network.
struct Row {
    load: Load,
    side: Side,
    /// Updates of all lanes together, median of turns.
    steps_per_second: f64,
    /// Times as many as by PyTorch's faster loop.
    ratio: Option<f64>,
}

/// All that is tried of a network.
fn sides(load: &Load, options: &Options) -> Vec<Side> {
    let convolves = load.network != NETWORKS[0].0;
    let ways = if convolves { &[false, true][..] } else { &[false] };
    let widths = options.widths.iter();
    let mut sides: Vec<_> =
        widths.flat_map(|&lanes| ways.iter().map(move |&apart| Side::Fused(lanes, apart))).collect();
    if options.torch {
        sides.extend(["default", "channels_last"].map(Side::PyTorch));
    }
    sides
}

/// Lets all sides have their turns at a network. What does not fit into memory, and what is wider than that, is left out.
fn compare(
    device: &Device,
    load: &Load,
    options: &Options,
    mut peer: Option<&mut Peer>,
) -> Outcome<Vec<Row>> {
    let sides = sides(load, options);
    let mut turns = vec![Vec::new(); sides.len()];
    let mut most = u32::MAX;
    // The first turn warms up.
    for turn in 0..=options.turns {
        writeln!(stderr(), "{} {:?}, turn {turn} of {}", load.network, load.dtype, options.turns)?;
        for (side, turns) in sides.iter().zip(&mut turns) {
            let rate = match side {
                Side::Fused(lanes, _) if *lanes >= most => continue,
                Side::Fused(lanes, apart) => match fused(device, load, *lanes, *apart, options.time) {
                    Err(EngineError::OutOfMemory(_)) => {
                        most = *lanes;
                        continue;
                    }
                    rate => rate?,
                },
                Side::PyTorch(layout) => match &mut peer {
                    Some(peer) => pytorch(peer, load, layout, options)?,
                    None => continue,
                },
            };
            turns.push(rate);
        }
    }
    let measured = sides.into_iter().zip(turns).filter(|(_, turns)| turns.len() > options.turns);
    let medians = measured.map(|(side, turns)| (side, median(&turns[1..]))).collect();
    Ok(rows(load, medians))
}

/// What each side made of a network, beside PyTorch's faster loop.
fn rows(load: &Load, medians: Vec<(Side, f64)>) -> Vec<Row> {
    let theirs = medians.iter().filter(|(side, _)| matches!(side, Side::PyTorch(_))).map(|(_, rate)| *rate);
    let theirs = theirs.fold(None, |best: Option<f64>, rate| Some(best.map_or(rate, |best| best.max(rate))));
    let row = |(side, steps_per_second)| Row {
        load: load.clone(),
        side,
        steps_per_second,
        ratio: theirs.map(|theirs| steps_per_second / theirs),
    };
    medians.into_iter().map(row).collect()
}

fn fused(device: &Device, load: &Load, lanes: u32, apart: bool, time: Duration) -> Result<f64, EngineError> {
    let ways = "a".repeat(if apart { ALL_APART } else { 0 });
    let manner = Manner { plan: Plan::Fused, lanes, threads: 1, ways };
    Ok(speed(device, load, &manner, time)?.steps_per_second)
}

/// Updates a second of PyTorch's loop.
fn pytorch(peer: &mut Peer, load: &Load, layout: &str, options: &Options) -> Outcome<f64> {
    let device = options.device.name();
    let [one, _] = peer.turn(load, layout, device, 1)?;
    let updates = (options.time.as_secs_f64() / one.max(1e-6)).clamp(1.0, 10_000.0) as u32;
    let [wall, _] = peer.turn(load, layout, device, updates)?;
    Ok(f64::from(updates) / wall)
}

fn median(turns: &[f64]) -> f64 {
    let mut all = turns.to_vec();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Row {
    fn line(&self) -> String {
        let Self { load: Load { network, batch, dtype, .. }, side, steps_per_second, ratio } = self;
        let side = match side {
            Side::Fused(lanes, false) => format!("fused, {lanes} lanes"),
            Side::Fused(lanes, true) => format!("fused, {lanes} lanes, apart"),
            Side::PyTorch(layout) => format!("PyTorch, {layout}"),
        };
        let (subject, dtype) = (format!("{network}, {batch}"), format!("{dtype:?}").to_lowercase());
        let images = steps_per_second * f64::from(*batch);
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        format!("{subject:<26} {dtype:<5} {side:<26} {steps_per_second:>12.1} {images:>14.0} {ratio:>8}")
    }

    fn json(&self) -> Value {
        let Self { load: Load { network, batch, dtype, .. }, side, steps_per_second, ratio } = self;
        let side = match side {
            Side::Fused(lanes, apart) => json!({ "lanes": lanes, "apart": apart }),
            Side::PyTorch(layout) => json!({ "pytorch": layout }),
        };
        json!({
            "network": network, "batch": batch, "dtype": dtype, "side": side,
            "steps_per_second": steps_per_second, "ratio": ratio,
        })
    }
}

fn report(device: &str, versions: &str, rows: &[Row], options: &Options) -> Outcome<()> {
    let mut out = stdout().lock();
    writeln!(out, "SGD with momentum and decay on {device}, libtorch {LIBTORCH}; beside {versions}")?;
    if options.device == DeviceKind::Cpu {
        writeln!(out, "not run on a GPU: these figures say nothing about one")?;
    }
    let [subject, dtype, side, steps, images] = ["network, batch", "", "", "steps/s", "images/s"];
    writeln!(out, "{subject:<26} {dtype:<5} {side:<26} {steps:>12} {images:>14} {:>8}", "PyTorch")?;
    rows.iter().try_for_each(|row| writeln!(out, "{}", row.line()))?;
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    let all =
        json!({ "bench": "gpu", "device": device, "libtorch": LIBTORCH, "versions": versions, "rows": rows });
    if let Some(file) = &options.json {
        std::fs::write(file, format!("{all:#}\n"))?;
    }
    writeln!(out, "{all}")?;
    Ok(())
}
