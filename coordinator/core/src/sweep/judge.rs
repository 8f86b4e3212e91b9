//! Verdicts from what was measured: of `select`, which values of an axis go on; of `prune.until`, whether a line does.

use super::{
    diagnostic::Diagnostics,
    expand::{Dense, expand_onto, key},
    file::{SweepFile, Variant},
    growth::{Growth, growth},
    reach::Extent,
    select::Select,
};
use crate::verdict::{Rule, Seen, Until, Verdict, Verdicts};

/// Fresh verdicts and what they add to a sweep.
pub type Decision = Option<(Verdicts, Growth)>;

/// The verdicts that can be given now and were not given before, by trial key.
pub fn judge(file: &SweepFile, seen: &Seen, given: &Verdicts) -> Verdicts {
    let mut fresh =
        file.select.as_ref().map_or_else(Verdicts::new, |select| choose(file, select, seen, given));
    for variant in &file.variants {
        let Some(until) = variant.settings.prune.as_ref().and_then(|line| line.until.as_ref()) else {
            continue;
        };
        let last = variant.settings.prune.as_ref().map_or(0, |line| line.rounds);
        for trial in keys(file, variant) {
            let before = given.get(&trial).map_or(&[][..], Vec::as_slice);
            let verdicts = follow(until, last, (&trial, seen), before);
            fresh.entry(trial).or_default().extend(verdicts);
        }
    }
    fresh.retain(|_, verdicts| !verdicts.is_empty());
    fresh
}

/// The verdicts that can be given now, and what they add to a sweep; nothing where there are none.
///
/// # Errors
/// As [`expand_onto`].
pub fn decide(
    file: &SweepFile,
    stored: &Dense,
    seen: &Seen,
    given: &Verdicts,
) -> Result<Decision, Diagnostics> {
    let verdicts = judge(file, seen, given);
    if verdicts.is_empty() {
        return Ok(None);
    }
    let old = expand_onto(file, stored, Extent::Decided(given))?;
    let mut all = given.clone();
    for (trial, own) in &verdicts {
        all.entry(trial.clone()).or_default().extend(own.iter().cloned());
    }
    let new = expand_onto(file, stored, Extent::Decided(&all))?;
    Ok(Some((verdicts, growth(&old, new))))
}

/// The keys of a variant's trials.
pub(super) fn keys(file: &SweepFile, variant: &Variant) -> Vec<String> {
    let noise = file.seeds.iter().flat_map(|seed| (0..file.repeat).map(move |repeat| (*seed, repeat)));
    noise.map(|(seed, repeat)| key(&variant.axes, seed, repeat)).collect()
}

/// The verdicts on the rounds of a line that are trained, up to the one that ends it.
fn follow(until: &Until, last: u32, (trial, seen): (&str, &Seen), before: &[Verdict]) -> Vec<Verdict> {
    let mut all: Vec<Verdict> =
        before.iter().filter(|verdict| verdict.rule == Rule::Until).cloned().collect();
    let known = all.len();
    let Some(Some(dense)) = seen.value(trial, 0, &until.by) else { return Vec::new() };
    let sign = until.by.merit(1.0);
    let bar = dense - sign * until.worse;
    while all.last().is_none_or(|verdict| verdict.goes_on) {
        let round = all.last().map_or(1, |verdict| verdict.round + 1);
        // Nothing follows the last round, but whether it is good is asked for.
        if round > last {
            break;
        }
        let Some(value) = seen.value(trial, round, &until.by) else { break };
        let passes = |value: f64| until.by.merit(value) >= until.by.merit(bar);
        let earlier = all.iter().rev().map(|verdict| verdict.value.is_some_and(passes));
        let failures = 1 + earlier.take_while(|passed| !passed).count();
        let goes_on = value.is_some_and(|value| passes(value) || failures < until.patience as usize);
        all.push(Verdict { rule: Rule::Until, round, goes_on, by: until.by.clone(), value, bar });
    }
    all.split_off(known)
}

/// A value of the chosen axes, and what its trials did.
struct Candidate<'a> {
    variant: &'a Variant,
    /// Mean over seeds and repeats; `None` if any of them diverged.
    mean: Option<f64>,
}

