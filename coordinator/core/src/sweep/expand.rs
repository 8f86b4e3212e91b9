//! From settings to jobs: dense trunks cut at anchors, rounds of pruning and rewinding, branches, analyses.

use super::{
    analysis::Analysis,
    branch::{Branch, From, Grown},
    diagnostic::{Diagnostic, Diagnostics},
    file::{SweepFile, Variant},
    jobs::Jobs,
};
use crate::plan::{Plan, PruneLine, RoundPlan, Scoring, TrialPlan, When};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tombola_spec::{
    Fingerprint, Steps,
    job::{Drawn, Input, JobSpec, Network, Output, PruneJob, Scored, Start, Stream, TrainJob},
    ladder,
    settings::{Augment, Data, Model, Order, Prune, Recipe, ScoreData},
};

/// Most jobs a sweep may ask for.
pub const MOST_JOBS: u64 = 200_000;

/// The dense training of trials that are stored, segments in order, by trial key.
pub type Dense = BTreeMap<String, Vec<Arc<JobSpec>>>;

/// The plan of a sweep file.
///
/// # Errors
/// When it asks for more than [`MOST_JOBS`] jobs.
pub fn expand(file: &SweepFile) -> Result<Plan, Diagnostics> {
    expand_onto(file, &Dense::new())
}

/// The plan of a file that extends a stored sweep. What is trained stays cut where it was cut: another rewind point
/// would otherwise make all work of the trials there are other work.
///
/// # Errors
/// When it asks for more than [`MOST_JOBS`] jobs.
pub fn expand_onto(file: &SweepFile, stored: &Dense) -> Result<Plan, Diagnostics> {
    let trunks = Trunks::of(&file.variants);
    check_size(file, &trunks)?;
    let mut jobs = Jobs::default();
    let mut trials = Vec::new();
    for variant in &file.variants {
        let trunk = trunks.trunk(variant);
        for &seed in &file.seeds {
            for repeat in 0..file.repeat {
                let mut line = Line::new(variant, seed, repeat);
                match stored.get(&key(&variant.axes, seed, repeat)).filter(|dense| line.stands_on(dense)) {
                    Some(dense) => line.keep(dense, &mut jobs),
                    None => line.train_densely(&trunk, &mut jobs),
                }
                trials.push(trial(&line, variant, file, &mut jobs));
            }
        }
    }
    let jobs = jobs.finish(&trials);
    Ok(Plan { name: file.name.clone(), trials, jobs })
}

fn check_size(file: &SweepFile, trunks: &Trunks) -> Result<(), Diagnostics> {
    let one = |variant: &Variant| {
        let last = variant.settings.prune.as_ref().map_or(0, |line| line.rounds);
        let branches = file
            .branches
            .iter()
            .map(|branch| branch.rounds_in(last) * u64::from(branch.copies) * branch.grow.jobs());
        let analyses = file.analyses.iter().map(|analysis| analysis.compare.most_jobs(last, &file.branches));
        let own = trunks.trunk(variant).points.len() as u64 + 2 * u64::from(last);
        branches.chain(analyses).fold(own, u64::saturating_add)
    };
    let trials = file.seeds.len() as u64 * u64::from(file.repeat);
    let jobs = file.variants.iter().map(one).fold(0u64, u64::saturating_add).saturating_mul(trials);
    if jobs <= MOST_JOBS {
        return Ok(());
    }
    let (line, column) = file.place;
    let what = format!("the sweep asks for {jobs} jobs; at most {MOST_JOBS} are possible");
    let hint =
        "split it into several sweeps: what they have in common is trained once all the same".to_owned();
    Err(Diagnostics(vec![Diagnostic { line, column, what, hint }]))
}

/// Where the dense training of each recipe is cut: at all rewind points and ends of its trials, so that they share
/// their trunk. By recipe as text; iterations in increasing order.
#[derive(Debug, Default)]
struct Trunks(BTreeMap<String, BTreeSet<u64>>);

/// The dense training of one trial: where its segments end, and the point of its recipe's longest training.
#[derive(Debug)]
struct Trunk {
    points: Vec<u64>,
    longest: u64,
}

