//! `random_mask`: a random mask with the ticket's layer counts (arXiv 1803.03635, appendix E, Figure 14).

use super::{From, Grow, Grown, Section, from};
use crate::sweep::{
    expand::Anchor,
    jobs::Jobs,
    value::{word, word_of},
};
use std::sync::Arc;
use tombola_spec::job::{Input, JobSpec, Output, Preserve, RandomMaskJob, Start};

#[derive(Debug)]
struct RandomMask {
    preserve: Preserve,
    weights: Weights,
    from: From,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weights {
    /// Newly drawn.
    Fresh,
    /// The trial's own initialization.
    Same,
    /// The weights the ticket is rewound to.
    Rewind,
}

const WEIGHTS: &[(&str, Weights)] =
    &[("fresh", Weights::Fresh), ("same", Weights::Same), ("rewind", Weights::Rewind)];
const PRESERVE: &[(&str, Preserve)] = &[("per_layer", Preserve::PerLayer)];

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let preserve = table.or("preserve", Preserve::PerLayer, word(PRESERVE));
    let weights = table.or("weights", Weights::Fresh, word(WEIGHTS));
    let usual = if weights == Some(Weights::Rewind) { From::Rewind } else { From::Zero };
    let from = table.or("start", usual, from);
    if weights == Some(Weights::Rewind) && from.is_some_and(|from| from != From::Rewind) {
        let what = "weights of the rewind point train on from there";
        table.complain("start", what, "leave it out, or choose `weights = \"same\"`");
        return None;
    }
    Some(Arc::new(RandomMask { preserve: preserve?, weights: weights?, from: from? }))
}

impl Grow for RandomMask {
    fn grow(&self, anchor: &Anchor<'_>, jobs: &mut Jobs) -> Grown {
        let mask = jobs.add(JobSpec::RandomMask(RandomMaskJob {
            network: anchor.line.network.clone(),
            mask: anchor.mask,
            preserve: self.preserve,
            stream: anchor.stream(),
        }));
        let start = match self.weights {
            Weights::Fresh => Start::Init(anchor.stream()),
            Weights::Same => anchor.line.initialization(),
            Weights::Rewind => anchor.line.rewound(),
        };
        let mask = Input { job: mask, output: Output::Mask };
        anchor.train(jobs, mask, start)
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
            ("weights", word_of(WEIGHTS, self.weights).to_owned()),
        ]
    }
}