/// The verdicts of `select`. Where some were given, they stand: further seeds of a value share its verdict, and further
/// values go on if they do better than the least that does.
fn choose(file: &SweepFile, select: &Select, seen: &Seen, given: &Verdicts) -> Verdicts {
    let mut fresh = Verdicts::new();
    for group in select.groups(&file.variants) {
        for (variant, verdict) in verdicts_of(&group, file, select, (seen, given)) {
            let judged = |trial: &String| selected(given, trial).is_none();
            let trials = keys(file, variant).into_iter().filter(judged);
            fresh.extend(trials.map(|trial| (trial, vec![verdict.clone()])));
        }
    }
    fresh
}

/// The verdict of `select` on a trial, if it was given.
pub(super) fn selected<'v>(given: &'v Verdicts, trial: &str) -> Option<&'v Verdict> {
    given.get(trial)?.iter().find(|verdict| verdict.rule == Rule::Select)
}

/// The verdict on each value of a group that stands or can be given.
fn verdicts_of<'a>(
    group: &[&'a Variant],
    file: &SweepFile,
    select: &Select,
    (seen, given): (&Seen, &Verdicts),
) -> Vec<(&'a Variant, Verdict)> {
    let before =
        |variant: &Variant| keys(file, variant).iter().find_map(|trial| selected(given, trial)).cloned();
    let stands: Vec<_> = group.iter().filter_map(|variant| Some((*variant, before(variant)?))).collect();
    let others = group.iter().filter(|variant| before(variant).is_none());
    let candidates: Vec<Option<Candidate<'a>>> =
        others.map(|variant| Some(Candidate { variant, mean: mean(file, select, variant, seen)? })).collect();
    match stands.first() {
        Some((_, first)) => {
            let late = candidates.into_iter().flatten().map(|one| one.against(select, first.bar)).collect();
            [stands, late].concat()
        }
        // Nobody is judged before all have run.
        None => candidates.into_iter().collect::<Option<_>>().map_or_else(Vec::new, |all| best(select, all)),
    }
}

/// The first verdicts of a group: so many of the best go on.
fn best<'a>(select: &Select, mut all: Vec<Candidate<'a>>) -> Vec<(&'a Variant, Verdict)> {
    // A stable sort: of equals the first in the file goes on.
    all.sort_by(|a, b| b.merit(select).total_cmp(&a.merit(select)));
    let kept = all.iter().take(select.keep as usize);
    // Where all have diverged, there is nothing to go on with.
    let Some(bar) = kept.filter_map(|one| one.mean).next_back() else { return Vec::new() };
    let judged = (0..select.keep).map(|_| true).chain(std::iter::repeat(false)).zip(all);
    judged.map(|(kept, one)| one.verdict(select, kept && one.mean.is_some(), bar)).collect()
}

impl<'a> Candidate<'a> {
    fn merit(&self, select: &Select) -> f64 {
        self.mean.map_or(f64::NEG_INFINITY, |mean| select.by.merit(mean))
    }

    /// The verdict on a value that comes late: it has to be better than the least that goes on.
    fn against(&self, select: &Select, bar: f64) -> (&'a Variant, Verdict) {
        self.verdict(select, self.merit(select) > select.by.merit(bar), bar)
    }

    fn verdict(&self, select: &Select, goes_on: bool, bar: f64) -> (&'a Variant, Verdict) {
        let (rule, round, by, value) = (Rule::Select, select.round, select.by.clone(), self.mean);
        (self.variant, Verdict { rule, round, goes_on, by, value, bar })
    }
}

/// The mean over a value's trials: `None` as long as one of them is not trained, `Some(None)` if one diverged.
fn mean(file: &SweepFile, select: &Select, variant: &Variant, seen: &Seen) -> Option<Option<f64>> {
    let values = keys(file, variant).into_iter().map(|trial| seen.value(&trial, select.round, &select.by));
    let values: Vec<Option<f64>> = values.collect::<Option<_>>()?;
    let count = values.len() as f64;
    Some(values.into_iter().sum::<Option<f64>>().map(|sum| sum / count))
}
