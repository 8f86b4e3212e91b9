//! Configuration: defaults, then a TOML file, then `TOMBOLA_COORDINATOR_*`, then flags.
//!
//! Every mistake is collected, so that one start shows all of them. Read once; nothing reads the environment later.

mod address;
mod amount;
mod database;
mod reader;

pub use address::Listen;
pub use amount::{Bytes, Span};
pub use database::Database;

use reader::Reader;
use serde::Deserialize;
use std::{
    fmt::Write as _,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

/// Everything that can be set. `deploy/coordinator.toml` explains each setting with its default.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address to serve on; port 0 = any free one.
    pub listen: Listen,
    /// Accept an address that other machines reach, without TLS and tokens.
    pub insecure: bool,
    /// Folder of everything the coordinator keeps.
    pub state: PathBuf,
    /// Where records live.
    pub database: Database,
    /// Where masks, weights and checkpoints live.
    pub artifacts: PathBuf,
    /// Bounds on what peers may ask and send.
    pub limits: Limits,
    /// Terms with workers.
    pub workers: Workers,
    /// The log.
    pub log: Log,
}

/// Bounds on what peers may ask and send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most rows of one SQL answer.
    pub query_rows: NonZeroU32,
    /// Most bytes of one SQL answer.
    pub query_bytes: Bytes,
    /// Longest run time of one SQL statement.
    pub query_time: Span,
    /// Largest message of any other kind.
    pub message: Bytes,
    /// Largest artifact.
    pub artifact: Bytes,
}

/// Terms with workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// How often a worker says that it lives.
    pub heartbeat: Span,
    /// How long a lease lasts without a heartbeat.
    pub term: Span,
}

/// The log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Form of its lines.
    pub format: LogFormat,
    /// Which events, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings given on the command line; they win over all others.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub struct Flags {
    /// Configuration file (TOML); deploy/coordinator.toml shows every setting
    #[arg(long, value_name = "FILE", env = "TOMBOLA_COORDINATOR_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address to serve on, such as 127.0.0.1:7654; port 0 = any free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Accept an address other machines reach, without TLS and tokens
    #[arg(long)]
    pub insecure: bool,
    /// Folder of everything the coordinator keeps
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// `sqlite`, or the URL of a Postgres database (better given as TOMBOLA_COORDINATOR_DATABASE: others see flags)
    #[arg(long, value_name = "DATABASE")]
    pub database: Option<String>,
    /// Folder of masks, weights and checkpoints
    #[arg(long, value_name = "FOLDER")]
    pub artifacts: Option<PathBuf>,
    /// Form of log lines
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Every mistake of a configuration, one per paragraph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The mistakes.
    pub mistakes: Vec<String>,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the configuration cannot be used")?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n\n* {}", mistake.replace('\n', "\n  ")))
    }
}

impl Config {
    /// Reads all layers and checks them together.
    ///
    /// # Errors
    /// All mistakes of all layers at once.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(flags);
        let config = Self::read(&mut reader);
        let mut mistakes = reader.finish();
        mistakes.extend(config.contradictions());
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError { mistakes }) }
    }

    fn read(reader: &mut Reader) -> Self {
        let state = reader.get("state", default_state());
        let minute = |n| Span(Duration::from_secs(60 * n));
        Self {
            listen: reader.get("listen", Listen::default()),
            insecure: reader.get("insecure", false),
            database: reader.get("database", Database::Sqlite),
            artifacts: reader.get("artifacts", state.join("artifacts")),
            state,
            limits: Limits {
                query_rows: reader.get("limits.query_rows", NonZeroU32::MIN.saturating_add(99_999)),
                query_bytes: reader.get("limits.query_bytes", Bytes(12 << 20)),
                query_time: reader.get("limits.query_time", minute(1)),
                message: reader.get("limits.message", Bytes(tombola_wire::MAX_MESSAGE as u64)),
                artifact: reader.get("limits.artifact", Bytes(16 << 30)),
            },
            workers: Workers {
                heartbeat: reader.get("workers.heartbeat", Span(Duration::from_secs(2))),
                term: reader.get("workers.term", Span(Duration::from_secs(30))),
            },
            log: Log {
                format: reader.get("log.format", LogFormat::Auto),
                filter: reader.get("log.filter", "info".to_owned()),
            },
        }
    }

    /// What is wrong with settings that are right by themselves.
    fn contradictions(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !self.listen.is_local() && !self.insecure {
            mistakes.push(open_address(&self.listen));
        }
        let (heartbeat, term) = (self.workers.heartbeat, self.workers.term);
        if term.0 < heartbeat.0 * 3 {
            mistakes.push(format!(
                "`workers.term` is {term}, less than three heartbeats of {heartbeat}: one lost packet would cost \
                 a lease\nhint: raise `workers.term` to at least {}",
                Span(heartbeat.0 * 3)
            ));
        }
        if self.limits.query_bytes > self.limits.message {
            mistakes.push(format!(
                "`limits.query_bytes` ({}) is more than a message may hold (`limits.message`, {})",
                self.limits.query_bytes, self.limits.message
            ));
        }
        if self.limits.message.0 > tombola_wire::MAX_MESSAGE as u64 {
            mistakes.push(format!(
                "`limits.message` is {}, but workers and clients accept at most {}",
                self.limits.message,
                Bytes(tombola_wire::MAX_MESSAGE as u64)
            ));
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            let mut mistake = format!("`log.filter` cannot be used: {error}");
            let _ = write!(mistake, "\nhint: write it like `info` or `info,tombola_server=debug`");
            mistakes.push(mistake);
        }
        mistakes
    }

    /// The file that tells local clients where this coordinator listens.
    pub fn address_file(&self) -> PathBuf {
        self.state.join("address")
    }
}

fn open_address(listen: &Listen) -> String {
    format!(
        "`listen` is {listen}, which other machines can reach, and this version has neither TLS nor tokens (a later \
         one will)\nhint: listen on 127.0.0.1 and reach it through an SSH tunnel, or set `insecure = true` \
         (`--insecure`) if everyone on that network may run anything here"
    )
}

/// `$STATE_DIRECTORY` under systemd, else `tombola` in the user's state folder.
fn default_state() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("STATE_DIRECTORY")
        .or_else(|| Some(folder("XDG_STATE_HOME")?.join("tombola")))
        .or_else(|| Some(folder("HOME")?.join(".local/state/tombola")))
        .unwrap_or_else(|| Path::new("tombola-state").to_owned())
}
