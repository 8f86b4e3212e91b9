//! Configuration: defaults, then a TOML file, then `TOMBOLA_COORDINATOR_*`, then flags.
//!
//! Every mistake is collected, so that one start shows all of them. Read once; nothing reads the environment later.

mod address;
mod check;
mod database;

pub use address::Listen;
pub use database::Database;
pub use tombola_settings::{Bytes, ConfigError, Log, LogFormat, Span};

use std::{num::NonZeroU32, path::PathBuf, time::Duration};
use tombola_core::schedule;
use tombola_settings::{Reader, folders};

/// Prefix of the environment's variables.
const PREFIX: &str = "TOMBOLA_COORDINATOR_";

/// Everything that can be set. `deploy/coordinator.toml` explains each setting with its default.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address to serve on; port 0 = any free one.
    pub listen: Listen,
    /// Let other machines in without TLS and tokens.
    pub insecure: bool,
    /// Ask for tokens where only this machine connects, too.
    pub tokens: bool,
    /// Certificates.
    pub tls: Tls,
    /// Folder of everything the coordinator keeps.
    pub state: PathBuf,
    /// Where records live.
    pub database: Database,
    /// Where masks, weights and checkpoints live.
    pub artifacts: PathBuf,
    /// Bounds on what peers may ask and send.
    pub limits: Limits,
    /// Uploads that no record names.
    pub uploads: Uploads,
    /// Terms with workers.
    pub workers: Workers,
    /// The log.
    pub log: Log,
}

/// Certificates. Without any, and where other machines connect, the coordinator makes its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Its certificate and those it is signed by, PEM.
    pub cert: Option<PathBuf>,
    /// The certificate's key, PEM.
    pub key: Option<PathBuf>,
    /// Clients and workers need a certificate that one of these signed.
    pub client_ca: Option<PathBuf>,
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
    /// Most that workers may have said, all together, and that is not committed.
    pub backlog: Bytes,
    /// Largest artifact.
    pub artifact: Bytes,
    /// Most calls of one connection at once.
    pub streams: NonZeroU32,
    /// Most people who watch at once.
    pub watches: NonZeroU32,
}

/// Uploads that no record names (yet).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploads {
    /// How long one waits for the record that names it: the longest time a worker may be cut off and still deliver.
    pub kept: Span,
    /// What uploads leave free of the artifacts' disk.
    pub free: Bytes,
    /// Most of one holder of a token.
    pub unnamed: Bytes,
    /// How often those that nothing names or waits for are removed.
    pub collect: Span,
    /// How long outputs that no sweep keeps stay after their job was done.
    pub unkept: Span,
}

/// Terms with workers, and what becomes of jobs that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// How often a worker says that it lives.
    pub heartbeat: Span,
    /// How long a lease lasts without a heartbeat.
    pub term: Span,
    /// How long what a worker says it runs may stand still.
    pub stuck_after: Span,
    /// Most training stages of one lease (train, prune, train, …); 1 = no chains beyond a mask and its training.
    pub chain: NonZeroU32,
    /// Tries a job has before it has failed.
    pub tries: NonZeroU32,
    /// Abrupt worker losses a job may be present at before it is quarantined.
    pub losses: NonZeroU32,
    /// First pause after a failure of the surroundings (a full disk); it doubles each time.
    pub pause: Span,
    /// Longest such pause.
    pub longest_pause: Span,
}

impl Workers {
    /// The same in the scheduler's words.
    pub fn schedule(&self) -> schedule::Config {
        schedule::Config {
            heartbeat: self.heartbeat.0,
            term: self.term.0,
            stuck_after: self.stuck_after.0,
            chain_train_stages: self.chain.get(),
            max_losses: self.losses.get(),
            max_tries: self.tries.get(),
            backoff: self.pause.0,
            backoff_max: self.longest_pause.0,
            ..schedule::Config::default()
        }
    }
}

