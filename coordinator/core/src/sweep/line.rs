//! What the rounds of one trial have in common: its training, cut where others may grow from it.

use super::{file::Variant, files::Files, jobs::Jobs, trunk::Trunk};
use crate::plan::{After, PruneLine, RoundPlan, Scoring, SearchLine, TrialSettings, When};
use std::sync::Arc;
use tombola_spec::{
    Fingerprint, Steps,
    job::{
        Drawn, ImportJob, Input, JobSpec, Network, Output, PruneJob, Scored, Search, Start, Stream, Ticket,
        TrainJob,
    },
    settings::{Augment, Data, Model, Order, Prune, Recipe, Schedule, ScoreData, Train},
};

/// A point in iterations; the sweep file's check keeps them below 2^32. In iterations, so that `1ep` and as many `it`
/// are one job.
pub(super) fn its(iterations: u64) -> Steps {
    Steps::its(u32::try_from(iterations).unwrap_or(u32::MAX))
}

/// How networks are trained: by the trial's own settings, or by those of a branch.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// The branch whose settings they are; empty for the trial's own.
    pub(super) name: String,
    pub(super) recipe: Arc<Recipe>,
    pub(super) end: Steps,
    /// Whether networks get a new output layer, even where the classes are those of the trial.
    pub(super) new_head: bool,
}

impl Course {
    pub(super) fn of(name: &str, settings: &TrialSettings) -> Self {
        let recipe = settings.recipe.clone();
        let end = its(settings.steps.iterations(recipe.iterations_per_epoch()));
        Self { name: name.to_owned(), recipe, end, new_head: false }
    }
}

/// Weights to start from, and the draw of their output layer, where that is a new one.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) start: Start,
    pub(super) head: Option<Stream>,
}

impl Origin {
    /// The same weights, for a training that begins at a step of its own.
    pub(super) fn elsewhere(self) -> Self {
        match self.start {
            Start::Found(cut) => Self { start: Start::Rewind(cut), ..self },
            _ => self,
        }
    }

    /// Weights whose output layer stays.
    pub(super) fn of(start: Start) -> Self {
        Self { start, head: None }
    }
}

/// What all rounds and branches of one trial have in common.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) course: Arc<Course>,
    /// How survivors are trained: by the course, or finely tuned.
    tuned: Arc<Recipe>,
    pub(super) network: Network,
    seed: u64,
    repeat: u32,
    /// What the trial begins with, if that is not drawn.
    pub(super) pretrained: Option<Pretrained>,
    files: Arc<Files>,
    /// The dense training's segments.
    pub(super) dense: Vec<Fingerprint>,
    /// The segment that ends at the rewind point; `None` = rewind to initialization.
    trunk: Option<Fingerprint>,
    pub(super) rewind: Steps,
    after: After,
    restarts: bool,
    /// The early-bird ticket, where one is searched for.
    ticket: Option<Ticket>,
}

/// Training on another task, or a file of people's own.
#[derive(Debug)]
pub(super) struct Pretrained {
    pub(super) job: Fingerprint,
    /// Whether it was trained here.
    pub(super) trained: bool,
    /// Whether it has other classes, so that the output layer is drawn anew.
    other_classes: bool,
}

impl Line {
    pub(super) fn new(variant: &Variant, seed: u64, repeat: u32, jobs: &mut Jobs) -> Self {
        let settings = &variant.settings;
        let course = Course::of("", settings);
        let network = course.recipe.network();
        let prune = settings.prune.as_ref();
        let per_epoch = course.recipe.iterations_per_epoch();
        let after = prune.map_or(After::Rewind, |line| line.after);
        let tuned = match after {
            After::Finetune => finely_tuned(&course.recipe, course.end),
            After::Rewind | After::LrRewind => course.recipe.clone(),
        };
        let mut line = Self {
            tuned,
            network,
            seed,
            repeat,
            pretrained: None,
            files: variant.files.clone(),
            dense: Vec::new(),
            trunk: None,
            rewind: its(prune.map_or(0, |line| line.rewind.iterations(per_epoch))),
            after,
            restarts: prune.is_some_and(|line| line.trunk == crate::plan::Trunk::Restart),
            course: Arc::new(course),
            ticket: None,
        };
        line.pretrain(settings, jobs);
        line
    }

