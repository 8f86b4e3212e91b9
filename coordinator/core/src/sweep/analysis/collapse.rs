//! `collapse`: how far criteria can compress the untrained network before one of its layers is empty (arXiv 2006.05467,
//! section 3 and Figure 1).

use super::{Compare, Given};
use crate::{
    plan::{AnalysisPlan, RoundPlan, Scoring},
    sweep::{
        branch::Branch,
        file::Variant,
        jobs::Jobs,
        line::Line,
        section::Section,
        settings::{SCORE_MODES, examples, read_criteria},
        tree::{Node, Val},
        value::{Reading, bounds, non_negative, not, positive, word_of},
    },
};
use std::sync::Arc;
use tombola_spec::{
    job::{CollapseJob, JobSpec},
    settings::{Criterion, CutSchedule, Dtype, GraspSign},
};

/// Far beyond any use: who asks for more has mistyped.
const MOST_POINTS: f64 = 1000.0;

/// The paper's five.
const CRITERIA: [Criterion; 5] = [
    Criterion::Random,
    Criterion::Magnitude,
    Criterion::Snip,
    Criterion::Grasp { temperature: 200.0, sign: GraspSign::Paper },
    Criterion::Synflow { iterations: 100, schedule: CutSchedule::Exponential, dtype: Dtype::F64 },
];

/// The prune step that pruning at initialization is: the search finds the masks that such trials get.
const ROUND: u32 = 1;

#[derive(Debug)]
struct Collapse {
    criteria: Vec<Criterion>,
    /// First and last exponent.
    exponents: (f64, f64),
    step: f64,
    refine: f64,
    /// `None` where none of the criteria looks at examples.
    scoring: Option<Scoring>,
}

pub(super) fn read(table: &mut Section<'_, '_>, _given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let criteria = read_criteria("criteria", table).map(|read| read.unwrap_or_else(|| CRITERIA.into()));
    let criteria = criteria.and_then(|criteria| fitting(criteria, table));
    // No network has 10^10 weights: the scan ends where the first layer does.
    let exponents = table.or("log10", (0.0, 10.0), exponents);
    let step = table.or("step", 0.25, positive);
    let refine = table.or("refine", 0.05, non_negative);
    if let (Some(step), Some(refine)) = (step, refine)
        && refine >= step
    {
        let what = format!("`{refine}` is no finer than the scan, which goes by `{step}`");
        table.complain("refine", what, "make it smaller, or 0 for no refinement");
        return None;
    }
    if let (Some((from, to)), Some(step)) = (exponents, step)
        && (to - from) / step > MOST_POINTS
    {
        let what = format!("`{step}` makes more than {MOST_POINTS} compressions of 10^{from} to 10^{to}");
        table.complain("step", what, "make it larger");
        return None;
    }
    let looks = criteria.as_ref().is_none_or(|criteria| criteria.iter().any(Criterion::needs_data));
    let scoring = if looks {
        examples(table).map(Some)
    } else {
        let what = "says which examples are looked at, and none of these criteria looks at any";
        table.refuse(&["score_data", "score_mode"], what, "leave it out");
        Some(None)
    };
    let (criteria, exponents) = (criteria?, exponents?);
    Some(Arc::new(Collapse { criteria, exponents, step: step?, refine: refine?, scoring: scoring? }))
}

/// The criteria, if they can score an untrained network and each is there once.
fn fitting(criteria: Vec<Criterion>, table: &mut Section<'_, '_>) -> Option<Vec<Criterion>> {
    let names: Vec<&str> = criteria.iter().map(Criterion::name).collect();
    if let Some(criterion) = criteria.iter().find(|criterion| criterion.needs_initial()) {
        let what =
            format!("`{}` compares trained with initial weights, and nothing is trained", criterion.name());
        table.complain("criteria", what, "choose another criterion");
        return None;
    }
    let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
    if names.is_empty() || twice.is_some() {
        let what =
            twice.map_or("there is nothing in it".to_owned(), |(_, name)| format!("`{name}` is there twice"));
        table.complain("criteria", what, "write each of what you want once");
        return None;
    }
    Some(criteria)
}

/// `"0..=6.5"`
fn exponents(node: &Node) -> Reading<(f64, f64)> {
    let read = |text: &str| -> Option<(f64, f64)> {
        let (from, to, inclusive) = bounds(text)?;
        let (from, to) = (from.parse::<f64>().ok()?, to.parse::<f64>().ok()?);
        (inclusive && from >= 0.0 && from <= to && to <= 20.0).then_some((from, to))
    };
    let found = match &node.value {
        Val::Text(text) => read(text),
        _ => None,
    };
    let hint = "compressions are powers of ten: `\"0..=6.5\"`, at most 20";
    found.map_or_else(|| not(node, "a range of exponents from 0", hint), Ok)
}

impl Collapse {
    fn job(&self, criterion: Criterion, line: &Line) -> CollapseJob {
        let score = |scoring: &Scoring| Arc::new(line.score_data(scoring, ROUND));
        CollapseJob {
            network: line.network.clone(),
            criterion,
            drawn: line.drawn(),
            data: self.scoring.as_ref().filter(|_| criterion.needs_data()).map(score),
            ties: line.stream("", 0, ROUND),
            from: self.exponents.0,
            to: self.exponents.1,
            step: self.step,
            refine: self.refine,
        }
    }
}

impl Compare for Collapse {
    fn compare(&self, name: &str, line: &Line, _rounds: &[RoundPlan], jobs: &mut Jobs) -> Vec<AnalysisPlan> {
        let mut plan = |(number, criterion): (u32, &Criterion)| AnalysisPlan {
            analysis: name.to_owned(),
            ends: "criteria".to_owned(),
            branch: String::new(),
            copy: 0,
            round: 0,
            pair: [number, number],
            job: jobs.add(JobSpec::Collapse(self.job(*criterion, line))),
        };
        (0..).zip(&self.criteria).map(&mut plan).collect()
    }

    fn most_jobs(&self, _last: u32, _branches: &[Branch]) -> u64 {
        self.criteria.len() as u64
    }

    fn mistake(&self, trial: &Variant) -> Option<(&'static str, String, String)> {
        if trial.settings.pretrain.is_some() {
            let what = "weights are scored as they are drawn, and the trial begins with others".to_owned();
            return Some(("kind", what, "leave `pretrain` out, or this analysis".to_owned()));
        }
        let data = &trial.settings.recipe.data;
        let wanted = u64::from(self.scoring.as_ref()?.per_class) * u64::from(data.classes());
        (wanted > data.train_examples().into()).then(|| {
            let what = format!("{wanted} examples for {} classes", data.classes());
            ("score_data", what, format!("{} are trained on", data.train_examples()))
        })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let (from, to) = self.exponents;
        let mut settings = vec![
            ("criteria", self.criteria.iter().map(Criterion::name).collect::<Vec<_>>().join(", ")),
            ("log10", format!("{from}..={to}")),
            ("step", self.step.to_string()),
            ("refine", self.refine.to_string()),
        ];
        if let Some(Scoring { per_class, balanced, seed, mode }) = &self.scoring {
            let seed = seed.map_or_else(|| "the trial's".to_owned(), |seed| seed.to_string());
            settings.push(("score_data.per_class", per_class.to_string()));
            settings.push(("score_data.balanced", balanced.to_string()));
            settings.push(("score_data.seed", seed));
            settings.push(("score_mode", word_of(SCORE_MODES, *mode).to_owned()));
        }
        settings
    }
}
