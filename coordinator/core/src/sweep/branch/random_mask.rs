//! `random_mask`: a random mask with the ticket's counts (arXiv 1803.03635, appendix E, Figure 14).

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
    job::{Input, JobSpec, Output, Preserve, RandomMaskJob},
    settings::Unit,
};

#[derive(Debug)]
struct RandomMask {
    preserve: Preserve,
    weights: Weights,
    from: From,
}

const PRESERVE: &[(&str, Preserve)] =
    &[("per_layer", Preserve::PerLayer), ("global", Preserve::Global), ("even", Preserve::Even)];

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let preserve = table.or("preserve", Preserve::PerLayer, word(PRESERVE));
    let (weights, from) = weights::read(table, Weights::Fresh)?;
    Some(Arc::new(RandomMask { preserve: preserve?, weights, from }))
}

impl Grow for RandomMask {
    fn grow(&self, site: &Site<'_>, jobs: &mut Jobs) -> Option<Grown> {
        // Within its layer a mask that is never cut stays as it is by itself.
        let whole = match self.preserve {
            Preserve::PerLayer => Vec::new(),
            Preserve::Global | Preserve::Even => {
                // A new output layer is left whole: the mask of the old one gives nothing away.
                let head = if site.has_new_head() { site.head() } else { Vec::new() };
                site.prune.whole().into_iter().chain(head).collect()
            }
        };
        let mask = jobs.add(JobSpec::RandomMask(RandomMaskJob {
            network: site.line.network.clone(),
            mask: site.anchor.mask?,
            preserve: self.preserve,
            whole,
            stream: site.stream(),
        }));
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
            ("preserve", word_of(PRESERVE, self.preserve).to_owned()),
            ("weights", word_of(DRAWN, self.weights).to_owned()),
        ]
    }

    fn keeps_origin(&self) -> bool {
        self.weights == Weights::Rewind
    }

    fn keeps_mask(&self) -> bool {
        false
    }

    fn refuses(&self, parent: &Branch) -> Option<(&'static str, &'static str)> {
        weights::refuses(self.weights, parent)
    }

    fn mistake(&self, trial: &Variant) -> Option<Fault> {
        let channels = trial.settings.prune.as_ref()?.rule.unit == Unit::Channel;
        if channels && self.preserve != Preserve::PerLayer {
            let what = "channels anywhere may leave a layer without any".to_owned();
            return Some(("preserve", what, "write `preserve = \"per_layer\"`, or leave it out".to_owned()));
        }
        weights::mistake(self.weights, trial)
    }
}
