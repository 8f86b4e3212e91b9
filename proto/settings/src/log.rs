//! The log: structured events on standard error, named `room.what: sentence`. One error is logged once, where it ends.

use crate::Reader;
use clap::ValueEnum;
use serde::Deserialize;
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// The log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Form of its lines.
    pub format: LogFormat,
    /// Which events, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// The flag `--log-format` as a layer of settings.
    pub fn typed(self) -> serde_json::Value {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        serde_json::json!({ "format": name })
    }
}

impl Log {
    /// Reads `log.format` and `log.filter`.
    pub fn read(reader: &mut Reader) -> Self {
        let format = reader.get("log.format", LogFormat::Auto);
        let filter = reader.get("log.filter", "info".to_owned());
        if let Err(error) = EnvFilter::try_new(&filter) {
            reader.mistake(format!(
                "`log.filter` cannot be used: {error}\nhint: write it like `info`, or `info,h2=warn` for one library"
            ));
        }
        Self { format, filter }
    }

    /// Starts the log of this process. Later calls change nothing (tests start several coordinators in one process).
    pub fn start(&self) {
        let filter = EnvFilter::try_new(&self.filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let json = match self.format {
            LogFormat::Auto => !stderr().is_terminal(),
            LogFormat::Text => false,
            LogFormat::Json => true,
        };
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
        // Colours are for eyes, not for files.
        let log = log.with_ansi(stderr().is_terminal());
        // An error here means that a log is running already.
        let _ = if json { log.json().try_init() } else { log.try_init() };
    }
}
