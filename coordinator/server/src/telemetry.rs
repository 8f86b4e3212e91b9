//! The log: structured events on standard error, named `room.what: sentence`. One error is logged once, where it ends.

use crate::config::{Log, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Starts the log of this process. Later calls change nothing (tests start several coordinators in one process).
pub fn init(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let json = match log.format {
        LogFormat::Auto => !stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // An error here means that a log is running already.
    let _ = if json { log.json().try_init() } else { log.try_init() };
}
