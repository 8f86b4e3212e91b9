//! Postgres's error codes, by the reaction they need.

use crate::store::StoreError;

const DISK_FULL: &str = "53100";
const READ_ONLY: &str = "25006";
pub(super) const CANCELED: &str = "57014";
pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Classes: a value that cannot be, a violated constraint.
const DATA: &str = "22";
const CONSTRAINT: &str = "23";

/// The error's code, if the server made it.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

/// What went wrong at `place`.
pub(super) fn fault(place: String, error: &sqlx::Error) -> StoreError {
    let why = error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    match code(error).as_deref() {
        Some(DISK_FULL) => StoreError::Full { place },
        Some(READ_ONLY) => StoreError::ReadOnly { place },
        Some(code) if code.starts_with(CONSTRAINT) || code.starts_with(DATA) => {
            StoreError::Conflict { what: why }
        }
        _ => StoreError::Unavailable { place, why },
    }
}
