//! `reinit`: the ticket's mask with other weights: newly drawn (arXiv 1803.03635, section 1: "random reinitialization"),
//! or such that keep something of the ticket's (arXiv 1905.01067, section 3; 1803.03635, appendix F).

use super::{
    Branch, Fault, Grow, Grown, Section, Site,
    from::{From, from},
    weights::masked,
};
use crate::sweep::{
    file::Variant,
    jobs::Jobs,
    line::Origin,
    tree::{Node, Val},
    value::{Reading, not, positive, word, word_of},
};
use std::sync::Arc;
use tombola_spec::job::{Redraw, Start, Values};

#[derive(Debug)]
struct Reinit {
    values: Values,
    keep_signs: bool,
    from: From,
}

const VALUES: &[(&str, Values)] = &[
    ("fresh", Values::Fresh),
    ("constant", Values::Constant),
    ("resampled", Values::Resampled),
    ("shuffled", Values::Shuffled),
];
const SIGNS: &[(&str, bool)] = &[("drawn", false), ("kept", true)];

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let values = table.or("values", Values::Fresh, values);
    let keep_signs = table.or("signs", false, word(SIGNS));
    let from = table.or("start", From::Zero, from);
    Some(Arc::new(Reinit { values: values?, keep_signs: keep_signs?, from: from? }))
}

/// A word, or `{ noise = 0.5 }`.
fn values(node: &Node) -> Reading<Values> {
    match &node.value {
        Val::Text(_) => word(VALUES)(node),
        Val::Table(tree) => match &tree.0[..] {
            [only] if only.key == "noise" => positive(&only.node).map(Values::Noise),
            _ => {
                not(node, "a kind of values", "write `values = { noise = 0.5 }`: so many standard deviations")
            }
        },
        _ => not(node, "a kind of values", "write `\"fresh\"`, `\"constant\"`, … or `{ noise = 0.5 }`"),
    }
}

impl Grow for Reinit {
    fn grow(&self, site: &Site<'_>, jobs: &mut Jobs) -> Option<Grown> {
        let stream = site.stream();
        let start = match (self.values, self.keep_signs) {
            (Values::Fresh, false) => Start::Init(stream),
            (values, keep_signs) => {
                Start::Redraw(Box::new(Redraw { after: site.values(), values, keep_signs, stream }))
            }
        };
        Some(site.train(jobs, site.anchor.mask, Origin::of(start)))
    }

    fn jobs(&self) -> u64 {
        1
    }

    fn start(&self) -> From {
        self.from
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let values = match self.values {
            Values::Noise(deviations) => format!("noise of {deviations} standard deviations"),
            values => word_of(VALUES, values).to_owned(),
        };
        vec![("values", values), ("signs", word_of(SIGNS, self.keep_signs).to_owned())]
    }

    /// A control that keeps something is not the one that tickets are paired with.
    fn label(&self) -> Option<&'static str> {
        let plain = self.values == Values::Fresh && !self.keep_signs;
        (!plain).then_some("redraw")
    }

    fn keeps_origin(&self) -> bool {
        false
    }

    fn keeps_mask(&self) -> bool {
        true
    }

    fn mistake(&self, trial: &Variant) -> Option<Fault> {
        let measures = matches!(self.values, Values::Constant | Values::Noise(_));
        let what =
            "survivors train on from weights that are 0 where the mask is, whose deviation says little"
                .to_owned();
        let hint = "choose other values, or leave `prune.after` out".to_owned();
        (measures && masked(trial)).then_some(("values", what, hint))
    }

    fn refuses(&self, parent: &Branch) -> Option<(&'static str, &'static str)> {
        let is_one = parent.kind == "reinit";
        is_one.then_some(("its weights are drawn already", "grow both from the same line, or use `copies`"))
    }
}
