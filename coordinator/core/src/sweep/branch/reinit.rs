//! `reinit`: the ticket's mask with newly drawn weights (arXiv 1803.03635, section 1: "random reinitialization").

use super::{From, Grow, Grown, Section, from};
use crate::sweep::{expand::Anchor, jobs::Jobs};
use std::sync::Arc;
use tombola_spec::job::Start;

#[derive(Debug)]
struct Reinit {
    from: From,
}

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let from = table.or("start", From::Zero, from)?;
    Some(Arc::new(Reinit { from }))
}

impl Grow for Reinit {
    fn grow(&self, anchor: &Anchor<'_>, jobs: &mut Jobs) -> Grown {
        let start = Start::Init(anchor.stream());
        anchor.train(jobs, anchor.mask, start)
    }

    fn jobs(&self) -> u64 {
        1
    }

    fn start(&self) -> From {
        self.from
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
