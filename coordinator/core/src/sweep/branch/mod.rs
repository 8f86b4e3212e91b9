//! Branches: lines of work grown from a trial's rounds, or from other branches. One file per kind, one line in [`KINDS`].
//!
//! A kind reads its own settings and turns an anchor (a round, with what it trained from) into jobs; which rounds, how
//! many copies and by which settings is decided here for all of them.

mod anchor;
mod from;
mod inverted;
mod join;
mod overlay;
mod random_mask;
mod read;
mod reinit;
mod retrain;
mod weights;

pub(super) use self::{
    anchor::Anchor,
    overlay::{Overlay, misfit, overlays},
    read::{names, read},
};

use self::{anchor::Site, from::From};
use super::{
    diagnostic::Notes,
    file::Variant,
    jobs::Jobs,
    kinds::Kind,
    line::{Course, Line, its},
    section::Section,
    tree::Tree,
};
use crate::plan::{RoundPlan, TrialSettings, When};
use std::{collections::HashMap, fmt::Debug, sync::Arc};
use tombola_spec::{Fingerprint, Steps};

/// What is wrong: the setting, the mistake, what to do.
type Fault = (&'static str, String, String);

/// How a kind's settings are read.
type Read = fn(&mut Section<'_, '_>) -> Option<Arc<dyn Grow>>;

/// The registry.
const KINDS: &[Kind<Read>] = &[
    ("reinit", reinit::read),
    ("random_mask", random_mask::read),
    ("inverted", inverted::read),
    ("retrain", retrain::read),
    ("transfer", retrain::read),
    ("join", join::read),
];

/// The name of training on another task before, which stands beside the branches.
pub(super) const PRETRAIN: &str = "pretrain";

/// What a kind of branch does.
pub(super) trait Grow: Debug + Send + Sync {
    /// Adds the jobs of one copy at one anchor; `None` where it cannot grow, which [`Grow::mistake`] has said.
    fn grow(&self, site: &Site<'_>, jobs: &mut Jobs) -> Option<Grown>;

    /// How many jobs [`Grow::grow`] adds.
    fn jobs(&self) -> u64;

    /// Where its training starts.
    fn start(&self) -> From;

    /// The kind's own settings, for people.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// Whether it grows from dense rounds, too.
    fn grows_from_dense(&self) -> bool {
        false
    }

    /// Whether its rounds have the masks of those it grows from.
    fn keeps_mask(&self) -> bool;

    /// Whether its output layer is a new one whatever the classes.
    fn new_head(&self) -> bool {
        false
    }

    /// What its rounds are called in results, if not as the kind is.
    fn label(&self) -> Option<&'static str> {
        None
    }

    /// Whether it trains from the very weights that its anchor did.
    fn keeps_origin(&self) -> bool;

    /// Whether it trains from weights that are 0 outside of a mask.
    fn starts_masked(&self) -> bool {
        false
    }

    /// Whether it goes on from trained weights, output layer included.
    fn goes_on(&self) -> bool {
        false
    }

    /// Whether its masks are made of those of all seeds.
    fn joins_seeds(&self) -> bool {
        false
    }

    /// Why it cannot grow from a branch of this kind, and what to do.
    fn refuses(&self, _parent: &Branch) -> Option<(&'static str, &'static str)> {
        None
    }

    /// What is wrong with it in such a trial.
    fn mistake(&self, _trial: &Variant) -> Option<Fault> {
        None
    }
}

/// One round of a branch, as jobs.
#[derive(Debug)]
pub(super) struct Grown {
    mask: Option<Fingerprint>,
    train: Fingerprint,
    /// The job whose output the training starts from; itself, where it draws its own weights.
    origin: Fingerprint,
    /// What may grow from it in turn.
    anchor: Anchor,
}

/// A branch as written.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) kind: &'static str,
    /// The branch it grows from; `None` = the trial's own line.
    pub(super) of: Option<String>,
    /// The branch whose settings it is trained by; empty for the trial's own.
    course: String,
    /// Rounds it grows from; `None` = every one there is.
    rounds: Option<Vec<u32>>,
    /// Of each round in all: its own, for each copy of what it grows from.
    pub(super) copies: u32,
    /// Its own.
    each: u32,
    pub(super) grow: Arc<dyn Grow>,
    /// Where its training starts, seen from the trial: `Rewind` means the trial's own rewind point.
    from: From,
    /// Whether its masks are those of the trial's own line.
    pub(super) own_masks: bool,
    /// As written, and where, for messages.
    written: Tree,
    at: usize,
}