impl Trunks {
    fn of(variants: &[Variant]) -> Self {
        let mut trunks = Self::default();
        for variant in variants {
            let points = trunks.0.entry(recipe_key(variant)).or_default();
            points.extend(rewind_of(variant).filter(|k| *k > 0));
            points.insert(end_of(variant));
        }
        trunks
    }

    fn trunk(&self, variant: &Variant) -> Trunk {
        let end = end_of(variant);
        let all = || self.0.get(&recipe_key(variant)).into_iter().flatten().copied();
        Trunk { points: all().filter(|point| *point <= end).collect(), longest: all().last().unwrap_or(end) }
    }
}

fn recipe_key(variant: &Variant) -> String {
    format!("{:?}", variant.settings.recipe)
}

fn end_of(variant: &Variant) -> u64 {
    variant.settings.steps.iterations(variant.settings.recipe.iterations_per_epoch())
}

fn rewind_of(variant: &Variant) -> Option<u64> {
    let per_epoch = variant.settings.recipe.iterations_per_epoch();
    variant.settings.prune.as_ref().map(|line| line.rewind.iterations(per_epoch))
}

/// A point in iterations; the sweep file's check keeps them below 2^32. In iterations, so that `1ep` and as many `it`
/// are one job.
fn its(iterations: u64) -> Steps {
    Steps::its(u32::try_from(iterations).unwrap_or(u32::MAX))
}

/// What all rounds and branches of one trial have in common.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) recipe: Arc<Recipe>,
    pub(super) network: Network,
    seed: u64,
    repeat: u32,
    /// The dense training's segments.
    dense: Vec<Fingerprint>,
    /// The segment that ends at the rewind point; `None` = rewind to initialization.
    trunk: Option<Fingerprint>,
    rewind: Steps,
    end: Steps,
}

impl Line {
    fn new(variant: &Variant, seed: u64, repeat: u32) -> Self {
        let recipe = variant.settings.recipe.clone();
        let network = recipe.network();
        let (rewind, end) = (its(rewind_of(variant).unwrap_or(0)), its(end_of(variant)));
        Self { recipe, network, seed, repeat, dense: Vec::new(), trunk: None, rewind, end }
    }

    /// Adds the segments of the dense training.
    fn train_densely(&mut self, trunk: &Trunk, jobs: &mut Jobs) {
        let (mut start, mut from) = (self.initialization(), Steps::ZERO);
        for &point in &trunk.points {
            let to = its(point);
            let segment = jobs.add(JobSpec::Train(TrainJob {
                recipe: self.recipe.clone(),
                start,
                mask: None,
                order: self.order("", 0, 0),
                from,
                to,
                keep_state: point < trunk.longest,
            }));
            self.dense.push(segment);
            if to == self.rewind {
                self.trunk = Some(segment);
            }
            (start, from) = (Start::Continue(segment), to);
        }
    }

    /// Whether stored segments are this dense training, and cut where this line rewinds to.
    fn stands_on(&self, dense: &[Arc<JobSpec>]) -> bool {
        let ends = dense.iter().filter_map(|spec| match &**spec {
            JobSpec::Train(job) if job.recipe == self.recipe && job.mask.is_none() => Some(job.to),
            _ => None,
        });
        let ends: Vec<Steps> = ends.collect();
        ends.len() == dense.len()
            && ends.last() == Some(&self.end)
            && (self.rewind.is_zero() || ends.contains(&self.rewind))
    }

    /// Takes stored segments over as they are.
    fn keep(&mut self, dense: &[Arc<JobSpec>], jobs: &mut Jobs) {
        for spec in dense {
            let segment = jobs.add(JobSpec::clone(spec));
            self.dense.push(segment);
            if matches!(&**spec, JobSpec::Train(job) if job.to == self.rewind) {
                self.trunk = Some(segment);
            }
        }
    }

    fn stream(&self, branch: &str, copy: u32, round: u32) -> Stream {
        Stream { seed: self.seed, branch: branch.to_owned(), copy, round, repeat: self.repeat }
    }

    fn order(&self, branch: &str, copy: u32, round: u32) -> Stream {
        match self.recipe.train.order {
            Order::Fresh => self.stream(branch, copy, round),
            Order::Same => self.stream(branch, copy, 0),
        }
    }

    /// The trial's own initialization.
    pub(super) fn initialization(&self) -> Start {
        Start::Init(self.stream("", 0, 0))
    }

