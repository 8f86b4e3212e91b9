//! What can go wrong while the coordinator serves: variants by the reaction a caller should have.

use crate::store::StoreError;
use tombola_spec::SpecError;
use tombola_wire::ConversionError;

/// An answer that is not the one asked for. [`crate::rpc::status`] turns it into a gRPC status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request means nothing; sending it again is useless.
    #[error("{0}")]
    Invalid(String),
    /// What the request names is not there.
    #[error("{0}")]
    NotFound(String),
    /// What the request makes is there already, and is something else.
    #[error("{0}")]
    Exists(String),
    /// Not in this state; the message says what has to happen first.
    #[error("{0}")]
    Precondition(String),
    /// No room, on the disk or within a limit: the same request may succeed once there is some.
    #[error("{0}")]
    Exhausted(String),
    /// Not now: the same request may succeed in a moment.
    #[error("{0}")]
    Unavailable(String),
    /// Bytes are not what their name says.
    #[error("{0}")]
    Corrupt(String),
    /// A fault of the coordinator or of what it stands on; details are in its log.
    #[error("{0}")]
    Internal(String),
}

impl From<ConversionError> for Error {
    fn from(error: ConversionError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<SpecError> for Error {
    fn from(error: SpecError) -> Self {
        if error.hint.is_empty() {
            return Self::Invalid(error.what);
        }
        Self::Invalid(format!("{}\nhint: {}", error.what, error.hint))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let words = error.to_string();
        match error {
            StoreError::Query { .. } => Self::Invalid(words),
            StoreError::Full { .. } => Self::Exhausted(words),
            // Another leader is or comes; a commit whose condition failed is decided anew after the fold.
            StoreError::Held { .. }
            | StoreError::Fenced { .. }
            | StoreError::Conflict { .. }
            | StoreError::Unavailable { .. } => Self::Unavailable(words),
            StoreError::ReadOnly { .. }
            | StoreError::Network { .. }
            | StoreError::Newer { .. }
            | StoreError::Occupied { .. }
            | StoreError::Archive { .. }
            | StoreError::Corrupt { .. } => Self::Internal(words),
        }
    }
}
