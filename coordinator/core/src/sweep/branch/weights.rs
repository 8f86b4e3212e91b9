//! Which weights a branch trains from.

use super::anchor::Site;
use crate::{
    plan::After,
    sweep::{file::Variant, line::Origin},
};
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

/// What is wrong with the ticket's weights under a mask that is not the ticket's: the setting, the mistake, what to do.
pub(super) fn mistake(weights: Weights, trial: &Variant) -> Option<(&'static str, String, String)> {
    let goes_on = trial.settings.prune.as_ref()?.after != After::Rewind;
    let what = "survivors train on from weights that are 0 where the ticket's mask is".to_owned();
    let hint = "choose other weights, or leave `prune.after` out".to_owned();
    (goes_on && weights == Weights::Rewind).then_some(("weights", what, hint))
}

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
