//! Measured numbers in JSON: finite ones as numbers, the others as the words `NaN`, `inf` and `-inf`.
//!
//! JSON has no word for them, and serde_json writes `null`, which it cannot read back: one diverged loss would make a
//! whole message unreadable. For use as `#[serde(with = "float")]` on an `f64`, and `float::list` on a `Vec<f64>`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Word(String),
}

impl From<f64> for Written {
    fn from(value: f64) -> Self {
        if value.is_finite() { Self::Number(value) } else { Self::Word(value.to_string()) }
    }
}

impl Written {
    fn read<E: de::Error>(self) -> Result<f64, E> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Word(word) => match word.as_str() {
                "NaN" => Ok(f64::NAN),
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                _ => {
                    Err(E::custom(format_args!("`{word}` is no number; write it plainly, or NaN, inf, -inf")))
                }
            },
        }
    }
}

/// Writes one number.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Written::from(*value).serialize(serializer)
}

/// Reads one number.
///
/// # Errors
/// When it is neither a number nor one of the three words.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Written::deserialize(deserializer)?.read()
}

/// The same for lists.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, Serializer, Written};

    /// Writes a list of numbers.
    ///
    /// # Errors
    /// Those of the serializer.
    pub(crate) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|&value| Written::from(value)))
    }

    /// Reads a list of numbers.
    ///
    /// # Errors
    /// When one is neither a number nor one of the three words.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Vec::<Written>::deserialize(deserializer)?.into_iter().map(Written::read).collect()
    }
}
