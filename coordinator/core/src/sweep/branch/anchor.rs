//! Where branches grow: rounds that are there, and what one copy of a branch sees of one.

use super::Grown;
use crate::{
    plan::PruneLine,
    sweep::{
        expand::origin_of,
        jobs::Jobs,
        line::{Course, Line, Origin, train, undropped},
    },
};
use std::sync::Arc;
use tombola_spec::{
    Fingerprint, Steps,
    job::{Drawn, Input, Scored, Start, Stream},
};

/// A round that something may grow from.
#[derive(Debug, Clone)]
pub(in crate::sweep) struct Anchor {
    /// How it was trained, and so whatever grows from it unless that says otherwise.
    pub(super) course: Arc<Course>,
    pub(super) round: u32,
    pub(super) mask: Option<Input>,
    /// What it trained from.
    pub(super) origin: Origin,
    /// The step of that.
    pub(super) from: Steps,
    /// The training whose end its mask was cut from, in a line that trains between its prunings.
    pub(super) before: Option<Fingerprint>,
    /// Its own.
    pub(super) trained: Fingerprint,
}

impl Anchor {
    /// The dense round of a trial.
    pub(in crate::sweep) fn dense(line: &Line) -> Self {
        Self {
            course: line.course.clone(),
            round: 0,
            mask: None,
            origin: line.rewound(),
            from: line.rewind,
            before: None,
            trained: *line.dense.last().unwrap_or(&line.dense[0]),
        }
    }

    /// A pruned round of a trial's own line.
    pub(in crate::sweep) fn pruned(
        line: &Line,
        (mask, round): (Input, u32),
        origin: &Origin,
        (before, trained): (Option<Fingerprint>, Fingerprint),
    ) -> Self {
        Self { mask: Some(mask), round, origin: origin.clone(), before, trained, ..Self::dense(line) }
    }
}

/// One copy of a branch at one anchor.
pub(in crate::sweep) struct Site<'a> {
    pub(super) line: &'a Line,
    pub(super) anchor: &'a Anchor,
    pub(super) course: Arc<Course>,
    pub(super) branch: &'a str,
    pub(super) copy: u32,
    /// The step its training starts at.
    pub(super) start: Steps,
    /// The rounds of the trials that differ in the seed alone, this one's among them.
    pub(super) peers: &'a [&'a [Anchor]],
    /// How the trial is pruned.
    pub(super) prune: &'a PruneLine,
}

impl Site<'_> {
    /// The branch's own noise at this anchor.
    pub(super) fn stream(&self) -> Stream {
        self.line.stream(self.branch, self.copy, self.anchor.round)
    }

    /// The weights that the anchor trained from, to be drawn after.
    pub(super) fn values(&self) -> Scored {
        match &self.anchor.origin.start {
            Start::Rewind(job) | Start::Continue(job) | Start::Found(job) => Scored::Trained(*job),
            Start::Init(init) => {
                Scored::Drawn(Drawn { model: undropped(&self.course.recipe.model), init: init.clone() })
            }
            Start::Redraw(redraw) => redraw.after.clone(),
        }
    }

    /// Whether its networks have another output layer than the trial's.
    pub(super) fn has_new_head(&self) -> bool {
        self.course.new_head || self.course.recipe.data.classes() != self.line.network.classes
    }

    /// Names of the weight tensors of the trial's output layer.
    pub(super) fn head(&self) -> Vec<String> {
        let network = self.line.network.architecture();
        let head = network.map(|network| network.head()).unwrap_or_default();
        head.into_iter().filter(|name| name.ends_with(".weight")).collect()
    }

    /// Trains from `origin` to the end with the branch's own data order.
    pub(super) fn train(&self, jobs: &mut Jobs, mask: Option<Input>, origin: Origin) -> Grown {
        let Self { line, anchor, course, branch, copy, start, .. } = self;
        let head = origin.head.or_else(|| self.has_new_head().then(|| self.stream()));
        let origin = Origin { start: origin.start, head };
        let order = line.order(course, branch, *copy, anchor.round);
        let trained = jobs.add(train(course, mask, &origin, order, *start));
        let from = *start;
        Grown {
            mask: mask.map(|mask| mask.job),
            train: trained,
            origin: origin_of(&origin, trained),
            anchor: Anchor { course: course.clone(), mask, origin, from, trained, ..(*anchor).clone() },
        }
    }
}
