//! `criterion = "snip"`, or with settings of its own: `criterion = { name = "synflow", iterations = 100 }`.

use crate::sweep::{
    diagnostic::suggest,
    section::Section,
    tree::{Node, Tree, Val},
    value::{below_one, count, flag, positive, text, word, word_of},
};
use tombola_spec::settings::{Comparison, Criterion, CutSchedule, Dtype, GraspSign, Signs};

const SIGNS: &[(&str, Option<Signs>)] =
    &[("any", None), ("same", Some(Signs::Same)), ("differ", Some(Signs::Differ))];
const GRASP_SIGNS: &[(&str, GraspSign)] = &[("paper", GraspSign::Paper), ("opposite", GraspSign::Opposite)];
/// No ranking is computed in less.
const DTYPES: &[(&str, Dtype)] = &[("f32", Dtype::F32), ("f64", Dtype::F64)];
const SCHEDULES: &[(&str, CutSchedule)] =
    &[("exponential", CutSchedule::Exponential), ("linear", CutSchedule::Linear)];

/// Every criterion but those called as a [`Comparison`].
const NAMES: [&str; 9] =
    ["magnitude", "random", "snip", "gradient", "grasp", "synflow", "supermask", "bn_scale", "l1_filter"];

/// The criterion written in the table `prune`.
pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Criterion> {
    let Some(entry) = table.get("criterion") else {
        table.defaulted("criterion");
        return Some(Criterion::Magnitude);
    };
    one("criterion", &entry.node, entry.at, table)
}

/// A list of criteria, each written as one is; `None` inside where it is left out.
pub(in crate::sweep) fn read_list(
    key: &'static str,
    table: &mut Section<'_, '_>,
) -> Option<Option<Vec<Criterion>>> {
    let Some(entry) = table.get(key) else {
        table.defaulted(key);
        return Some(None);
    };
    let Val::List(nodes) = &entry.node.value else {
        table.complain(key, "not a list", "write one: `[\"synflow\", \"magnitude\"]`");
        return None;
    };
    let read: Vec<_> = nodes.iter().map(|node| one(key, node, node.at, table)).collect();
    read.into_iter().collect::<Option<Vec<_>>>().map(Some)
}

/// The criterion of a value.
fn one(key: &'static str, node: &Node, at: usize, table: &mut Section<'_, '_>) -> Option<Criterion> {
    let path = table.path(key);
    if let Val::Table(tree) = &node.value {
        let mut own = Section::new(table.notes, &path, at, tree);
        let name = own.required("name", "\"synflow\"", text)?;
        let criterion = known(&name, "name", &mut own)?;
        own.finish();
        return Some(criterion);
    }
    let name = table.read(key, node, text)?;
    if !names().contains(&name.as_str()) {
        unknown(&name, key, table);
        return None;
    }
    let none = Tree::default();
    known(&name, "name", &mut Section::new(table.notes, &path, node.at, &none))
}

fn names() -> Vec<&'static str> {
    NAMES.into_iter().chain(Comparison::ALL.map(Comparison::name)).collect()
}

fn unknown(name: &str, key: &str, table: &mut Section<'_, '_>) {
    let hint = suggest(name, &names(), "known:");
    table.complain(key, format!("`{name}` is not known here"), hint);
}

/// The criterion of this name, with its settings in `own`.
fn known(name: &str, key: &str, own: &mut Section<'_, '_>) -> Option<Criterion> {
    Some(match name {
        "magnitude" => Criterion::Magnitude,
        "random" => Criterion::Random,
        "snip" => Criterion::Snip,
        "gradient" => Criterion::Gradient,
        "bn_scale" => Criterion::BnScale,
        "l1_filter" => Criterion::L1Filter,
        "grasp" => {
            let temperature = own.or("temperature", 200.0, positive);
            let sign = own.or("sign", GraspSign::Paper, word(GRASP_SIGNS));
            Criterion::Grasp { temperature: temperature?, sign: sign? }
        }
        "synflow" => {
            let iterations = own.or("iterations", 100, count);
            let schedule = own.or("schedule", CutSchedule::Exponential, word(SCHEDULES));
            let dtype = own.or("dtype", Dtype::F64, word(DTYPES));
            Criterion::Synflow { iterations: iterations?, schedule: schedule?, dtype: dtype? }
        }
        "supermask" => supermask(own)?,
        _ => {
            let Some(comparison) = Comparison::ALL.into_iter().find(|known| known.name() == name) else {
                unknown(name, key, own);
                return None;
            };
            Criterion::Deconstructed { comparison, signs: own.or("signs", None, word(SIGNS))? }
        }
    })
}

/// As in the paper's code, but for its 440,000 iterations.
fn supermask(own: &mut Section<'_, '_>) -> Option<Criterion> {
    let (iterations, batch) = (own.or("iterations", 1000, count), own.or("batch", 250, count));
    let (lr, momentum) = (own.or("lr", 100.0, positive), own.or("momentum", 0.9, below_one));
    let rescale = own.or("rescale", false, flag)?;
    Some(Criterion::Supermask {
        iterations: iterations?,
        batch: batch?,
        lr: lr?,
        momentum: momentum?,
        rescale,
    })
}

/// A criterion and its settings by dotted name, for people.
pub(in crate::sweep) fn describe(criterion: Criterion, add: &mut impl FnMut(&str, String)) {
    add("prune.criterion", criterion.name().to_owned());
    match criterion {
        Criterion::Magnitude
        | Criterion::Random
        | Criterion::Snip
        | Criterion::Gradient
        | Criterion::BnScale
        | Criterion::L1Filter
        | Criterion::File => {}
        Criterion::Grasp { temperature, sign } => {
            add("prune.criterion.temperature", temperature.to_string());
            add("prune.criterion.sign", word_of(GRASP_SIGNS, sign).to_owned());
        }
        Criterion::Synflow { iterations, schedule, dtype } => {
            add("prune.criterion.iterations", iterations.to_string());
            add("prune.criterion.schedule", word_of(SCHEDULES, schedule).to_owned());
            add("prune.criterion.dtype", word_of(DTYPES, dtype).to_owned());
        }
        Criterion::Supermask { iterations, batch, lr, momentum, rescale } => {
            add("prune.criterion.iterations", iterations.to_string());
            add("prune.criterion.batch", batch.to_string());
            add("prune.criterion.lr", lr.to_string());
            add("prune.criterion.momentum", momentum.to_string());
            add("prune.criterion.rescale", rescale.to_string());
        }
        Criterion::Deconstructed { comparison: _, signs } => {
            add("prune.criterion.signs", word_of(SIGNS, signs).to_owned());
        }
    }
}
