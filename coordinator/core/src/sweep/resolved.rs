//! Every setting of a sweep with its value, in the words of the file.

use super::{
    file::SweepFile,
    select::Select,
    settings::{
        AFTERS, AUGMENTS, BIAS_INITS, BN_INITS, COMPARED, COUNTINGS, DTYPES, HOLDS, INITS, ORDERS, PARTIALS,
        SCOPES, SCORE_MODES, TRUNKS, UNITS, WHENS, describe_criterion, part_name,
    },
    value::word_of,
    yardstick,
};
use crate::plan::{Given, Pretrain, PruneLine, Scoring, SearchLine, TrialSettings};
use crate::verdict::Until;
use std::collections::HashSet;
use tombola_spec::{
    Steps,
    settings::{Amount, Data, Half, Model, Optimizer, Prune, Recipe, Schedule, Subset, Train},
};

/// One setting of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Dotted name, as on an axis: `train.lr`.
    pub name: String,
    /// Its value; where an axis varies it, all of its values.
    pub value: String,
    /// Whether the file leaves it out.
    pub is_default: bool,
}

/// Every setting of a sweep, those left to defaults included.
pub fn resolved(file: &SweepFile) -> Vec<Setting> {
    let mut settings: Vec<(String, Vec<String>)> = vec![
        ("seeds".to_owned(), vec![joined(&file.seeds)]),
        ("repeat".to_owned(), vec![file.repeat.to_string()]),
        ("keep".to_owned(), vec![file.keep.name().to_owned()]),
    ];
    let mut seen = HashSet::new();
    let described = file.variants.iter().flat_map(|variant| describe(&variant.settings));
    for (name, value) in described.filter(|described| seen.insert(described.clone())) {
        match settings.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => settings.push((name, vec![value])),
        }
    }
    let selected = file.select.iter().flat_map(Select::described);
    let further = selected.chain(branches(file)).chain(analyses(file));
    settings.extend(further.map(|(name, value)| (name, vec![value])));
    let setting = |(name, values): (String, Vec<String>)| {
        let is_default = file.defaults.contains(&name);
        Setting { name, value: values.join(" | "), is_default }
    };
    settings.into_iter().map(setting).collect()
}

fn branches(file: &SweepFile) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for branch in &file.branches {
        let own = branch.settings().into_iter();
        settings.extend(own.map(|(key, value)| (format!("branch.{}.{key}", branch.name), value)));
    }
    settings
}

fn analyses(file: &SweepFile) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for analysis in &file.analyses {
        let mut add = |key: &str, value| settings.push((format!("analysis.{}.{key}", analysis.name), value));
        add("kind", analysis.kind.to_owned());
        analysis.compare.settings().into_iter().for_each(|(key, value)| add(key, value));
    }
    settings
}

/// `1, 2, 3`; longer runs of neighbours as `1..=20`.
pub(super) fn joined<T: Copy + Into<u64>>(numbers: &[T]) -> String {
    let numbers: Vec<u64> = numbers.iter().map(|number| (*number).into()).collect();
    let run = numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) if run && numbers.len() > 2 => format!("{first}..={last}"),
        _ => list(&numbers),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// The settings of one trial by dotted name. Structs are taken apart field by field, so that none can be forgotten.
pub(super) fn describe(settings: &TrialSettings) -> Vec<(String, String)> {
    let TrialSettings { recipe, steps, prune, weights, pretrain } = settings;
    let Recipe { model, data, train, dtype } = &**recipe;
    let mut out = Vec::new();
    let mut add = |name: &str, value: String| out.push((name.to_owned(), value));
    describe_model(model, &mut add);
    add("model.weights", weights.as_ref().map_or("drawn", |file| file.0.as_str()).to_owned());
    describe_data(data, &mut add);
    add("train.steps", steps.to_string());
    describe_train(train, &mut add);
    add("train.dtype", word_of(DTYPES, *dtype).to_owned());
    if let Some(prune) = prune {
        describe_prune(prune, &mut add);
    }
    if let Some(Pretrain { recipe, steps }) = pretrain {
        let (recipe, steps) = (recipe.clone(), *steps);
        let before = TrialSettings { recipe, steps, prune: None, weights: None, pretrain: None };
        let own = differing(settings, &before);
        out.extend(own.into_iter().map(|(name, value)| (format!("pretrain.{name}"), value)));
    }
    out
}

