//! What can go wrong in an agent, by what happens next.

use std::path::PathBuf;
use tombola_spec::Digest;

/// An error of the agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file or folder of this worker cannot be used.
    #[error("cannot use `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another worker lives in this folder.
    #[error("another worker runs in `{0}`; hint: give each worker a folder of its own with --dir")]
    FolderInUse(PathBuf),
    /// The engine of a slot cannot work.
    #[error("slot {slot} cannot work: {message}")]
    Engine {
        /// The slot.
        slot: usize,
        /// What is wrong and what to do.
        message: String,
    },
    /// A setting that means nothing.
    #[error("{what}; hint: {hint}")]
    Setting {
        /// What is wrong.
        what: String,
        /// What to write instead.
        hint: String,
    },
    /// Bytes that are not what their name says.
    #[error("`{place}` does not hold the bytes of artifact {digest}: they hash to {found}")]
    Corrupt {
        /// Where they came from.
        place: String,
        /// The name.
        digest: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The coordinator does not have an artifact, or will not take it.
    #[error("artifact {digest}: {message}")]
    Artifact {
        /// Its name.
        digest: Digest,
        /// What the coordinator said.
        message: String,
    },
    /// The coordinator is away; worth trying again.
    #[error("the coordinator is not reachable: {0}")]
    Away(String),
    /// The spool was written by a newer worker, or is not a spool.
    #[error("`{path}` is not a spool this worker can read: {what}; hint: {hint}")]
    Spool {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
}

/// A result of this crate.
pub type Result<T, E = AgentError> = std::result::Result<T, E>;

impl AgentError {
    /// Makes a [`AgentError::File`] of an I/O error.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
