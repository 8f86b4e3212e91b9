//! Where the training of a branch starts.

use crate::sweep::{
    tree::{Node, Val},
    value::{Reading, not},
};
use std::fmt;
use tombola_spec::Steps;

/// The point of the schedule a branch starts at; it trains to the end from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sweep) enum From {
    /// Step 0, with the full budget.
    Zero,
    /// The point its anchor trained from, with that one's budget.
    Rewind,
    /// Any other.
    At(Steps),
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("zero"),
            Self::Rewind => f.write_str("rewind"),
            Self::At(steps) => fmt::Display::fmt(steps, f),
        }
    }
}

pub(super) fn from(node: &Node) -> Reading<From> {
    const HINT: &str = "write `\"zero\"`, `\"rewind\"`, or a number of steps: `\"500it\"`";
    match &node.value {
        Val::Text(text) if text == "zero" => Ok(From::Zero),
        Val::Text(text) if text == "rewind" => Ok(From::Rewind),
        Val::Text(text) => text.parse().map(From::At).or_else(|_| not(node, "a point to start at", HINT)),
        _ => not(node, "a point to start at", HINT),
    }
}