    fn pretrain(&mut self, settings: &TrialSettings, jobs: &mut Jobs) {
        if let Some(name) = &settings.weights {
            // It cannot have other classes: its shapes are checked when it is taken in.
            let job = self.import(&name.of(self.seed, self.repeat, 0), Output::Weights, None);
            let other_classes = false;
            self.pretrained = job.map(|job| Pretrained { job: jobs.add(job), other_classes, trained: false });
        }
        let Some(before) = &settings.pretrain else { return };
        let (recipe, order) = (before.recipe.clone(), self.stream("pretrain", 0, 0));
        let to = its(before.steps.iterations(recipe.iterations_per_epoch()));
        let other_classes = recipe.data.classes() != self.network.classes;
        let job = TrainJob { order, ..TrainJob::dense(recipe, self.stream("", 0, 0), to) };
        let job = jobs.add(JobSpec::Train(job));
        self.pretrained = Some(Pretrained { job, other_classes, trained: true });
    }

    /// Adds the segments of the dense training.
    pub(super) fn train_densely(&mut self, trunk: &Trunk, jobs: &mut Jobs) {
        let (mut origin, mut from) = (self.initialization(), Steps::ZERO);
        for &point in &trunk.points {
            let to = its(point);
            let segment = jobs.add(JobSpec::Train(TrainJob {
                recipe: self.course.recipe.clone(),
                start: origin.start,
                mask: None,
                order: self.order(&self.course, "", 0, 0),
                from,
                to,
                keep_state: point < trunk.longest,
                head: origin.head,
                search: None,
            }));
            self.dense.push(segment);
            let here = to == self.rewind;
            if here {
                self.trunk = Some(segment);
            }
            let anew = here && self.restarts;
            origin = Origin::of(if anew { Start::Rewind(segment) } else { Start::Continue(segment) });
            from = to;
        }
    }

    /// Adds the training that searches for an early-bird ticket: the dense one, up to where it is found.
    pub(super) fn search(&mut self, prune: &PruneLine, rules: &[Prune], jobs: &mut Jobs) {
        let Some(SearchLine { settled, whole }) = prune.search else { return };
        let own = prune.step(1);
        let Some(rule) = (0..).zip(rules).find_map(|(number, rule)| (*rule == own).then_some(number)) else {
            return;
        };
        let ties = self.stream("", 0, 1);
        let search = Search { rules: rules.to_vec(), settled, whole, ties };
        let (order, origin) = (self.order(&self.course, "", 0, 0), self.initialization());
        let job = match train(&self.course, None, &origin, order, Steps::ZERO) {
            JobSpec::Train(job) => JobSpec::Train(TrainJob { search: Some(Arc::new(search)), ..job }),
            other => other,
        };
        self.ticket = Some(Ticket { search: jobs.add(job), rule });
    }

    /// Whether stored segments are this dense training, and cut where this line rewinds to.
    pub(super) fn stands_on(&self, dense: &[Arc<JobSpec>]) -> bool {
        let ends = dense.iter().filter_map(|spec| match &**spec {
            JobSpec::Train(job) if job.recipe == self.course.recipe && job.mask.is_none() => Some(job.to),
            _ => None,
        });
        let ends: Vec<Steps> = ends.collect();
        ends.len() == dense.len()
            && ends.last() == Some(&self.course.end)
            && (self.rewind.is_zero() || ends.contains(&self.rewind))
    }

