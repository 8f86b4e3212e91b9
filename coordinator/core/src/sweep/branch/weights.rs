//! Which weights a branch trains from.

use super::anchor::Site;
use crate::sweep::line::Origin;
use tombola_spec::job::Start;

/// Weights that are there, or drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// Newly drawn.
    Fresh,
    /// Those the trial began with.
    Same,
    /// Those the round trained from: the ticket's.
    Rewind,
    /// Those the round's mask was cut from, at the end of the round before.
    Before,
    /// Those at the end of the round.
    Trained,
}

/// Of a control.
pub(super) const DRAWN: &[(&str, Weights)] =
    &[("fresh", Weights::Fresh), ("same", Weights::Same), ("rewind", Weights::Rewind)];
/// Of a ticket that is trained again.
pub(super) const KEPT: &[(&str, Weights)] = &[
    ("rewind", Weights::Rewind),
    ("same", Weights::Same),
    ("before", Weights::Before),
    ("trained", Weights::Trained),
];

impl Weights {
    /// Where they are at `site`; `None` where there are none such.
    pub(super) fn at(self, site: &Site<'_>) -> Option<Origin> {
        Some(match self {
            Self::Fresh => Origin::of(Start::Init(site.stream())),
            Self::Same => site.line.initialization(),
            Self::Rewind => site.anchor.origin.clone(),
            Self::Before => Origin::of(Start::Rewind(site.anchor.before?)),
            Self::Trained => Origin::of(Start::Rewind(site.anchor.trained)),
        })
    }
}
