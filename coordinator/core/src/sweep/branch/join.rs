//! `join`: one mask of the masks that the trial's seeds have in the same round, with the trial's own weights.

use super::{
    Branch, Fault, Grow, Grown, Section, Site,
    from::From,
    weights::{self, DRAWN, Weights},
};
use crate::sweep::{
    file::Variant,
    jobs::Jobs,
    value::{word, word_of},
};
use std::sync::Arc;
use tombola_spec::{
    job::{Input, JobSpec, Join, JoinJob, Output},
    settings::Unit,
};

#[derive(Debug)]
struct Joined {
    rule: Join,
    weights: Weights,
    from: From,
}

const RULES: &[(&str, Join)] =
    &[("union", Join::Union), ("intersection", Join::Intersection), ("majority", Join::Majority)];

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let rule = table.required("rule", "\"majority\"", word(RULES));
    let (weights, from) = weights::read(table, Weights::Rewind)?;
    Some(Arc::new(Joined { rule: rule?, weights, from }))
}

impl Grow for Joined {
    fn grow(&self, site: &Site<'_>, jobs: &mut Jobs) -> Option<Grown> {
        // Where a seed's line has not come to this round, or never does, there is nothing to join.
        let masks = site.peers.iter().map(|peer| peer.get(site.anchor.round as usize)?.mask);
        let masks: Vec<Input> = masks.collect::<Option<_>>()?;
        let network = site.line.network.clone();
        let mask = jobs.add(JobSpec::Join(JoinJob { network, masks, rule: self.rule }));
        let mask = Input { job: mask, output: Output::Mask };
        Some(site.train(jobs, Some(mask), self.weights.at(site)?))
    }

    fn jobs(&self) -> u64 {
        2
    }

    fn start(&self) -> From {
        self.from
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("rule", word_of(RULES, self.rule).to_owned()),
            ("weights", word_of(DRAWN, self.weights).to_owned()),
        ]
    }

    fn joins_seeds(&self) -> bool {
        true
    }

    fn keeps_origin(&self) -> bool {
        self.weights == Weights::Rewind
    }

    fn keeps_mask(&self) -> bool {
        false
    }

    fn mistake(&self, trial: &Variant) -> Option<Fault> {
        if trial.settings.prune.as_ref()?.rule.unit == Unit::Channel {
            let what = "of channels that live in some masks no mask can be made weight by weight".to_owned();
            return Some(("kind", what, "join masks of single weights".to_owned()));
        }
        weights::mistake(self.weights, trial)
    }

    fn refuses(&self, parent: &Branch) -> Option<(&'static str, &'static str)> {
        let hint = "grow it from the trial's own line, or from a branch that keeps its masks";
        let others =
            (!parent.own_masks).then_some(("its masks are not those of the trials' own lines", hint));
        others.or_else(|| weights::refuses(self.weights, parent))
    }
}