    /// Takes stored segments over as they are.
    pub(super) fn keep(&mut self, dense: &[Arc<JobSpec>], jobs: &mut Jobs) {
        for spec in dense {
            let segment = jobs.add(JobSpec::clone(spec));
            self.dense.push(segment);
            if matches!(&**spec, JobSpec::Train(job) if job.to == self.rewind) {
                self.trunk = Some(segment);
            }
        }
    }

    pub(super) fn stream(&self, branch: &str, copy: u32, round: u32) -> Stream {
        Stream { seed: self.seed, branch: branch.to_owned(), copy, round, repeat: self.repeat }
    }

    /// The data order of a training by `course`.
    pub(super) fn order(&self, course: &Course, branch: &str, copy: u32, round: u32) -> Stream {
        match course.recipe.train.order {
            Order::Fresh => self.stream(branch, copy, round),
            Order::Same => self.stream(branch, copy, 0),
        }
    }

    /// The weights the trial begins with.
    pub(super) fn initialization(&self) -> Origin {
        let own = self.stream("", 0, 0);
        match &self.pretrained {
            None => Origin::of(Start::Init(own)),
            Some(before) => {
                Origin { start: Start::Rewind(before.job), head: before.other_classes.then_some(own) }
            }
        }
    }

    pub(super) fn drawn(&self) -> Drawn {
        Drawn { model: undropped(&self.course.recipe.model), init: self.stream("", 0, 0) }
    }

    /// The weights that the first prune step scores.
    pub(super) fn scored(&self, when: When) -> Option<Scored> {
        match when {
            When::Trained => self.dense.last().copied().map(Scored::Trained),
            When::Rewind => self.trunk.map(Scored::Trained),
            When::EarlyBird => self.ticket.map(Scored::Found),
            When::Init => Some(match &self.pretrained {
                Some(before) => Scored::Trained(before.job),
                None => Scored::Drawn(self.drawn()),
            }),
        }
    }

    /// The taking in of a file; `None` only for one that [`super::files::check`] has missed.
    fn import(&self, name: &str, holds: Output, density: Option<f64>) -> Option<JobSpec> {
        let (network, file) = (self.network.clone(), *self.files.get(name)?);
        Some(JobSpec::Import(ImportJob { network, file, holds, density }))
    }

    /// What gives a round its mask, of which `density` of all weights live: a prune step, or a file.
    pub(super) fn cutting(
        &self,
        prune: &PruneLine,
        scored: (Scored, Option<Input>),
        (round, density): (u32, f64),
        jobs: &mut Jobs,
    ) -> Option<JobSpec> {
        let Some(given) = &prune.given else {
            return Some(JobSpec::Prune(self.pruning(prune, scored, round)));
        };
        let name = given.file.of(self.seed, self.repeat, round);
        if given.holds == Output::Mask {
            return self.import(&name, given.holds, Some(density));
        }
        let job = jobs.add(self.import(&name, given.holds, None)?);
        let scores = Some(Input { job, output: given.holds });
        Some(JobSpec::Prune(PruneJob { scores, ..self.pruning(prune, scored, round) }))
    }

    /// The prune step before a round.
    fn pruning(&self, prune: &PruneLine, (weights, mask): (Scored, Option<Input>), round: u32) -> PruneJob {
        let PruneLine { rule, score, .. } = prune;
        PruneJob {
            network: self.network.clone(),
            rule: prune.step(round),
            weights,
            initial: rule.criterion.needs_initial().then(|| self.drawn()),
            data: score.as_ref().map(|score| Arc::new(self.score_data(score, round))),
            mask,
            scores: None,
            ties: self.stream("", 0, round),
        }
    }