/// Settings given on the command line; they win over all others.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub struct Flags {
    /// Configuration file (TOML); deploy/coordinator.toml shows every setting
    #[arg(long, global = true, value_name = "FILE", env = "TOMBOLA_COORDINATOR_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address to serve on, such as 127.0.0.1:7654; port 0 = any free one. On one that other machines reach it speaks TLS and
    /// asks for tokens (`tombola token create`)
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Let other machines in without TLS and tokens: whoever reaches the port may do everything
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Folder of everything the coordinator keeps [default: $STATE_DIRECTORY, else ~/.local/state/tombola]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// `sqlite`, or the URL of a Postgres database (better given as TOMBOLA_COORDINATOR_DATABASE: others see flags)
    #[arg(long, global = true, value_name = "DATABASE")]
    pub database: Option<String>,
    /// Folder of masks, weights and checkpoints [default: `artifacts` in the state folder]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub artifacts: Option<PathBuf>,
    /// Form of log lines
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl Flags {
    /// What was typed, by the setting it sets.
    fn typed(&self) -> [(&'static str, Option<serde_json::Value>); 6] {
        // Every field is named, so that a new flag cannot be forgotten.
        let Self { config: _, listen, insecure, state, database, artifacts, log_format } = self;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into());
        [
            ("listen", listen.clone().map(Into::into)),
            ("insecure", insecure.then_some(true.into())),
            ("state", path(state)),
            ("database", database.clone().map(Into::into)),
            ("artifacts", path(artifacts)),
            ("log", log_format.map(LogFormat::typed)),
        ]
    }
}

impl Config {
    /// Reads all layers and checks them together.
    ///
    /// # Errors
    /// All mistakes of all layers at once.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(flags.config.as_deref(), PREFIX, flags.typed());
        let config = Self::read(&mut reader);
        check::contradictions(&config).into_iter().for_each(|mistake| reader.mistake(mistake));
        reader.finish().map(|()| config)
    }

    fn read(reader: &mut Reader) -> Self {
        let state = reader.get("state", folders::service_state("tombola"));
        let minutes = |n: u64| Span(Duration::from_secs(60 * n));
        Self {
            listen: reader.get("listen", Listen::default()),
            insecure: reader.get("insecure", false),
            tokens: reader.get("tokens", false),
            tls: Tls {
                cert: reader.get("tls.cert", None),
                key: reader.get("tls.key", None),
                client_ca: reader.get("tls.client_ca", None),
            },
            database: reader.get("database", Database::Sqlite),
            artifacts: reader.get("artifacts", state.join("artifacts")),
            state,
            limits: Limits {
                query_rows: reader.get("limits.query_rows", NonZeroU32::MIN.saturating_add(99_999)),
                query_bytes: reader.get("limits.query_bytes", Bytes(12 << 20)),
                query_time: reader.get("limits.query_time", minutes(1)),
                message: reader.get("limits.message", Bytes(tombola_wire::MAX_MESSAGE as u64)),
                backlog: reader.get("limits.backlog", Bytes(16 << 20)),
                artifact: reader.get("limits.artifact", Bytes(16 << 30)),
                streams: reader.get("limits.streams", NonZeroU32::MIN.saturating_add(255)),
                watches: reader.get("limits.watches", NonZeroU32::MIN.saturating_add(999)),
            },
            uploads: Uploads {
                kept: reader.get("uploads.kept", minutes(72 * 60)),
                free: reader.get("uploads.free", Bytes(1 << 30)),
                unnamed: reader.get("uploads.unnamed", Bytes(64 << 30)),
                collect: reader.get("uploads.collect", minutes(60)),
                unkept: reader.get("uploads.unkept", minutes(60)),
            },
            workers: Self::read_workers(reader),
            log: Log::read(reader),
        }
    }

    fn read_workers(reader: &mut Reader) -> Workers {
        let usual = schedule::Config::default();
        // The scheduler's defaults are above zero, as these settings have to be.
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Workers {
            heartbeat: reader.get("workers.heartbeat", Span(usual.heartbeat)),
            term: reader.get("workers.term", Span(usual.term)),
            stuck_after: reader.get("workers.stuck_after", Span(usual.stuck_after)),
            chain: reader.get("workers.chain", count(usual.chain_train_stages)),
            tries: reader.get("workers.tries", count(usual.max_tries)),
            losses: reader.get("workers.losses", count(usual.max_losses)),
            pause: reader.get("workers.pause", Span(usual.backoff)),
            longest_pause: reader.get("workers.longest_pause", Span(usual.backoff_max)),
        }
    }

    /// Whether it speaks TLS: always to other machines, unless it was told not to care.
    pub fn speaks_tls(&self) -> bool {
        !self.insecure && (!self.listen.is_local() || self.tls != Tls::default())
    }

    /// Whether it asks for tokens. Decided by where it listens, never by who connects: behind a proxy everybody comes from
    /// this machine.
    pub fn is_guarded(&self) -> bool {
        self.tokens || self.speaks_tls()
    }

    /// The file that makes whoever can read it the operator.
    pub fn operator_file(&self) -> PathBuf {
        self.state.join("operator.token")
    }

    /// The file that tells local clients where this coordinator listens.
    pub fn address_file(&self) -> PathBuf {
        self.state.join("address")
    }
}