    fn drawn(&self) -> Drawn {
        // What is dropped in training changes no draw: trials that differ in it share a mask.
        let model = Model { dropout: 0.0, ..self.recipe.model.clone() };
        Drawn { model, init: self.stream("", 0, 0) }
    }

    /// The weights that the first prune step scores.
    fn scored(&self, when: When) -> Option<Scored> {
        match when {
            When::Trained => self.dense.last().copied().map(Scored::Trained),
            When::Rewind => self.trunk.map(Scored::Trained),
            When::Init => Some(Scored::Drawn(self.drawn())),
        }
    }

    /// The prune step before a round.
    fn pruning(&self, prune: &PruneLine, weights: Scored, mask: Option<Input>, round: u32) -> PruneJob {
        let PruneLine { rule, rounds, score, .. } = prune;
        let amount = rule.amount.after(round, *rounds);
        PruneJob {
            network: self.network.clone(),
            rule: Prune { amount, ..rule.clone() },
            weights,
            initial: rule.criterion.needs_initial().then(|| self.drawn()),
            data: score.as_ref().map(|score| Arc::new(self.score_data(score, round))),
            mask,
            ties: self.stream("", 0, round),
        }
    }

    fn score_data(&self, scoring: &Scoring, round: u32) -> ScoreData {
        let Scoring { per_class, balanced, seed, mode } = *scoring;
        let own = self.stream("", 0, round);
        let stream =
            seed.map_or(own, |seed| Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 });
        ScoreData {
            // Examples are looked at as they are: trials that vary them differently share their masks.
            data: Data { augment: Augment::None, ..self.recipe.data.clone() },
            per_class,
            balanced,
            stream,
            dtype: self.recipe.dtype,
            mode,
        }
    }

    /// The weights survivors go back to.
    pub(super) fn rewound(&self) -> Start {
        self.trunk.map_or_else(|| self.initialization(), Start::Rewind)
    }

    /// A round's training from its rewind point on, once more: equal in everything but the order of the data, which is that
    /// of another `copy`. Copy 0 is the round's own training. The optimizer goes on or begins anew as it does there.
    pub(super) fn retrain(&self, round: &RoundPlan, copy: u32, jobs: &mut Jobs) -> Option<Fingerprint> {
        // No branch has such a name, so that this noise is no branch's.
        let order = self.order(&format!("{}/{}", round.branch, round.copy), copy, round.round);
        let job = match (round.mask, round.train.last()) {
            _ if copy == 0 => return round.train.last().copied(),
            (None, _) => TrainJob {
                recipe: self.recipe.clone(),
                start: self.trunk.map_or_else(|| self.initialization(), Start::Continue),
                mask: None,
                order,
                from: self.rewind,
                to: self.end,
                keep_state: false,
            },
            (Some(_), Some(own)) => {
                let Some(JobSpec::Train(own)) = jobs.spec(*own) else { return None };
                TrainJob { order, ..own.clone() }
            }
            (Some(_), None) => return None,
        };
        Some(jobs.add(JobSpec::Train(job)))
    }

    fn start_of(&self, branch: &Branch) -> Steps {
        match branch.grow.start() {
            From::Zero => Steps::ZERO,
            From::Rewind => self.rewind,
            From::At(steps) => its(steps.iterations(self.recipe.iterations_per_epoch())),
        }
    }

    fn train(&self, mask: Input, start: Start, order: Stream, from: Steps) -> JobSpec {
        let (recipe, to) = (self.recipe.clone(), self.end);
        JobSpec::Train(TrainJob { recipe, start, mask: Some(mask), order, from, to, keep_state: false })
    }
}

/// A round of a trial that one copy of a branch grows from.
#[derive(Debug)]
pub(super) struct Anchor<'a> {
    pub(super) line: &'a Line,
    branch: &'a str,
    copy: u32,
    round: u32,
    /// The round's mask.
    pub(super) mask: Input,
    /// The step the branch starts at.
    start: Steps,
}

