//! What a backup says of itself.

use crate::store::archive::Head;
use serde::{Deserialize, Serialize};
use tombola_spec::Digest;

/// Version of the form of backups.
pub(super) const FORMAT: u32 = 1;

/// `backup.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of this form.
    pub(super) format: u32,
    /// The release that wrote it.
    pub(super) tombola: String,
    /// When it was taken, ISO-8601 UTC.
    pub(super) taken: String,
    /// Identity of the state.
    pub(super) state: String,
    /// Version of its schema.
    pub(super) schema: i64,
    /// Folder of the rows.
    pub(super) rows: String,
    /// Tables, each after those it refers to.
    pub(super) tables: Vec<Table>,
    /// The list of artifacts that rows name.
    pub(super) artifacts: Lines,
}

/// A table, and the file of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(flatten)]
    pub(super) rows: Lines,
}

/// A file of JSON lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lines {
    /// How many lines it has.
    pub(super) count: u64,
    /// BLAKE3 digest of its bytes.
    pub(super) digest: Digest,
}

impl Manifest {
    pub(super) fn row_count(&self) -> u64 {
        self.tables.iter().map(|table| table.rows.count).sum()
    }
}
