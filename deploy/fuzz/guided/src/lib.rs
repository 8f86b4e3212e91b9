//! What comes from outside, each kind with the code that meets it first: bytes in, a panic if a law does not hold. Made for a
//! fuzzer that sees which code an input reaches, and keeps what reaches more.
//!
//! ```text
//! cargo xtask fuzz --guided sweep_file --minutes 10       # libFuzzer, from what was found before
//! cargo run -p tombola-guided -- sweep_file FILE          # one input again, as any program is run
//! ```
//!
//! A target is one file here and a line in [`TARGETS`]. Counts, lengths and digests that nobody guesses are set right by the target, so
//! that what lies behind them is reached.

#![forbid(unsafe_code)]

mod agent_session;
mod backup;
mod bytes;
#[cfg(feature = "engine")]
mod engine;
mod engine_lines;
#[path = "../../../../proto/spec/tests/spec/examples.rs"]
mod examples;
mod messages;
mod postgres_words;
#[path = "../../../../coordinator/core/tests/schedule/rig/mod.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "a panic is how a test fails; other tests use more of it")]
mod rig;
mod samples;
mod settings;
mod spool;
mod sqlite_query;
mod state;
mod sweep_file;
mod upload;
mod words;
mod worker_session;

use samples::repository;
use std::{fs, io, path::Path};
use tempfile::TempDir;

/// A kind of input.
#[derive(Debug)]
pub struct Target {
    /// Its name on the command line and in `target/fuzz`.
    pub name: &'static str,
    /// Gives bytes to the code under test. Panics if a law does not hold.
    pub run: fn(&[u8]),
    /// Good inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something in such an input.
    pub words: &'static [&'static str],
    /// Longest input worth trying, bytes.
    pub longest: usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    sweep_file::TARGET,
    words::TARGET,
    messages::TARGET,
    worker_session::TARGET,
    agent_session::TARGET,
    upload::TARGET,
    sqlite_query::TARGET,
    postgres_words::TARGET,
    spool::TARGET,
    engine_lines::TARGET,
    backup::TARGET,
    settings::TARGET,
    #[cfg(feature = "engine")]
    engine::data_set::TARGET,
    #[cfg(feature = "engine")]
    engine::tensors::TARGET,
];

/// More than any target takes; a count that is believed is a thousand times that.
const MEMORY: u64 = 8 << 30;

/// The target of this name. From here on this process gets no memory without bound.
///
/// # Errors
/// The names there are.
pub fn target(name: &str) -> Result<&'static Target, String> {
    let target = TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        format!("there is no target `{name}`\nhint: the targets are {}", names.join(", "))
    })?;
    tombola_fuzz::bound_memory(MEMORY);
    Ok(target)
}

impl Target {
    /// Lays out what a fuzzer begins with: the seeds in `corpus`, the words as libFuzzer reads them in `dictionary`, and the options
    /// of this target in `options`, one a line.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn lay_out(&self, folder: &Path) -> io::Result<()> {
        let corpus = folder.join("corpus");
        fs::create_dir_all(&corpus)?;
        for (number, seed) in (self.seeds)().into_iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
        let quoted = |word: &&str| format!("\"{}\"\n", word.bytes().map(escaped).collect::<String>());
        let dictionary: String = self.words.iter().map(quoted).collect();
        // One without a line is none to libFuzzer.
        fs::write(folder.join("dictionary"), format!("# {}\n{dictionary}", self.name))?;
        fs::write(folder.join("options"), format!("-max_len={}\n", self.longest))
    }
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("\\x{byte:02x}") }
}

/// A folder for what is tried; where `TMPDIR` says.
fn scratch() -> TempDir {
    tempfile::tempdir().expect("a place for temporary files")
}
