//! `retrain`, also called `transfer`: the ticket trained by other settings: another data set, optimizer, schedule (arXiv
//! 1906.02773, section 3; open_lth's `retrain`), or from other weights of its own: fine-tuning, continued training.

use super::{
    Branch, Fault, Grow, Grown, Section, Site,
    from::{From, from},
    overlay,
    weights::{KEPT, Weights},
};
use crate::{
    plan::When,
    sweep::{
        file::Variant,
        jobs::Jobs,
        value::{word, word_of},
    },
};
use std::sync::Arc;

#[derive(Debug)]
struct Retrain {
    weights: Weights,
    new_head: bool,
    from: From,
}

const HEADS: &[(&str, bool)] = &[("kept", false), ("new", true)];

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    overlay::TABLES.iter().for_each(|key| table.know(&[*key]));
    let weights = table.or("weights", Weights::Rewind, word(KEPT));
    let new_head = table.or("head", false, word(HEADS));
    let from = table.or("start", From::Zero, from);
    Some(Arc::new(Retrain { weights: weights?, new_head: new_head?, from: from? }))
}

impl Grow for Retrain {
    fn grow(&self, site: &Site<'_>, jobs: &mut Jobs) -> Option<Grown> {
        Some(site.train(jobs, site.anchor.mask, self.weights.at(site)?))
    }

    fn jobs(&self) -> u64 {
        1
    }

    fn start(&self) -> From {
        self.from
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("weights", word_of(KEPT, self.weights).to_owned()),
            ("head", word_of(HEADS, self.new_head).to_owned()),
        ]
    }

    /// The dense network by the target's settings is what its tickets are measured by.
    fn grows_from_dense(&self) -> bool {
        self.weights != Weights::Before
    }

    fn keeps_origin(&self) -> bool {
        self.weights == Weights::Rewind
    }

    fn keeps_mask(&self) -> bool {
        true
    }

    fn new_head(&self) -> bool {
        self.new_head
    }

    fn starts_masked(&self) -> bool {
        matches!(self.weights, Weights::Before | Weights::Trained)
    }

    fn goes_on(&self) -> bool {
        self.weights == Weights::Trained
    }

    fn refuses(&self, parent: &Branch) -> Option<(&'static str, &'static str)> {
        let drawn = self.goes_on() && parent.grow.new_head();
        drawn.then_some((
            "its output layer would be drawn anew once more",
            "choose other weights than `trained`",
        ))
    }

    fn mistake(&self, trial: &Variant) -> Option<Fault> {
        let early = trial.settings.prune.as_ref()?.when != When::Trained;
        let what = "nothing is trained before the mask is cut".to_owned();
        let hint = "choose other weights, or prune trained networks (leave `prune.when` out)".to_owned();
        (early && self.weights == Weights::Before).then_some(("weights", what, hint))
    }
}
