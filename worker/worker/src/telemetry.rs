//! The log: structured events on standard error, named `room.what: sentence`. One error is logged once, where it ends.

use serde::Deserialize;
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// The log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Form of its lines.
    pub(crate) format: LogFormat,
    /// Which events, in the syntax of `tracing_subscriber::EnvFilter`.
    pub(crate) filter: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts the log of this process.
pub(crate) fn init(log: &Log) {
    // The filter has been read once by the configuration.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let json = match log.format {
        LogFormat::Auto => !stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if json { log.json().init() } else { log.init() }
}
