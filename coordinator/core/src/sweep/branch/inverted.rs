//! `inverted`: the mask that the same scores give when the highest go instead of the lowest, with the ticket's weights
//! (arXiv 2009.08576, section 5: "inversion").

use super::{
    Branch, Fault, Grow, Grown, Section, Site,
    from::{From, from},
};
use crate::sweep::{file::Variant, jobs::Jobs};
use std::sync::Arc;
use tombola_spec::{
    job::{Input, JobSpec, Output},
    settings::Criterion,
};

#[derive(Debug)]
struct Inverted {
    from: From,
}

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let from = table.or("start", From::Rewind, from)?;
    Some(Arc::new(Inverted { from }))
}

impl Grow for Inverted {
    fn grow(&self, site: &Site<'_>, jobs: &mut Jobs) -> Option<Grown> {
        let JobSpec::Prune(own) = jobs.spec(site.anchor.mask?.job)? else { return None };
        let mut inverted = own.clone();
        inverted.rule.invert = !inverted.rule.invert;
        let mask = Input { job: jobs.add(JobSpec::Prune(inverted)), output: Output::Mask };
        Some(site.train(jobs, Some(mask), site.anchor.origin.clone()))
    }

    fn jobs(&self) -> u64 {
        2
    }

    fn start(&self) -> From {
        self.from
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn keeps_origin(&self) -> bool {
        true
    }

    fn keeps_mask(&self) -> bool {
        false
    }

    fn refuses(&self, parent: &Branch) -> Option<(&'static str, &'static str)> {
        (!parent.own_masks)
            .then_some(("its masks are not cut by scores", "grow it from the trial's own line"))
    }

    fn mistake(&self, trial: &Variant) -> Option<Fault> {
        let prune = trial.settings.prune.as_ref()?;
        if prune.given.as_ref().is_some_and(|given| given.holds == Output::Mask) {
            let what = "the masks are given, and no scores that could be turned round".to_owned();
            return Some(("kind", what, "leave the branch out, or hand in scores".to_owned()));
        }
        let criterion = prune.rule.criterion;
        let what = "`random` has no order to turn round".to_owned();
        let hint = "leave the branch out, or prune by another criterion".to_owned();
        (criterion == Criterion::Random).then_some(("kind", what, hint))
    }
}
