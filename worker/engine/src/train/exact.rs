//! Floats in JSON, bit for bit: serde_json may read a decimal number one bit off, and has no NaN.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes the bits.
pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(value.to_bits())
}

/// Reads the bits.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(f64::from_bits(u64::deserialize(deserializer)?))
}
