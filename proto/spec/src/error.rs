//! The one error of this crate: a word that does not parse or does not fit.

/// A value that is not what the vocabulary allows. `Display` says what is wrong; `hint` what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SpecError {
    /// What is wrong, with the value in backticks.
    pub what: String,
    /// What to do about it; empty where the message already says so.
    pub hint: String,
}

impl SpecError {
    /// An error with a hint.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}
