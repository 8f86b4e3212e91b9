//! From settings to jobs: dense trunks cut at anchors, rounds of pruning and rewinding, branches, analyses.

use super::{
    analysis::Analysis,
    branch::{self, Anchor},
    diagnostic::{Diagnostic, Diagnostics},
    file::{SweepFile, Variant},
    jobs::Jobs,
    line::{Line, Origin},
    reach::{Extent, Reach},
    select::Select,
    trunk::{Trunk, Trunks},
};
use crate::plan::{AnalysisPlan, Plan, PruneLine, RoundPlan, TrialPlan};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tombola_spec::{
    Fingerprint, Steps,
    job::{Input, JobSpec, Output, PruneJob, Scored, Start},
    ladder,
};

/// Most jobs a sweep may ask for.
pub const MOST_JOBS: u64 = 200_000;
/// Most values of settings that all jobs of a sweep may keep: what no more than that many jobs ask for may be gigabytes.
const MOST_SETTINGS: u64 = 40_000_000;

/// The dense training of trials that are stored, segments in order, by trial key.
pub type Dense = BTreeMap<String, Vec<Arc<JobSpec>>>;

/// The whole plan of a sweep file: all that may come to be trained.
///
/// # Errors
/// When it asks for more than [`MOST_JOBS`] jobs.
pub fn expand(file: &SweepFile) -> Result<Plan, Diagnostics> {
    expand_onto(file, &Dense::new(), Extent::Whole)
}

/// The plan of a file that extends a stored sweep. What is trained stays cut where it was cut: another rewind point
/// would otherwise make all work of the trials there are other work.
///
/// # Errors
/// When it asks for more than [`MOST_JOBS`] jobs.
pub fn expand_onto(file: &SweepFile, stored: &Dense, extent: Extent<'_>) -> Result<Plan, Diagnostics> {
    let trunks = Trunks::of(&file.variants);
    check_size(file, &trunks)?;
    let mut jobs = Jobs::default();
    let (mut trials, mut settled) = (Vec::new(), !(matches!(extent, Extent::Whole) && file.decides()));
    for variant in &file.variants {
        // All lines first: a branch may join the masks of several seeds.
        let lines = lines(file, variant, &trunks.trunk(variant), (stored, extent), &mut jobs);
        settled &= lines.iter().all(|own| own.reach.settled);
        let grown = lines.iter().map(|own| trial(own, &lines, variant, file, &mut jobs));
        trials.extend(grown.collect::<Vec<_>>());
    }
    for analysis in &file.analyses {
        let rows = analysis.compare.across(&analysis.name, &trials, &mut jobs);
        rows.into_iter().for_each(|(trial, row)| trials[trial].analyses.push(row));
    }
    let jobs = jobs.finish(&trials);
    let select = file.select.iter().flat_map(Select::described).collect();
    let (name, keep) = (file.name.clone(), file.keep);
    Ok(Plan { name, trials, jobs, select, decides: !settled, keep })
}

/// A trial's own line.
struct Own {
    key: String,
    seed: u64,
    repeat: u32,
    /// How far it goes.
    reach: Reach,
    line: Line,
    rounds: Vec<RoundPlan>,
    /// What may grow from each of the rounds.
    anchors: Vec<Anchor>,
}