    pub(super) fn score_data(&self, scoring: &Scoring, round: u32) -> ScoreData {
        let Scoring { per_class, balanced, seed, mode } = *scoring;
        let own = self.stream("", 0, round);
        let stream =
            seed.map_or(own, |seed| Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 });
        let recipe = &self.course.recipe;
        ScoreData {
            // Examples are looked at as they are: trials that vary them differently share their masks.
            data: Data { augment: Augment::None, ..recipe.data.clone() },
            per_class,
            balanced,
            stream,
            // A ranking hangs on differences that 8 bits of mantissa lose.
            dtype: recipe.dtype.kept(),
            mode,
        }
    }

    /// The weights of the rewind point.
    pub(super) fn rewound(&self) -> Origin {
        self.trunk.map_or_else(|| self.initialization(), |trunk| Origin::of(Start::Rewind(trunk)))
    }

    /// What survivors of the prune step `cut` train on from; `before`: the end of the round before.
    pub(super) fn survivors(&self, before: Option<Fingerprint>, cut: Fingerprint) -> Origin {
        match (self.after, before) {
            (After::LrRewind | After::Finetune, Some(before)) => Origin::of(Start::Rewind(before)),
            _ if self.ticket.is_some() => Origin::of(Start::Found(cut)),
            _ => self.rewound(),
        }
    }

    /// The training of a pruned round of the trial's own.
    pub(super) fn train(&self, mask: Input, origin: &Origin, round: u32) -> JobSpec {
        let course = self.tuned_course();
        let order = self.order(&course, "", 0, round);
        train(&course, Some(mask), origin, order, self.rewind)
    }

    /// How survivors are trained.
    pub(super) fn tuned_course(&self) -> Course {
        Course { recipe: self.tuned.clone(), ..(*self.course).clone() }
    }

    /// A round's training from its rewind point on, once more: equal in everything but the order of the data, which is that
    /// of another `copy`. Copy 0 is the round's own training. The optimizer goes on or begins anew as it does there.
    pub(super) fn retrain(&self, round: &RoundPlan, copy: u32, jobs: &mut Jobs) -> Option<Fingerprint> {
        let own = round.train.last().copied()?;
        if copy == 0 {
            return Some(own);
        }
        let JobSpec::Train(spec) = jobs.spec(own)? else { return None };
        // No branch has such a name, so that this noise is no branch's.
        let name = format!("{}/{}", round.branch, round.copy);
        let course = Course { recipe: spec.recipe.clone(), ..(*self.course).clone() };
        let order = self.order(&course, &name, copy, round.round);
        let job = match (round.mask, round.branch.is_empty()) {
            (None, true) => {
                let origin = match self.trunk {
                    Some(trunk) if self.restarts => Origin::of(Start::Rewind(trunk)),
                    Some(trunk) => Origin::of(Start::Continue(trunk)),
                    None => self.initialization(),
                };
                train(&course, None, &origin, order, self.rewind)
            }
            _ => JobSpec::Train(TrainJob { order, keep_state: false, ..spec.clone() }),
        };
        Some(jobs.add(job))
    }
}

/// What is dropped in training changes no draw: trials that differ in it share a mask.
pub(super) fn undropped(model: &Model) -> Model {
    Model { dropout: 0.0, ..model.clone() }
}

/// A training by `course` to its end.
pub(super) fn train(
    course: &Course,
    mask: Option<Input>,
    origin: &Origin,
    order: Stream,
    from: Steps,
) -> JobSpec {
    let (Origin { start, head }, recipe, to) = (origin.clone(), course.recipe.clone(), course.end);
    JobSpec::Train(TrainJob { recipe, start, mask, order, from, to, keep_state: false, head, search: None })
}

/// The recipe of fine-tuning: the learning rate of the last iteration throughout.
fn finely_tuned(recipe: &Recipe, end: Steps) -> Arc<Recipe> {
    let per_epoch = recipe.iterations_per_epoch();
    let last = end.iterations(per_epoch).saturating_sub(1);
    let train = Train {
        lr: recipe.train.lr_at(last, per_epoch),
        milestones: Vec::new(),
        gamma: 1.0,
        warmup: Steps::ZERO,
        schedule: Schedule::Step,
        ..recipe.train.clone()
    };
    Arc::new(Recipe { train, ..recipe.clone() })
}
