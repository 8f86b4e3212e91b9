//! Readers: from a written value to a typed one, or what is wrong with it.
//!
//! A reader's complaint lacks the setting's name, which [`super::section::Section`] puts in front of it.

use super::{
    diagnostic::{Problem, nearest, quoted},
    tree::{Node, Val},
};
use crate::plan::FileName;
use std::collections::HashSet;
use tombola_spec::{Steps, data::PerChannel};

/// What a reader returns.
pub(super) type Reading<T> = Result<T, Vec<Problem>>;

/// Longest list a range may stand for.
const LONGEST: u64 = 100_000;

/// "… is not …".
pub(super) fn not<T>(node: &Node, what: &str, hint: &str) -> Reading<T> {
    Err(vec![Problem::new(node.at, format!("{} is not {what}", node.describe()), hint)])
}

pub(super) fn text(node: &Node) -> Reading<String> {
    match &node.value {
        Val::Text(text) => Ok(text.clone()),
        _ => not(node, "a text in quotes", ""),
    }
}

/// A name that may become part of file and column names.
pub(super) fn name(node: &Node) -> Reading<String> {
    let fits = |text: &str| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    };
    match &node.value {
        Val::Text(text) if fits(text) => Ok(text.clone()),
        _ => not(node, "a name", "names are small letters, digits, `-` and `_`, at most 64 of them"),
    }
}

/// The name of a file beside the sweep file; `holes` are what may stand in it for a trial's own.
pub(super) fn file_name(node: &Node, holes: &[&str]) -> Reading<FileName> {
    let name = text(node)?;
    let filled = holes.iter().fold(name.clone(), |name, hole| name.replace(hole, ""));
    let hint = format!("write the name of a file beside this one; {} stand for a trial's", holes.join(", "));
    if filled.contains(['{', '}']) {
        return not(node, "the name of a file", &hint);
    }
    if name.is_empty() || name.starts_with('/') || name.split('/').any(|part| part == "..") {
        return not(node, "a file beside this one, or in a folder there", &hint);
    }
    Ok(FileName(name))
}

pub(super) fn flag(node: &Node) -> Reading<bool> {
    match node.value {
        Val::Flag(flag) => Ok(flag),
        _ => not(node, "`true` or `false`", ""),
    }
}

/// A whole number from 0.
pub(super) fn whole(node: &Node) -> Reading<u64> {
    match node.value {
        Val::Whole(number) if number >= 0 => Ok(number as u64),
        _ => not(node, "a whole number from 0", ""),
    }
}

/// A whole number from 0 that counts things.
pub(super) fn size(node: &Node) -> Reading<u32> {
    match node.value {
        Val::Whole(number) => u32::try_from(number).or_else(|_| not(node, "a whole number from 0", "")),
        _ => not(node, "a whole number from 0", ""),
    }
}

/// A whole number from 1.
pub(super) fn count(node: &Node) -> Reading<u32> {
    match node.value {
        Val::Whole(number) if number > 0 && number <= i64::from(u32::MAX) => Ok(number as u32),
        _ => not(node, "a whole number from 1", ""),
    }
}

fn number(node: &Node, what: &str, hint: &str, fits: impl Fn(f64) -> bool) -> Reading<f64> {
    let number = match node.value {
        Val::Whole(number) => number as f64,
        Val::Number(number) => number,
        _ => return not(node, what, hint),
    };
    if number.is_finite() && fits(number) { Ok(number) } else { not(node, what, hint) }
}

pub(super) fn any_number(node: &Node) -> Reading<f64> {
    number(node, "a number", "", |_| true)
}

pub(super) fn positive(node: &Node) -> Reading<f64> {
    number(node, "a number above 0", "", |n| n > 0.0)
}

/// A number for all channels of an image, or a list of three.
pub(super) fn per_channel(one: impl Fn(&Node) -> Reading<f64>) -> impl Fn(&Node) -> Reading<PerChannel> {
    move |node| {
        if !matches!(node.value, Val::List(_)) {
            return one(node).map(PerChannel::All);
        }
        <[f64; 3]>::try_from(list(&one)(node)?).map(PerChannel::Each).map_err(|numbers| {
            let what = format!("a list of {}, where three channels have three numbers", numbers.len());
            vec![Problem::new(node.at, what, "write one number for all channels, or three")]
        })
    }
}

pub(super) fn non_negative(node: &Node) -> Reading<f64> {
    number(node, "a number from 0", "", |n| n >= 0.0)
}

/// A fraction strictly between 0 and 1.
pub(super) fn fraction(node: &Node) -> Reading<f64> {
    number(node, "a fraction above 0 and below 1", "20 % is written `0.2`", |n| n > 0.0 && n < 1.0)
}

/// A fraction above 0; 1 is the whole.
pub(super) fn density(node: &Node) -> Reading<f64> {
    number(node, "a fraction above 0 and not above 1", "5 % is written `0.05`", |n| n > 0.0 && n <= 1.0)
}

/// A number from 1.
pub(super) fn from_one(node: &Node) -> Reading<f64> {
    number(node, "a number from 1", "100 leaves a hundredth", |n| n >= 1.0)
}

