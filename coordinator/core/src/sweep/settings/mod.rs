//! The settings of one trial: one file per table, and the combinations that cannot work.

mod check;
mod data;
mod model;
mod pretrain;
mod prune;
mod train;

use self::check::Check;
use super::{diagnostic::Notes, tree::Tree};
use crate::plan::{PruneLine, TrialSettings};
use std::sync::Arc;

pub(super) use self::{
    data::AUGMENTS,
    model::{BIAS_INITS, BN_INITS, INITS},
    prune::{
        AFTERS, COMPARED, COUNTINGS, HOLDS, SCOPES, SCORE_MODES, TRUNKS, UNITS, WHENS, describe_criterion,
        examples, last, read_criteria,
    },
    train::{DTYPES, ORDERS, PARTIALS, part_name},
};

/// The tables a trial's settings are in, and so what axes may vary.
pub(super) const TABLES: [&str; 5] = ["model", "data", "train", "prune", "pretrain"];

/// Reads one trial's settings; what is wrong is noted.
pub(super) fn read(tree: &Tree, notes: &mut Notes) -> Option<TrialSettings> {
    let (model, weights) = model::read(tree, notes).unzip();
    let data = data::read(tree, notes);
    let train = train::read(tree, notes);
    let length = data.as_ref().zip(train.as_ref()).map(|(data, train)| {
        let per_epoch = train.settings.iterations_per_epoch(data.train_examples());
        (train.steps, per_epoch)
    });
    let prune = match tree.get("prune") {
        Some(entry) => prune::read(entry, length, notes).map(Some),
        None => Some(None),
    };

    let mut check = Check { tree, notes, sound: true };
    let line = prune.as_ref().and_then(Option::as_ref);
    check.all(model.as_ref(), data.as_ref(), train.as_ref(), line);
    let sound = check.sound;
    let (train, prune) = (train?, prune?);
    let steps = train.steps;
    let recipe = train.into_recipe(model?, data?);
    let pretrain = pretrain::read(tree, &recipe, prune.as_ref(), notes)?;
    let weights = weights?;
    if weights.is_some() && !may_be_given(tree, pretrain.is_some(), prune.as_ref(), notes) {
        return None;
    }
    sound.then(|| TrialSettings { recipe: Arc::new(recipe), steps, prune, weights, pretrain })
}

/// Whether the weights a trial begins with may come from a file.
fn may_be_given(tree: &Tree, pretrains: bool, prune: Option<&PruneLine>, notes: &mut Notes) -> bool {
    let compares = prune.is_some_and(|line| line.rule.criterion.needs_initial());
    let (what, hint) = match (pretrains, compares) {
        (true, _) => ("and `pretrain` exclude each other", "write one of them"),
        (_, true) => (
            "and this criterion exclude each other: it compares with the weights drawn at initialization",
            "choose another criterion",
        ),
        _ => return true,
    };
    notes.problem(tree.place("model.weights"), format!("`model.weights` {what}"), hint);
    false
}

/// Reads the settings of a course: training without pruning, as written in `tree`. Mistakes say whose they are.
pub(super) fn read_course(tree: &Tree, whose: &str, notes: &mut Notes) -> Option<TrialSettings> {
    let mut tree = tree.clone();
    tree.0.retain(|entry| entry.key != "prune" && entry.key != "pretrain");
    let mut own = Notes::default();
    let settings = read(&tree, &mut own);
    notes.adopt(own, whose);
    settings
}