impl Branch {
    /// The rounds it grows from in a trial of `last` prunings, increasing.
    pub(super) fn rounds_of(&self, last: u32) -> Vec<u32> {
        let first = u32::from(!self.grow.grows_from_dense());
        let mut rounds = self.rounds.clone().unwrap_or_else(|| (first..=last).collect());
        rounds.sort_unstable();
        rounds
    }

    /// How many rounds [`Branch::rounds_of`] gives.
    pub(super) fn rounds_in(&self, last: u32) -> u64 {
        self.rounds_of(last).len() as u64
    }

    /// Where its training starts at an anchor.
    fn starts(&self, course: &Course, anchor: &Anchor) -> Steps {
        match self.grow.start() {
            From::Zero => Steps::ZERO,
            From::Rewind => anchor.from,
            From::At(steps) => its(steps.iterations(course.recipe.iterations_per_epoch())),
        }
    }

    /// One of its rounds, as grown.
    fn round(&self, grown: &Grown, (copy, round): (u32, u32), start: Steps, density: f64) -> RoundPlan {
        RoundPlan {
            branch: self.name.clone(),
            kind: self.grow.label().unwrap_or(self.kind).to_owned(),
            course: grown.anchor.course.name.clone(),
            copy,
            round,
            mask: grown.mask,
            train: vec![grown.train],
            origin: grown.origin,
            start,
            density,
        }
    }

    /// Every setting, for people.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let rounds = self.rounds.as_ref().map_or("all".to_owned(), |rounds| super::resolved::joined(rounds));
        let mut settings = vec![("kind", self.kind.to_owned())];
        settings.push(("of", self.of.clone().unwrap_or_else(|| "ticket".to_owned())));
        settings.extend([("rounds", rounds), ("copies", self.each.to_string())]);
        settings.push(("start", self.grow.start().to_string()));
        settings.extend(self.grow.settings());
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value));
        settings.chain(overlay::written(&self.written)).collect()
    }

    /// Notes what makes no sense with one seed.
    pub(super) fn check_alone(&self, notes: &mut Notes) {
        if self.grow.joins_seeds() {
            let what = format!("`branch.{}`: there is one seed, and no mask to join with its own", self.name);
            notes.problem(self.at, what, "write more seeds, or leave the branch out");
        }
    }

    /// Notes what cannot work in a trial.
    pub(super) fn check(&self, trial: &Variant, notes: &mut Notes) {
        if trial.settings.prune.is_none() {
            return;
        }
        let faults = [self.grow.mistake(trial), self.late(trial), self.foreign(trial), self.unfit(trial)];
        for (key, what, hint) in faults.into_iter().flatten() {
            let at = self.written.get(key).map_or(self.at, |entry| entry.node.at);
            notes.problem(at, format!("`branch.{}.{key}`: {what}", self.name), hint);
        }
    }

    /// The settings it is trained by.
    fn settings_in<'a>(&self, trial: &'a Variant) -> &'a TrialSettings {
        trial.courses.get(&self.course).unwrap_or(&trial.settings)
    }

    /// Whether its training starts when it is over.
    fn late(&self, trial: &Variant) -> Option<Fault> {
        let (settings, prune) = (self.settings_in(trial), trial.settings.prune.as_ref()?);
        let rewind = prune.rewind;
        if self.from == From::Rewind && prune.when == When::EarlyBird && !self.grow.keeps_origin() {
            let what = "where the ticket is found is known to its own weights alone".to_owned();
            return Some(("start", what, "leave it out, or write a number of steps".to_owned()));
        }
        let by =
            |settings: &TrialSettings, steps: Steps| steps.iterations(settings.recipe.iterations_per_epoch());
        let (start, what) = match self.from {
            From::Zero => return None,
            From::At(start) => (by(settings, start), format!("`{start}`")),
            From::Rewind => (by(&trial.settings, rewind), format!("the rewind point, `{rewind}`,")),
        };
        let what = format!("{what} is not before the end of training");
        let hint = format!("training ends at `{}` (`train.steps`)", settings.steps);
        (start >= by(settings, settings.steps)).then_some(("start", what, hint))
    }

    /// Whether it goes on with an output layer that the ticket's mask knows nothing of.
    fn foreign(&self, trial: &Variant) -> Option<Fault> {
        let parent = trial.courses.get(self.of.as_ref()?)?;
        let differ = parent.recipe.data.classes() != trial.settings.recipe.data.classes();
        let what =
            "the output layer it would go on with was drawn for other classes than the mask's".to_owned();
        let hint = "choose other weights, or grow it from the trial's own line".to_owned();
        (differ && self.grow.goes_on()).then_some(("weights", what, hint))
    }

    /// Whether its networks have other shapes than the trial's.
    fn unfit(&self, trial: &Variant) -> Option<Fault> {
        let what = misfit(&trial.settings.recipe, &self.settings_in(trial).recipe)?;
        let hint =
            "a ticket fits networks whose layers have the same shapes; only the output layer may differ";
        Some(("data", what, hint.to_owned()))
    }
}

