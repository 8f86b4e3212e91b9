//! `reinit`: the ticket's mask with newly drawn weights (arXiv 1803.03635, section 1: "random reinitialization").

use super::{FROM, From, Grow, Grown, Section};
use crate::sweep::{
    expand::Anchor,
    jobs::Jobs,
    value::{word, word_of},
};
use std::sync::Arc;
use tombola_spec::job::Start;

#[derive(Debug)]
struct Reinit {
    from: From,
}

pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Arc<dyn Grow>> {
    let from = table.or("start", From::Zero, word(FROM))?;
    Some(Arc::new(Reinit { from }))
}

impl Grow for Reinit {
    fn grow(&self, anchor: &Anchor<'_>, jobs: &mut Jobs) -> Grown {
        let start = Start::Init(anchor.stream());
        anchor.train(jobs, anchor.mask, start, self.from == From::Rewind)
    }

    fn jobs(&self) -> u64 {
        1
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("start", word_of(FROM, self.from).to_owned())]
    }
}