/// A fraction from 0, below 1.
pub(super) fn below_one(node: &Node) -> Reading<f64> {
    number(node, "a fraction from 0 and below 1", "", |n| (0.0..1.0).contains(&n))
}

/// A fraction from 0 to 1, both possible.
pub(super) fn up_to_one(node: &Node) -> Reading<f64> {
    number(node, "a fraction from 0 to 1", "10 % is written `0.1`", |n| (0.0..=1.0).contains(&n))
}

pub(super) fn steps(node: &Node) -> Reading<Steps> {
    let Val::Text(text) = &node.value else {
        return not(node, "a number of steps", "write epochs, iterations or both: `\"160ep\"`, `\"500it\"`");
    };
    text.parse().map_err(|error: tombola_spec::SpecError| vec![Problem::new(node.at, error.what, error.hint)])
}

pub(super) fn some_steps(node: &Node) -> Reading<Steps> {
    let steps = steps(node)?;
    if steps.is_zero() { not(node, "a number of steps above 0", "") } else { Ok(steps) }
}

/// One of a fixed set of words.
pub(super) fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Node) -> Reading<T> {
    move |node| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let Val::Text(text) = &node.value else { return not(node, "a word", &one_of(&known)) };
        let found = words.iter().find(|(word, _)| word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let hint = nearest(text, known.iter().copied());
            let hint = hint.map_or_else(|| one_of(&known), |meant| format!("did you mean `{meant}`?"));
            vec![Problem::new(node.at, format!("`{text}` is not known here"), hint)]
        })
    }
}

fn one_of(words: &[&str]) -> String {
    format!("{} {}", if words.len() == 1 { "write" } else { "write one of" }, quoted(words))
}

/// The word that stands for a value.
pub(super) fn word_of<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// A list, each item read by `item`; all wrong items are reported.
pub(super) fn list<T>(item: impl Fn(&Node) -> Reading<T>) -> impl Fn(&Node) -> Reading<Vec<T>> {
    move |node| {
        let Val::List(nodes) = &node.value else { return not(node, "a list", "") };
        let (mut items, mut problems) = (Vec::new(), Vec::new());
        for node in nodes {
            match item(node) {
                Ok(value) => items.push(value),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(items) } else { Err(problems) }
    }
}

/// Whole numbers: one (`4`), a list (`[1, 2, 5]`), or a range (`"1..=5"`, `"1..6"`). Not empty, none twice.
pub(super) fn numbers(node: &Node) -> Reading<Vec<u64>> {
    const HINT: &str = "write a range or a list: `\"1..=5\"`, `[1, 2, 5]`";
    let numbers = match &node.value {
        Val::Text(text) => match range(text) {
            Some(range) => range,
            None => return not(node, "a range of whole numbers", HINT),
        },
        Val::List(nodes) => {
            let numbers = list(whole)(node)?;
            let mut seen = HashSet::new();
            let twice = nodes.iter().zip(&numbers).filter(|(_, number)| !seen.insert(**number));
            let problem = |(node, number): (&Node, &u64)| {
                Problem::new(node.at, format!("`{number}` is there twice"), "")
            };
            let problems: Vec<_> = twice.map(problem).collect();
            if !problems.is_empty() {
                return Err(problems);
            }
            numbers
        }
        Val::Whole(number) if *number >= 0 => vec![*number as u64],
        _ => return not(node, "a list of whole numbers from 0", HINT),
    };
    let what = match numbers.len() as u64 {
        0 => "there is nothing in it".to_owned(),
        n if n > LONGEST => format!("that is more than {LONGEST} numbers"),
        _ => return Ok(numbers),
    };
    Err(vec![Problem::new(node.at, what, HINT)])
}

/// The numbers of `a..=b` or `a..b`; one more than is allowed where there are too many.
fn range(text: &str) -> Option<Vec<u64>> {
    let (from, to, inclusive) = bounds(text)?;
    let (from, to): (u64, u64) = (digits(from)?, digits(to)?);
    let end = if inclusive { to.checked_add(1)? } else { to };
    Some((from..end.min(from.saturating_add(LONGEST + 1))).collect())
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Both ends of `a..=b` or `a..b`, and whether the last one belongs to it.
pub(super) fn bounds(text: &str) -> Option<(&str, &str, bool)> {
    let (from, to) = text.split_once("..")?;
    let (to, inclusive) = to.strip_prefix('=').map_or((to, false), |to| (to, true));
    Some((from.trim(), to.trim(), inclusive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_or_may_not_include_their_end() {
        assert_eq!(range("1..=3"), Some(vec![1, 2, 3]));
        assert_eq!(range("1 .. 3"), Some(vec![1, 2]));
        assert_eq!(range("3..=1"), Some(vec![]));
        for text in ["1", "1...3", "-1..3", "a..b", "1..", "", "0..=18446744073709551615"] {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn a_huge_range_is_not_written_out() {
        assert_eq!(range("0..99999999999").map(|numbers| numbers.len() as u64), Some(LONGEST + 1));
    }
}
