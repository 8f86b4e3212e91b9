//! PyTorch's training loop, in a process of its own that takes turns with a benchmark.

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use tombola_engine::calibration::Load;
use tombola_spec::arch::Architecture;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Names the Python that has torch.
const PYTHON: &str = "TOMBOLA_TEST_TORCH";
/// Names the loop, where this benchmark does not run in the repository that it was built in.
const SCRIPT: &str = "TOMBOLA_BENCH_TORCH_STEP";

/// The process.
pub(crate) struct Peer {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What it says it is.
    pub(crate) versions: String,
}

impl Peer {
    /// Starts it.
    pub(crate) fn start() -> Outcome<Self> {
        let hint = "a Python that has torch; `cargo xtask bench` does, and `bench gpu -- --without-torch` does without";
        let python = env::var_os(PYTHON).ok_or_else(|| format!("{PYTHON} must name {hint}"))?;
        let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/bench/torch_step.py");
        let script = env::var_os(SCRIPT).map_or_else(ours, PathBuf::from);
        let mut command = Command::new(python);
        let mut process = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(asks), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("PyTorch's process has no pipes".into());
        };
        let mut peer = Self { process, asks, answers: BufReader::new(answers), versions: String::new() };
        peer.versions = peer.answer()?;
        Ok(peer)
    }

    fn answer(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err("PyTorch's process ended; what it said is above".into()),
            _ => Ok(line.trim().to_owned()),
        }
    }

    /// Lets it make so many updates; seconds of the clock and of the processor.
    pub(crate) fn turn(
        &mut self,
        load: &Load,
        layout: &str,
        device: &str,
        updates: u32,
    ) -> Outcome<[f64; 2]> {
        let Load { network, image, classes, batch, dtype } = load;
        let name = serde_json::to_value(dtype)?;
        let dtype = name.as_str().unwrap_or_default();
        writeln!(self.asks, "{network} {layout} {batch} {updates} {device} {dtype}")?;
        let answer = self.answer()?;
        let numbers = answer.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [parameters, wall, processor] = numbers[..] else {
            return Err(format!("PyTorch's process answered `{answer}`").into());
        };
        let ours = Architecture::parse(network, *image, *classes)?.parameter_count();
        if parameters != ours as f64 {
            return Err(format!("{network} has {ours} parameters here and {parameters} there").into());
        }
        Ok([wall, processor])
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Outcome<()> {
        let Self { mut process, asks, .. } = self;
        drop(asks);
        process.wait()?;
        Ok(())
    }
}