/// What another training does otherwise than the dense training of a trial, by dotted name.
pub(super) fn differing(own: &TrialSettings, other: &TrialSettings) -> Vec<(String, String)> {
    let bare = |settings: &TrialSettings| {
        let per_epoch = settings.recipe.iterations_per_epoch();
        let steps = Steps::its(u32::try_from(settings.steps.iterations(per_epoch)).unwrap_or(u32::MAX));
        describe(&TrialSettings { steps, prune: None, weights: None, pretrain: None, ..settings.clone() })
    };
    let known = bare(own);
    bare(other).into_iter().filter(|described| !known.contains(described)).collect()
}

fn describe_model(model: &Model, add: &mut impl FnMut(&str, String)) {
    let Model { name, init, bias_init, bn_init, dropout } = model;
    add("model.name", name.clone());
    add("model.init", word_of(INITS, *init).to_owned());
    add("model.bias_init", word_of(BIAS_INITS, *bias_init).to_owned());
    add("model.bn_init", word_of(BN_INITS, *bn_init).to_owned());
    add("model.dropout", dropout.to_string());
}

fn describe_data(data: &Data, add: &mut impl FnMut(&str, String)) {
    let Data { set, shape, validation, split_seed, subset, noise, augment } = data;
    let tombola_spec::data::DataShape { train, test, image, classes, mean, std } = shape;
    add("data.set", set.clone());
    add("data.examples", train.to_string());
    add("data.test", test.to_string());
    add("data.classes", classes.to_string());
    add("data.image", list(image));
    add("data.mean", mean.to_string());
    add("data.std", std.to_string());
    add("data.validation", validation.to_string());
    add("data.split_seed", split_seed.to_string());
    add("data.subset", subset.as_ref().map_or_else(|| "all".to_owned(), taken));
    add("data.label_noise", noise.map_or(0.0, |noise| noise.share).to_string());
    if let Some(noise) = noise {
        add("data.noise_seed", noise.seed.to_string());
    }
    add("data.augment", word_of(AUGMENTS, *augment).to_owned());
}

fn taken(subset: &Subset) -> String {
    match subset {
        Subset::Fraction(share) => share.to_string(),
        Subset::Classes { classes, .. } => list(classes),
        Subset::Half(Half::A) => "half_a".to_owned(),
        Subset::Half(Half::B) => "half_b".to_owned(),
    }
}

fn describe_train(train: &Train, add: &mut impl FnMut(&str, String)) {
    let Train {
        batch,
        optimizer,
        lr,
        decay,
        milestones,
        gamma,
        warmup,
        eval_every,
        order,
        schedule,
        clip,
        partial,
        freeze,
        bn_l1,
    } = train;
    add("train.batch", batch.to_string());
    add("train.partial", word_of(PARTIALS, *partial).to_owned());
    add("train.optimizer", optimizer.name().to_owned());
    match optimizer {
        Optimizer::Sgd { momentum, nesterov } => {
            add("train.momentum", momentum.to_string());
            add("train.nesterov", nesterov.to_string());
        }
        Optimizer::RmsProp { alpha, eps, momentum } => {
            add("train.alpha", alpha.to_string());
            add("train.eps", format!("{eps:?}"));
            add("train.momentum", momentum.to_string());
        }
        Optimizer::Adam { beta1, beta2, eps } | Optimizer::AdamW { beta1, beta2, eps } => {
            add("train.betas", list(&[beta1, beta2]));
            add("train.eps", format!("{eps:?}"));
        }
    }
    add("train.lr", lr.to_string());
    add("train.decay", decay.to_string());
    add("train.clip", clip.map_or_else(|| "none".to_owned(), |most| most.to_string()));
    add("train.bn_l1", bn_l1.to_string());
    let frozen: Vec<&str> = freeze.iter().map(part_name).collect();
    add("train.freeze", if frozen.is_empty() { "none".to_owned() } else { list(&frozen) });
    describe_schedule(schedule, add);
    add("train.milestones", if milestones.is_empty() { "none".to_owned() } else { list(milestones) });
    add("train.gamma", gamma.to_string());
    add("train.warmup", warmup.to_string());
    add("train.eval_every", eval_every.to_string());
    add("train.order", word_of(ORDERS, *order).to_owned());
}

