//! A message that does not mean anything.

/// A field of a received message that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {reason}")]
pub struct ConversionError {
    /// Path of the field.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl ConversionError {
    /// An error about `field`.
    pub fn new(field: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { field, reason: reason.to_string() }
    }
}
