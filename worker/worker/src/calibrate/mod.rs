//! `tombola-worker calibrate`: how this machine's devices train fastest, measured once and kept in the worker's folder.

mod subject;
mod table;

pub(crate) use subject::Subject;
pub(crate) use table::name as dtype_name;

use crate::{args::Output, config::Config, engine::SAME_BITS, failed};
use std::{
    collections::BTreeSet,
    env,
    io::{Write, stderr, stdout},
    num::NonZeroU32,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    time::Duration,
};
use tombola_engine::{
    EngineError,
    calibration::{Calibration, Entry, Load, Rate, Task, measure},
    device::Device,
};
use tombola_spec::{
    settings::Dtype,
    worker::{DeviceKind, Plan},
};

const HELP: &str = "\
On a GPU it tries packs of 1, 2, 4, ... lanes until memory or gain ends, and keeps the width at which all lanes together make
most steps; then it times each shape of convolution as groups of one convolution and as one for each lane, and keeps the
faster way where the whole network gains. The worker tells its coordinator the widths when it next starts. A slot declared with
a number of lanes (`cuda:0=32`) never gets wider packs. Width and ways are in the provenance of results; what runs keeps its own.

On a CPU it tries a lane on each core, a lane on all of them, and what lies between. Nothing follows by itself there: it says
which `slots` and `engine.threads` to set.

Stop the worker first, or both get less of the device. What was measured with another libtorch or on another model counts for
nothing: `tombola-worker check` and the worker's log tell. Of a network that was
measured, other batch sizes have the narrowest width that was found.

None of this was run on a GPU yet: none was at hand. What a GPU does here was tried with fused lanes on CPUs.

Examples:
  tombola-worker calibrate --slots cuda:0
  tombola-worker calibrate --slots cuda:0 --network conv_4@fashion_mnist --dtype bf16 --batch 60
  tombola-worker calibrate --output json";

/// What `calibrate` measures.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Networks, separated by commas, each on images of a known data set, which need not be here
    #[arg(
        long,
        value_name = "NETWORK@SET",
        value_delimiter = ',',
        default_value = "mnist_lenet_300_100@mnist,conv_2@cifar10,cifar_resnet_20@cifar10,cifar_vgg_11@cifar10"
    )]
    network: Vec<Subject>,
    /// Number formats, separated by commas [default: f32,tf32,bf16 on a GPU, f32,bf16 on a CPU]
    #[arg(long, value_delimiter = ',', value_parser = dtype)]
    dtype: Vec<Dtype>,
    /// Examples per update [default: 60 of a perceptron or `conv_N`, else 128]
    #[arg(long, value_name = "N")]
    batch: Option<NonZeroU32>,
    /// Seconds for each width
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// What standard output holds; progress goes to standard error
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Measure the plan of GPUs on a CPU, which no worker uses there: to try this out
    #[arg(long, hide = true)]
    fused: bool,
}

/// Measures the devices of all slots, each model once, and keeps what was found.
pub(crate) fn run(options: &Options, config: &Config) -> ExitCode {
    match as_engines_do(config).and_then(|()| measured(options, config)) {
        Ok(entries) => {
            let text = match options.output {
                Output::Table => table::table(&entries),
                Output::Json => serde_json::to_string_pretty(&entries).expect("figures have string keys"),
            };
            match writeln!(stdout(), "{text}") {
                Ok(()) => ExitCode::SUCCESS,
                // Whoever read it has left.
                Err(_) => ExitCode::FAILURE,
            }
        }
        Err(message) => failed(&message, 1),
    }
}

/// Starts this program anew where a GPU is measured and cuBLAS would compute in another way than in the engine of a slot.
fn as_engines_do(config: &Config) -> Result<(), String> {
    let (name, value) = SAME_BITS;
    let gpus = config.slots.iter().any(|slot| slot.device == DeviceKind::Cuda);
    if !gpus || env::var_os(name).is_some_and(|set| set == value) {
        return Ok(());
    }
    let mut anew = Command::new("/proc/self/exe");
    let error = anew.arg0("tombola-worker").args(env::args_os().skip(1)).env(name, value).exec();
    Err(format!("cannot start anew with `{name}={value}`: {error}; hint: set it yourself"))
}

fn measured(options: &Options, config: &Config) -> Result<Vec<Entry>, String> {
    let mut kept = Calibration::load(&config.dir)?;
    let mut entries = Vec::new();
    for device in devices(config)? {
        for load in options.loads(device.kind) {
            let task = Task { load, plan: options.plan(device.kind), time: options.seconds };
            let entry = measure(&device, &task, &mut |rate| progress(&device, &task.load, rate));
            let entry = entry.map_err(|error| wrong(&device, &task.load, &error))?;
            // After each, so that what was measured is not lost with what comes next.
            kept.put(entry.clone());
            kept.save(&config.dir).map_err(|error| {
                let folder = config.dir.display();
                format!("cannot write to `{folder}`: {error}; hint: --dir names the worker's folder")
            })?;
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The devices of the slots, one of each model. Opened before anything else is computed: see `Device::open`.
fn devices(config: &Config) -> Result<Vec<Device>, String> {
    let places: BTreeSet<_> =
        config.slots.iter().map(|slot| (slot.device != DeviceKind::Cuda, slot.index)).collect();
    let mut devices: Vec<Device> = Vec::new();
    for (cpu, index) in places {
        let kind = if cpu { DeviceKind::Cpu } else { DeviceKind::Cuda };
        let device = Device::open(kind, index).map_err(|error| error.to_string())?;
        if devices.iter().all(|known| known.model() != device.model()) {
            devices.push(device);
        }
    }
    Ok(devices)
}

impl Options {
    fn plan(&self, device: DeviceKind) -> Plan {
        if self.fused { Plan::Fused } else { device.plan() }
    }

    /// What is trained on a kind of device.
    fn loads(&self, device: DeviceKind) -> Vec<Load> {
        let usual: &[Dtype] = match device {
            DeviceKind::Cpu => &[Dtype::F32, Dtype::Bf16],
            DeviceKind::Cuda => &[Dtype::F32, Dtype::Tf32, Dtype::Bf16],
        };
        let dtypes = if self.dtype.is_empty() { usual } else { &self.dtype };
        let batch = self.batch.map(NonZeroU32::get);
        let loads = self.network.iter().flat_map(|network| dtypes.iter().map(move |dtype| (network, *dtype)));
        loads.map(|(network, dtype)| network.load(dtype, batch)).collect()
    }
}

/// A number format by its name in sweep files.
fn dtype(text: &str) -> Result<Dtype, String> {
    serde_json::from_value(text.into())
        .map_err(|_| format!("number formats: {}", ["f32", "tf32", "bf16", "f64"].join(", ")))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=3_600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "from 0.001 to 3600".to_owned())
}

fn progress(device: &Device, load: &Load, rate: &Rate) {
    let (name, dtype) = (&load.network, table::name(load.dtype));
    let (model, rate) = (device.model(), table::rate(rate));
    // With standard error closed nobody follows.
    let _ = writeln!(stderr(), "{model}: {name}, batches of {}, {dtype}: {rate}", load.batch);
}

fn wrong(device: &Device, load: &Load, error: &EngineError) -> String {
    format!("{} cannot train `{}` in batches of {}: {error}", device.model(), load.network, load.batch)
}
