//! `by = "accuracy", at = "last"`: what decisions compare. Always on validation examples.

use super::{
    diagnostic::quoted,
    section::Section,
    tree::Node,
    value::{Reading, not, text, word},
};
use crate::verdict::{Moment, Yardstick};
use tombola_spec::outcome::METRICS;

pub(super) const MOMENTS: &[(&str, Moment)] = &[("last", Moment::Last), ("early_stop", Moment::EarlyStop)];

/// The keys `by` and `at` of a table.
pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Yardstick> {
    let metric = table.or("by", "accuracy".to_owned(), metric);
    let at = table.or("at", Moment::Last, word(MOMENTS));
    Some(Yardstick { metric: metric?, at: at? })
}

/// Both, for people.
pub(super) fn describe(by: &Yardstick) -> [(&'static str, String); 2] {
    [("by", by.metric.clone()), ("at", by.at.name().to_owned())]
}

fn metric(node: &Node) -> Reading<String> {
    let known: Vec<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
    let name = text(node)?;
    if known.contains(&name.as_str()) { Ok(name) } else { not(node, "a metric", &quoted(&known)) }
}