impl Anchor<'_> {
    /// The branch's own noise at this anchor.
    pub(super) fn stream(&self) -> Stream {
        self.line.stream(self.branch, self.copy, self.round)
    }

    /// Trains `weights` to the end with the branch's own data order.
    pub(super) fn train(&self, jobs: &mut Jobs, mask: Input, weights: Start) -> Grown {
        let order = self.line.order(self.branch, self.copy, self.round);
        let rewound_to = match weights {
            Start::Rewind(segment) => Some(segment),
            Start::Init(_) | Start::Continue(_) => None,
        };
        let train = jobs.add(self.line.train(mask, weights, order, self.start));
        Grown { mask: mask.job, train, origin: rewound_to.unwrap_or(train) }
    }
}

fn trial(line: &Line, variant: &Variant, file: &SweepFile, jobs: &mut Jobs) -> TrialPlan {
    let mut rounds = vec![RoundPlan {
        branch: String::new(),
        kind: "ticket".to_owned(),
        copy: 0,
        round: 0,
        mask: None,
        train: line.dense.clone(),
        origin: line.dense[0],
        start: Steps::ZERO,
        density: 1.0,
    }];
    if let Some(prune) = &variant.settings.prune {
        let ladder = line
            .recipe
            .architecture()
            .map(|architecture| ladder::densities(&architecture, &prune.rule, prune.rounds))
            .unwrap_or_default();
        own_rounds(line, prune, &ladder, jobs, &mut rounds);
        for branch in &file.branches {
            branch_rounds(line, branch, prune.rounds, jobs, &mut rounds);
        }
    }
    let compared = |analysis: &Analysis| analysis.compare.compare(&analysis.name, line, &rounds, jobs);
    let analyses = file.analyses.iter().flat_map(compared).collect();
    TrialPlan {
        key: key(&variant.axes, line.seed, line.repeat),
        seed: line.seed,
        repeat: line.repeat,
        axes: variant.axes.clone(),
        settings: variant.settings.clone(),
        rounds,
        analyses,
    }
}

/// Prune, rewind, train, as often as the line says.
fn own_rounds(line: &Line, prune: &PruneLine, ladder: &[f64], jobs: &mut Jobs, rounds: &mut Vec<RoundPlan>) {
    let mut weights = line.scored(prune.when);
    let mut mask = None;
    for (round, &density) in (0..).zip(ladder).skip(1) {
        let Some(scored) = weights else { return };
        let pruning = jobs.add(JobSpec::Prune(line.pruning(prune, scored, mask, round)));
        let input = Input { job: pruning, output: Output::Mask };
        let order = line.order("", 0, round);
        let train = jobs.add(line.train(input, line.rewound(), order, line.rewind));
        rounds.push(RoundPlan {
            branch: String::new(),
            kind: "ticket".to_owned(),
            copy: 0,
            round,
            mask: Some(pruning),
            train: vec![train],
            origin: line.trunk.unwrap_or(train),
            start: line.rewind,
            density,
        });
        (weights, mask) = (Some(Scored::Trained(train)), Some(input));
    }
}

fn branch_rounds(line: &Line, branch: &Branch, last: u32, jobs: &mut Jobs, rounds: &mut Vec<RoundPlan>) {
    let start = line.start_of(branch);
    for copy in 0..branch.copies {
        for round in branch.rounds_of(last) {
            // The trial's own rounds stand first, in order.
            let Some((Some(mask), density)) = rounds.get(round as usize).map(|own| (own.mask, own.density))
            else {
                continue;
            };
            let mask = Input { job: mask, output: Output::Mask };
            let anchor = Anchor { line, branch: &branch.name, copy, round, mask, start };
            let grown = branch.grow.grow(&anchor, jobs);
            rounds.push(RoundPlan {
                branch: branch.name.clone(),
                kind: branch.kind.to_owned(),
                copy,
                round,
                mask: Some(grown.mask),
                train: vec![grown.train],
                origin: grown.origin,
                start,
                density,
            });
        }
    }
}

/// A trial's name inside its sweep. Repeat 0 is left out, so that asking for repeats later keeps the trials there are.
fn key(axes: &BTreeMap<String, Value>, seed: u64, repeat: u32) -> String {
    let mut words: Vec<String> =
        axes.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    words.push(format!("seed={seed}"));
    if repeat > 0 {
        words.push(format!("repeat={repeat}"));
    }
    words.join(" ")
}

/// A value without quotes where they are not needed.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b)) => {
            text.clone()
        }
        other => other.to_string(),
    }
}
