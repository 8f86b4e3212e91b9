//! Which weights of a sweep outlive their use. Masks, metrics and results always do.

use serde::{Deserialize, Serialize};

/// What stays of a sweep's trainings once no job reads it any more. What is dropped is made again by whoever asks for it: the
/// same job, under another identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Everything.
    #[default]
    All,
    /// What the training of each round ended in, and the smaller networks made of it.
    Ends,
    /// What the training of each round starts from: tickets.
    Rewinds,
    /// Nothing but masks.
    None,
}

impl Keep {
    /// Every class with its name in sweep files and in SQL, from the most that stays to the least.
    pub const WORDS: &[(&str, Self)] =
        &[("all", Self::All), ("ends", Self::Ends), ("rewinds", Self::Rewinds), ("none", Self::None)];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ends => "ends",
            Self::Rewinds => "rewinds",
            Self::None => "none",
        }
    }
}