/// The own lines of the trials that differ in noise alone.
fn lines(
    file: &SweepFile,
    variant: &Variant,
    trunk: &Trunk,
    (stored, extent): (&Dense, Extent<'_>),
    jobs: &mut Jobs,
) -> Vec<Own> {
    let noise = file.seeds.iter().flat_map(|&seed| (0..file.repeat).map(move |repeat| (seed, repeat)));
    let own = |(seed, repeat)| {
        let key = key(&variant.axes, seed, repeat);
        let reach = Reach::of(file, variant, &key, extent);
        let mut line = Line::new(variant, seed, repeat, jobs);
        match stored.get(&key).filter(|dense| line.stands_on(dense)) {
            Some(dense) => line.keep(dense, jobs),
            None => line.train_densely(trunk, jobs),
        }
        if let Some(prune) = &variant.settings.prune {
            line.search(prune, &trunk.rules, jobs);
        }
        let (rounds, anchors) = own_line(&line, variant, reach, jobs);
        Own { key, seed, repeat, reach, line, rounds, anchors }
    };
    noise.map(own).collect()
}

/// A trial with its branches and analyses; `all` are the lines of its seeds and repeats.
fn trial(own: &Own, all: &[Own], variant: &Variant, file: &SweepFile, jobs: &mut Jobs) -> TrialPlan {
    let Own { key, seed, repeat, reach, line, rounds, anchors } = own;
    let peers = all.iter().filter(|other| other.repeat == *repeat);
    let peers: Vec<&[Anchor]> = peers.map(|other| other.anchors.as_slice()).collect();
    let mut rounds = rounds.clone();
    if reach.branches {
        branch::grow_all(line, variant, &file.branches, (anchors, &peers), jobs, &mut rounds);
    }
    // One that looks at all rounds of a line waits until there are no more to come; those of a join come with other seeds'.
    let joins = file.branches.iter().any(|branch| branch.grow.joins_seeds());
    let settled = reach.settled && (!joins || all.iter().all(|other| other.reach.settled));
    let ripe = |analysis: &&Analysis| reach.branches && (settled || !analysis.compare.wants_all());
    let compared = |analysis: &Analysis| analysis.compare.compare(&analysis.name, line, &rounds, jobs);
    let analyses = file.analyses.iter().filter(ripe).flat_map(compared).collect::<Vec<_>>();
    let analyses = analyses.into_iter().chain(beside(line, &rounds, jobs)).collect();
    TrialPlan {
        key: key.clone(),
        seed: *seed,
        repeat: *repeat,
        axes: variant.axes.clone(),
        settings: variant.settings.clone(),
        rounds,
        analyses,
    }
}

/// What is done for the masks and weights of a trial's own line beside its rounds, as rows of analyses, so that people find
/// it: searches, and files taken in. A setting's dotted name is none that an analysis can have.
fn beside(line: &Line, rounds: &[RoundPlan], jobs: &Jobs) -> Vec<AnalysisPlan> {
    let row = |(analysis, ends, round, job): (&str, &str, u32, Fingerprint)| AnalysisPlan {
        analysis: analysis.to_owned(),
        ends: ends.to_owned(),
        branch: String::new(),
        copy: 0,
        round,
        pair: [0, 0],
        job,
    };
    let given = line.pretrained.iter().filter(|before| !before.trained);
    let mut rows: Vec<_> = given.map(|before| ("model.weights", "file", 0, before.job)).collect();
    for round in rounds.iter().filter(|round| round.branch.is_empty()) {
        match round.mask.and_then(|mask| jobs.spec(mask)) {
            Some(JobSpec::Prune(PruneJob { weights: Scored::Found(ticket), .. })) => {
                rows.push(("prune.search", "search", round.round, ticket.search));
            }
            Some(JobSpec::Prune(PruneJob { scores: Some(scores), .. })) => {
                rows.push(("prune.criterion", "file", round.round, scores.job));
            }
            _ => {}
        }
    }
    rows.into_iter().map(row).collect()
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
    let settings = jobs.saturating_mul(file.size as u64);
    if jobs <= MOST_JOBS && settings <= MOST_SETTINGS {
        return Ok(());
    }
    let (line, column) = file.place;
    let what = if jobs > MOST_JOBS {
        format!("the sweep asks for {jobs} jobs; at most {MOST_JOBS} are possible")
    } else {
        format!("the sweep asks for {jobs} jobs of {} settings each, which is too much", file.size)
    };
    let hint =
        "split it into several sweeps: what they have in common is trained once all the same".to_owned();
    Err(Diagnostics(vec![Diagnostic { line, column, what, hint }]))
}

/// The rounds of a trial's own line, and what may grow from each.
fn own_line(line: &Line, variant: &Variant, reach: Reach, jobs: &mut Jobs) -> (Vec<RoundPlan>, Vec<Anchor>) {
    let dense = RoundPlan {
        branch: String::new(),
        kind: "ticket".to_owned(),
        course: String::new(),
        copy: 0,
        round: 0,
        mask: None,
        train: line.dense.clone(),
        origin: line.dense[0],
        start: Steps::ZERO,
        density: 1.0,
    };
    let mut grown = (vec![dense], Vec::new());
    if let (Start::Rewind(before), None) = (line.initialization().start, line.initialization().head) {
        grown.0[0].origin = before;
    }
    grown.1.push(Anchor::dense(line));
    if let Some(prune) = &variant.settings.prune {
        own_rounds(line, (prune, reach.rounds), jobs, &mut grown);
    }
    if let Some(before) = line.pretrained.as_ref().filter(|before| before.trained) {
        grown.0.push(RoundPlan {
            branch: branch::PRETRAIN.to_owned(),
            kind: branch::PRETRAIN.to_owned(),
            course: branch::PRETRAIN.to_owned(),
            train: vec![before.job],
            origin: before.job,
            ..grown.0[0].clone()
        });
    }
    grown
}

/// Prune, rewind, train, up to the `last` round.
fn own_rounds(
    line: &Line,
    (prune, last): (&PruneLine, u32),
    jobs: &mut Jobs,
    (rounds, anchors): &mut (Vec<RoundPlan>, Vec<Anchor>),
) {
    let architecture = line.course.recipe.architecture();
    let ladder = architecture.map(|network| ladder::densities(&network, &prune.rule, prune.rounds));
    let mut weights = line.scored(prune.when);
    let (mut mask, mut before) = (None, line.dense.last().copied());
    for (round, &density) in (0..).zip(&ladder.unwrap_or_default()).skip(1).take(last as usize) {
        let Some(scored) = weights else { return };
        let Some(cutting) = line.cutting(prune, (scored, mask), (round, density), jobs) else { return };
        let pruning = jobs.add(cutting);
        let input = Input { job: pruning, output: Output::Mask };
        let origin = line.survivors(before, pruning);
        let train = jobs.add(line.train(input, &origin, round));
        anchors.push(Anchor::pruned(line, (input, round), &origin, (before, train)));
        rounds.push(RoundPlan {
            mask: Some(pruning),
            train: vec![train],
            origin: origin_of(&origin, train),
            start: line.rewind,
            round,
            density,
            ..rounds[0].clone()
        });
        (weights, mask, before) = (Some(Scored::Trained(train)), Some(input), Some(train));
    }
}

/// The job whose output a training starts from; itself, where it draws its own weights.
pub(super) fn origin_of(origin: &Origin, train: Fingerprint) -> Fingerprint {
    match origin {
        Origin { start: Start::Rewind(job) | Start::Continue(job) | Start::Found(job), head: None } => *job,
        _ => train,
    }
}

/// A trial's name inside its sweep. Repeat 0 is left out, so that asking for repeats later keeps the trials there are.
pub(super) fn key(axes: &BTreeMap<String, Value>, seed: u64, repeat: u32) -> String {
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