fn describe_schedule(schedule: &Schedule, add: &mut impl FnMut(&str, String)) {
    let (name, to) = match schedule {
        Schedule::Step => ("step", None),
        // They end with the run.
        Schedule::Cosine { to, end: _ } => ("cosine", Some(to)),
        Schedule::Linear { to, end: _ } => ("linear", Some(to)),
    };
    add("train.schedule", name.to_owned());
    if let Some(to) = to {
        add("train.final_lr", to.to_string());
    }
}

fn describe_prune(prune: &PruneLine, add: &mut impl FnMut(&str, String)) {
    let PruneLine { rule, rounds, rewind, when, score, after, trunk, search, until, given } = prune;
    let Prune { criterion, scope, amount, rates, invert, counting, protect, unit } = rule;
    add("prune.when", word_of(WHENS, *when).to_owned());
    add("prune.unit", word_of(UNITS, *unit).to_owned());
    match given {
        Some(Given { file, holds }) => {
            add("prune.criterion.file", file.0.clone());
            add("prune.criterion.holds", word_of(HOLDS, *holds).to_owned());
        }
        None => describe_criterion(*criterion, add),
    }
    add("prune.scope", word_of(SCOPES, *scope).to_owned());
    match amount {
        Amount::Rate(rate) => add("prune.rate", rate.to_string()),
        Amount::Density(density) => add("prune.density", density.to_string()),
    }
    let rates: Vec<_> = rates.iter().map(|(name, rate)| format!("{name} {rate}")).collect();
    add("prune.rates", if rates.is_empty() { "none".to_owned() } else { list(&rates) });
    add("prune.invert", invert.to_string());
    add("prune.counting", word_of(COUNTINGS, *counting).to_owned());
    add("prune.protect", protect.to_string());
    add("prune.rounds", rounds.to_string());
    add("prune.rewind", rewind.to_string());
    add("prune.after", word_of(AFTERS, *after).to_owned());
    add("prune.trunk", word_of(TRUNKS, *trunk).to_owned());
    describe_looked_at(score.as_ref(), add);
    describe_decided(until.as_ref(), search.as_ref(), add);
}

fn describe_looked_at(score: Option<&Scoring>, add: &mut impl FnMut(&str, String)) {
    if let Some(Scoring { per_class, balanced, seed, mode }) = score {
        add("prune.score_data.per_class", per_class.to_string());
        add("prune.score_data.balanced", balanced.to_string());
        add("prune.score_data.seed", seed.map_or("the trial's".to_owned(), |seed| seed.to_string()));
        add("prune.score_mode", word_of(SCORE_MODES, *mode).to_owned());
    }
}

fn describe_decided(until: Option<&Until>, search: Option<&SearchLine>, add: &mut impl FnMut(&str, String)) {
    if let Some(Until { worse, patience, by }) = until {
        add("prune.until.worse", worse.to_string());
        add("prune.until.patience", patience.to_string());
        yardstick::describe(by)
            .into_iter()
            .for_each(|(key, value)| add(&format!("prune.until.{key}"), value));
    }
    if let Some(SearchLine { settled, whole }) = search {
        add("prune.search.window", settled.window.to_string());
        add("prune.search.distance", settled.distance.to_string());
        add("prune.search.compare", word_of(COMPARED, settled.compared).to_owned());
        add("prune.search.until", if *whole { "end" } else { "found" }.to_owned());
    }
}
