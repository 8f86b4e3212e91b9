//! SQLite's error codes, by the reaction they need.

use crate::store::StoreError;

/// A mistake in the SQL.
pub(super) const ERROR: i32 = 1;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
pub(super) const READONLY: i32 = 8;
pub(super) const INTERRUPT: i32 = 9;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
pub(super) const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
/// A value of another type than is needed: `limit 'x'`.
pub(super) const MISMATCH: i32 = 20;
/// What the authorizer of users' queries forbids.
pub(super) const FORBIDDEN: i32 = 23;
const NOT_A_DATABASE: i32 = 26;

/// The primary code of an error, if SQLite made it.
pub(super) fn code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xFF)
}

/// What went wrong at `place`.
pub(super) fn fault(place: String, error: &sqlx::Error) -> StoreError {
    let why = error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    reaction(place, code(error), why)
}

/// The reaction that a primary code needs.
pub(super) fn reaction(place: String, code: Option<i32>, why: String) -> StoreError {
    match code {
        Some(FULL) => StoreError::Full { place },
        Some(READONLY) => StoreError::ReadOnly { place },
        Some(CONSTRAINT) => StoreError::Conflict { what: why },
        Some(CORRUPT | NOT_A_DATABASE) => StoreError::Corrupt { why },
        Some(BUSY | LOCKED) => {
            StoreError::Unavailable { place, why: format!("another program holds it: {why}") }
        }
        _ => StoreError::Unavailable { place, why },
    }
}
