//! `pretrain = { data = { … }, train = { … } }`: training on another task before; what it does not say is as in the trial.

use super::read_course;
use crate::{
    plan::{Pretrain, PruneLine, When},
    sweep::{
        branch,
        diagnostic::Notes,
        section::Section,
        tree::{Entry, Node, Tree, Val},
    },
};
use tombola_spec::settings::Recipe;

/// `None` inside where the trial begins with an initialization.
pub(super) fn read(
    tree: &Tree,
    own: &Recipe,
    prune: Option<&PruneLine>,
    notes: &mut Notes,
) -> Option<Option<Pretrain>> {
    let Some(entry) = tree.get("pretrain") else { return Some(None) };
    let example = "data = { set = \"fashion_mnist\" }, train = { steps = \"1ep\" }";
    let mut table = Section::of(notes, "pretrain", entry, example)?;
    table.know(&["data", "train"]);
    let early = prune.is_some_and(|line| line.when == When::Init);
    let compares = prune.is_some_and(|line| line.rule.criterion.needs_initial());
    table.finish();
    let overlay = Node { at: entry.at, value: Val::Table(Tree(vec![entry.clone()])) };
    let overlays = branch::overlays(Some(&Entry { at: entry.at, key: String::new(), node: overlay }));
    let over = overlays.first().map_or_else(|| tree.clone(), |overlay| overlay.over(tree));
    let settings = read_course(&over, "`pretrain`", notes)?;
    let mut complain = |what: &str, hint: &str| notes.problem(entry.at, format!("`pretrain`: {what}"), hint);
    if let Some(misfit) = branch::misfit(own, &settings.recipe) {
        complain(&misfit, "the networks of both tasks must have the same shapes but for the output layer");
        return None;
    }
    if compares {
        let what = "this criterion compares with the weights drawn at initialization, and training begins with others";
        complain(what, "choose another criterion, or leave `pretrain` out");
        return None;
    }
    // An early-bird ticket goes back to weights of this task.
    let at_once = prune.is_some_and(|line| line.rewind.is_zero() && line.when != When::EarlyBird);
    if at_once && settings.recipe.data.classes() != own.data.classes() {
        let what = "survivors would go back to the output layer of another task";
        complain(what, "write `prune.rewind = \"500it\"`, a step at which this task's is there");
        return None;
    }
    if early && settings.recipe.data.classes() != own.data.classes() {
        let what = "the mask would be cut from a network with the output layer of another task";
        complain(what, "write `prune.when = \"rewind\"`, or leave `prune.when` out");
        return None;
    }
    Some(Some(Pretrain { recipe: settings.recipe, steps: settings.steps }))
}
