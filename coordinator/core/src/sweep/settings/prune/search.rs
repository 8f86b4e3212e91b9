//! `search = { window = 5, distance = 0.1, … }`: when an early-bird ticket is found (arXiv 1909.11957, section 3).

use crate::{
    plan::{SearchLine, When},
    sweep::{
        section::Section,
        tree::{Node, Tree},
        value::{Reading, below_one, not, whole, word},
    },
};
use tombola_spec::{
    job::{Compared, Settled},
    settings::Criterion,
};

pub(in crate::sweep) const COMPARED: &[(&str, Compared)] =
    &[("newest", Compared::Newest), ("neighbours", Compared::Neighbours)];
const UNTIL: &[(&str, bool)] = &[("found", false), ("end", true)];

/// Far beyond any use: masks of so many epochs are kept.
const MOST_MASKS: u64 = 1000;

/// `None` inside where nothing is searched for.
pub(super) fn read(
    table: &mut Section<'_, '_>,
    when: Option<When>,
    criterion: Option<Criterion>,
) -> Option<Option<SearchLine>> {
    if when? != When::EarlyBird {
        let what = "says how an early-bird ticket is searched for, and none is";
        table.refuse(&["search"], what, "write `when = \"early_bird\"`, or leave it out");
        return Some(None);
    }
    if let Some(criterion) = criterion.filter(|criterion| !criterion.ranks_trained()) {
        let what = format!("`{}` does not rank trained weights by themselves", criterion.name());
        table.complain("criterion", what, "of channels: `bn_scale`, `l1_filter`; of weights: `magnitude`");
        return None;
    }
    let (none, path) = (Tree::default(), table.path("search"));
    let mut own = match table.get("search") {
        Some(entry) => Section::of(table.notes, &path, entry, "window = 5, distance = 0.1")?,
        None => Section::new(table.notes, &path, 0, &none),
    };
    let window = own.or("window", 5, window);
    let distance = own.or("distance", 0.1, below_one);
    let compared = own.or("compare", Compared::Newest, word(COMPARED));
    let whole = own.or("until", false, word(UNTIL));
    own.finish();
    let settled = Settled { window: window?, distance: distance?, compared: compared? };
    Some(Some(SearchLine { settled, whole: whole? }))
}

fn window(node: &Node) -> Reading<u32> {
    let window = whole(node)?;
    match u32::try_from(window) {
        Ok(window) if (2..=MOST_MASKS).contains(&u64::from(window)) => Ok(window),
        _ => not(node, "a number of masks to compare", &format!("2 to {MOST_MASKS}; the paper has 5")),
    }
}
