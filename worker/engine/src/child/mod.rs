//! The engine child of a slot: speaks `spec::slot` over a pair of pipes and runs stages.
//!
//! Three threads: one reads requests, one reports progress, the caller's runs stages, so that training blocks neither
//! of the others. Nothing but events is written to the output.

mod desk;

use crate::{
    calibration::Calibration,
    data,
    device::{Device, LIBTORCH},
    error::Result,
    train::{CheckpointRule, Engine, Link},
};
use desk::Desk;
use std::{
    io::{BufRead, Write},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};
use tombola_spec::{
    slot::{Event, Request, Stage},
    worker::{BestWidth, DeviceKind},
};

/// How often progress is told; the agent expects it every second.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// What an engine child is told when it is started.
#[derive(Debug, Clone)]
pub struct ChildOptions {
    /// Kind of the slot's device.
    pub device: DeviceKind,
    /// Index among its kind.
    pub index: u32,
    /// Folder of the data sets, one folder each.
    pub data_folder: PathBuf,
    /// Folder for files that can be made again, and of what was measured of the device.
    pub cache_folder: PathBuf,
    /// Intra-op threads of a lane; 1 unless the slot has the whole machine.
    pub threads: u32,
    /// Least time between checkpoints; they are also kept at least 20 times their own cost apart.
    pub checkpoint_every: Duration,
    /// Checkpoint instead whenever a job's iteration is a multiple of this.
    pub checkpoint_every_iterations: Option<u64>,
}

impl ChildOptions {
    /// The usual options of a slot.
    pub fn new(device: DeviceKind, index: u32, data_folder: PathBuf, cache_folder: PathBuf) -> Self {
        let checkpoints = CheckpointRule::default();
        Self {
            device,
            index,
            data_folder,
            cache_folder,
            threads: 1,
            checkpoint_every: checkpoints.every,
            checkpoint_every_iterations: checkpoints.every_iterations,
        }
    }
}

/// Runs an engine child until its input ends. On a GPU this must be the process's first use of
/// libtorch.
///
/// # Errors
/// When the device cannot be used (told as [`Event::Unable`] before), when a request cannot be read, when the other
/// end is gone, or when a fault of the device leaves this process unusable. The thread that reads may then still wait
/// for input; it ends with the process.
pub fn run_child(
    options: ChildOptions,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<()> {
    let desk = Arc::new(Desk::new(output));
    let device = Device::open(options.device, options.index).inspect_err(|error| {
        desk.emit(Event::Unable { message: error.to_string() });
    })?;
    // What cannot be read is told and not gone by: it decides about speed alone.
    let (calibration, told) = match Calibration::load(&options.cache_folder) {
        Ok(calibration) => (calibration.clone(), calibration.told(&device)),
        Err(wrong) => (Calibration::default(), wrong),
    };
    desk.emit(ready(&options, &device, calibration.widths(&device), told));
    let checkpoints = CheckpointRule {
        every: options.checkpoint_every,
        every_iterations: options.checkpoint_every_iterations,
    };
    let mut engine = Engine::new(device, options.data_folder, options.threads, checkpoints);
    engine.go_by(calibration);
    let (stages, work) = channel();
    let (reader, ticker) = (Arc::clone(&desk), Arc::clone(&desk));
    thread::spawn(move || read(input, &reader, &stages));
    thread::spawn(move || ticker.report_progress(PROGRESS_EVERY));
    let ran = run_stages(&mut engine, &work, &desk);
    desk.close();
    ran
}

fn ready(options: &ChildOptions, device: &Device, widths: Vec<BestWidth>, calibration: String) -> Event {
    let (data, unusable) =
        data::inventory(&options.data_folder, &options.cache_folder.join("data-sets.json"));
    Event::Ready {
        device: device.kind,
        name: device.name.clone(),
        memory: device.memory,
        libtorch: LIBTORCH.to_owned(),
        data,
        unusable,
        widths,
        calibration,
    }
}

/// Reads requests until there are no more. Cancellations and yields reach the running stage at once.
fn read(input: impl BufRead, desk: &Desk<impl Write>, stages: &Sender<Stage>) {
    for line in input.lines() {
        let request = line.and_then(|line| Ok(serde_json::from_str(&line)?));
        match request {
            Ok(Request::Run(stage)) => {
                desk.expect_stage();
                if stages.send(stage).is_err() {
                    return;
                }
            }
            Ok(Request::Cancel { job }) => desk.cancel(job),
            Ok(Request::Yield) => desk.ask_to_yield(),
            Err(error) => return desk.leave(Some(error)),
        }
    }
    // The agent is gone: nobody wants the running stage any more.
    desk.leave(None);
}

fn run_stages<W: Write + Send>(engine: &mut Engine, work: &Receiver<Stage>, desk: &Desk<W>) -> Result<()> {
    for stage in work {
        engine.run(&stage, desk);
        desk.end_stage();
        desk.emit(Event::StageDone);
        engine.check()?;
        desk.check()?;
    }
    desk.check()
}
