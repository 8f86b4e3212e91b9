//! Points in training time: `160ep`, `500it`, `10ep3it`. The only way to talk about "when" in a training run.

use crate::SpecError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of epochs plus a number of iterations. Comparable only once the iterations per epoch are known
/// ([`Steps::iterations`]), so there is no `Ord` on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Steps {
    /// Whole passes over the training split.
    pub ep: u32,
    /// Further iterations (one optimizer update each).
    pub it: u32,
}

impl Steps {
    /// The start of training.
    pub const ZERO: Self = Self { ep: 0, it: 0 };

    /// `it` iterations.
    pub const fn its(it: u32) -> Self {
        Self { ep: 0, it }
    }

    /// `ep` epochs.
    pub const fn epochs(ep: u32) -> Self {
        Self { ep, it: 0 }
    }

    /// The iteration this point is, counted from the start of training.
    pub fn iterations(self, per_epoch: u64) -> u64 {
        u64::from(self.ep) * per_epoch + u64::from(self.it)
    }

    /// Whether this is the start of training.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl std::fmt::Display for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.ep, self.it) {
            (0, it) => write!(f, "{it}it"),
            (ep, 0) => write!(f, "{ep}ep"),
            (ep, it) => write!(f, "{ep}ep{it}it"),
        }
    }
}

impl std::str::FromStr for Steps {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = || {
            SpecError::new(
                format!("`{text}` is not a number of steps"),
                "write epochs, iterations or both: `160ep`, `500it`, `10ep3it`",
            )
        };
        let number = |digits: &str| -> Result<u32, SpecError> {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(wrong());
            }
            digits.parse().map_err(|_| wrong())
        };
        let (ep, rest) = match text.split_once("ep") {
            Some((ep, rest)) => (number(ep)?, rest),
            None => (0, text),
        };
        let it = match rest.strip_suffix("it") {
            Some(it) => number(it)?,
            None if rest.is_empty() && text.ends_with("ep") => 0,
            None => return Err(wrong()),
        };
        Ok(Self { ep, it })
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_and_print_the_same() {
        for text in ["160ep", "500it", "10ep3it", "0it"] {
            assert_eq!(text.parse::<Steps>().unwrap().to_string(), text);
        }
        assert_eq!("10ep3it".parse::<Steps>().unwrap().iterations(391), 3913);
    }

    #[test]
    fn nonsense_is_refused_with_a_hint() {
        for text in ["", "ep", "it", "5", "-1it", "3it2ep", "1.5ep", "5it5it", "99999999999it", " 5it"] {
            let error = text.parse::<Steps>().unwrap_err();
            assert!(error.what.contains(&format!("`{text}`")) && !error.hint.is_empty(), "{text}");
        }
    }
}
