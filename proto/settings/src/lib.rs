//! What binaries share in front of those who run them: settings in layers, amounts with units, the log, per-user folders.
//!
//! A setting comes from defaults, then a TOML file, then the environment, then flags; every mistake is collected, so that
//! one start shows all of them. Read once; nothing reads the environment later. Knows no setting but the log's.

#![forbid(unsafe_code)]

mod amount;
pub mod folders;
mod log;
mod reader;

pub use amount::{Bytes, Span};
pub use log::{Log, LogFormat};
pub use reader::Reader;

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
