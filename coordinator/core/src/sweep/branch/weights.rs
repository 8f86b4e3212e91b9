//! Which weights a branch trains from.

use super::{
    Branch, Fault, Section,
    anchor::Site,
    from::{From, from},
};
use crate::{
    plan::After,
    sweep::{file::Variant, line::Origin, value::word},
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

/// Reads the weights and the start of a control: the ticket's weights train on from where the ticket does.
pub(super) fn read(table: &mut Section<'_, '_>, usual: Weights) -> Option<(Weights, From)> {
    let weights = table.or("weights", usual, word(DRAWN));
    let rewinds = weights == Some(Weights::Rewind);
    let from = table.or("start", if rewinds { From::Rewind } else { From::Zero }, from);
    if rewinds && from.is_some_and(|from| from != From::Rewind) {
        let what = "weights of the rewind point train on from there";
        table.complain("start", what, "leave it out, or choose `weights = \"same\"`");
        return None;
    }
    weights.zip(from)
}

/// Why a control cannot have the ticket's weights under a mask of its own.
pub(super) fn refuses(weights: Weights, parent: &Branch) -> Option<(&'static str, &'static str)> {
    let masked = weights == Weights::Rewind && parent.grow.starts_masked();
    masked.then_some((
        "it trains from weights that are 0 where its mask is",
        "choose other weights than `rewind`",
    ))
}

/// Whether survivors train on from weights that are 0 where a mask is.
pub(super) fn masked(trial: &Variant) -> bool {
    trial.settings.prune.as_ref().is_some_and(|line| line.after != After::Rewind)
}

/// What is wrong with the ticket's weights under a mask that is not the ticket's: the setting, the mistake, what to do.
pub(super) fn mistake(weights: Weights, trial: &Variant) -> Option<Fault> {
    let what = "survivors train on from weights that are 0 where the ticket's mask is".to_owned();
    let hint = "choose other weights, or leave `prune.after` out".to_owned();
    (masked(trial) && weights == Weights::Rewind).then_some(("weights", what, hint))
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