/// Grows every branch of a trial: `own` are the anchors of its own line, `peers` those of all seeds.
pub(super) fn grow_all(
    line: &Line,
    trial: &Variant,
    branches: &[Branch],
    (own, peers): (&[Anchor], &[&[Anchor]]),
    jobs: &mut Jobs,
    rounds: &mut Vec<RoundPlan>,
) {
    let Some(prune) = &trial.settings.prune else { return };
    let mut grown: HashMap<(&str, u32, u32), Anchor> = HashMap::new();
    for branch in branches {
        let places = (0..branch.copies)
            .flat_map(|copy| branch.rounds_of(prune.rounds).into_iter().map(move |round| (copy, round)));
        for (copy, round) in places {
            let parent = match &branch.of {
                None => own.get(round as usize),
                Some(of) => grown.get(&(of.as_str(), copy / branch.each, round)),
            };
            let Some(mut anchor) = parent.cloned() else { continue };
            if branch.grow.start() != From::Rewind {
                anchor.origin = anchor.origin.elsewhere();
            }
            let course = Arc::new(course(line, trial, branch, &anchor));
            let start = branch.starts(&course, &anchor);
            let site =
                Site { line, anchor: &anchor, course, branch: &branch.name, copy, start, peers, prune };
            let Some(one) = branch.grow.grow(&site, jobs) else { continue };
            let density = rounds.get(round as usize).map_or(1.0, |own| own.density);
            rounds.push(branch.round(&one, (copy, round), start, density));
            grown.insert((&branch.name, copy, round), one.anchor);
        }
    }
}

/// How a branch is trained at an anchor.
fn course(line: &Line, trial: &Variant, branch: &Branch, anchor: &Anchor) -> Course {
    // What trains on from where a ticket did is fine-tuned where the ticket is.
    let follows = branch.of.is_none() && branch.grow.start() == From::Rewind;
    let inherited = || if follows { line.tuned_course() } else { (*anchor.course).clone() };
    let own = trial.courses.get(&branch.name).map(|settings| Course::of(&branch.name, settings));
    let mut course = own.unwrap_or_else(inherited);
    course.new_head |= branch.grow.new_head() || anchor.course.new_head;
    course
}
