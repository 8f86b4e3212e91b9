//! What can go wrong in an agent, by what happens next.

use crate::config::SlotSpec;
use std::{
    io,
    path::{Path, PathBuf},
};
use tombola_spec::{
    Digest,
    outcome::{Failure, FailureClass},
};

/// An error of the agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file or folder of this worker cannot be used.
    #[error("{}", file_message(path, source))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another worker lives in this folder.
    #[error("another worker runs in `{0}`; hint: give each worker a folder of its own with --dir")]
    FolderInUse(PathBuf),
    /// The engine of a slot cannot work.
    #[error("slot {slot} ({spec}) cannot work: {message}")]
    Engine {
        /// The slot's number, from 0.
        slot: usize,
        /// The slot, as written in the configuration.
        spec: SlotSpec,
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
    /// The coordinator does not have an artifact, or the bytes sent did not match it.
    #[error("artifact {digest}: {message}")]
    Artifact {
        /// Its name.
        digest: Digest,
        /// What the coordinator said.
        message: String,
    },
    /// The coordinator will never take an artifact as it is, such as one larger than its limit.
    #[error("the coordinator does not take artifact {digest}: {message}")]
    Refused {
        /// Its name.
        digest: Digest,
        /// Why, and what the operator has to change.
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
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// What is reported of a job that this keeps from running: mostly not the job's fault, and worth another try. What
    /// was refused would be refused again, after all the work: somebody has to change a setting first.
    pub(crate) fn failure(&self) -> Failure {
        let class = match self {
            Self::Refused { .. } => FailureClass::User,
            _ => FailureClass::Infrastructure,
        };
        Failure { class, message: self.to_string() }
    }
}

fn file_message(path: &Path, source: &io::Error) -> String {
    let path = path.display();
    let hint = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            return format!("disk full: cannot write `{path}`; hint: free space and the worker goes on");
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; hint: let the worker's user write there, or name another folder with --dir"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "; hint: name a folder of the worker's own with --dir"
        }
        _ => "",
    };
    format!("cannot use `{path}`: {source}{hint}")
}
