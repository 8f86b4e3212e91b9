//! Amounts with units: `500ms`, `30s`, `16MiB`. A bare number is refused: nobody knows what it counts.

use serde::{Deserialize, Deserializer};
use std::{fmt, str::FromStr, time::Duration};

/// A length of time, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Milliseconds of each unit, largest first.
const TIMES: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("ms", 1), ("s", 1_000)];
/// Bytes of each unit.
const SIZES: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

fn parse(text: &str, units: &[(&str, u64)], example: &str) -> Result<u64, String> {
    let wrong =
        || format!("`{text}` has to be a whole number above 0 with a unit\nhint: write it like {example}");
    let (digits, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor))).ok_or_else(wrong)?;
    let number: u64 = digits.trim_end().parse().map_err(|_| wrong())?;
    number.checked_mul(*factor).filter(|product| *product > 0).ok_or_else(wrong)
}

/// The largest unit that leaves a whole number.
fn print(amount: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fits = units.iter().filter(|(_, factor)| amount.is_multiple_of(*factor)).max_by_key(|unit| unit.1);
    match fits {
        Some((unit, factor)) => write!(f, "{}{unit}", amount / factor),
        None => write!(f, "{amount}"),
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, TIMES, "`500ms`, `30s` or `5min`").map(|ms| Self(Duration::from_millis(ms)))
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, SIZES, "`64KiB`, `16MiB` or `2GiB`").map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.millis(), TIMES, f)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, SIZES, f)
    }
}

impl Span {
    /// Whole milliseconds.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_print_the_same() {
        for text in ["500ms", "30s", "5min", "2h", "30d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["17B", "64KiB", "16MiB", "2GiB"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bare_numbers_zero_and_overflow_are_refused_with_a_hint() {
        for text in ["30", "", "s", "0s", "-1s", "1.5s", "99999999999999999h"] {
            assert!(text.parse::<Span>().unwrap_err().contains("hint:"), "{text}");
        }
        for text in ["16", "16MB", "0MiB", "99999999999GiB"] {
            assert!(text.parse::<Bytes>().unwrap_err().contains("hint:"), "{text}");
        }
    }
}
