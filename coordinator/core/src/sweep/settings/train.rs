//! `train = { steps, batch, optimizer, lr, … }`.

use crate::sweep::{
    diagnostic::{Notes, quoted, suggest},
    section::Section,
    tree::{Node, Tree},
    value::{
        below_one, count, flag, list, non_negative, not, positive, some_steps, steps, text, word, word_of,
    },
};
use tombola_spec::{
    Steps,
    settings::{Data, Dtype, Frozen, Model, Optimizer, Order, Partial, Recipe, Schedule, Train},
};

pub(in crate::sweep) const ORDERS: &[(&str, Order)] = &[("fresh", Order::Fresh), ("same", Order::Same)];
pub(in crate::sweep) const PARTIALS: &[(&str, Partial)] = &[("drop", Partial::Drop), ("keep", Partial::Keep)];
pub(in crate::sweep) const DTYPES: &[(&str, Dtype)] =
    &[("f32", Dtype::F32), ("f64", Dtype::F64), ("bf16", Dtype::Bf16), ("tf32", Dtype::Tf32)];

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Sgd,
    Adam,
    AdamW,
    RmsProp,
}

const RULES: &[(&str, Rule)] =
    &[("sgd", Rule::Sgd), ("adam", Rule::Adam), ("adamw", Rule::AdamW), ("rmsprop", Rule::RmsProp)];

/// Settings of some optimizers, and of which.
const OWN: [(&str, &[&str]); 5] = [
    ("momentum", &["sgd", "rmsprop"]),
    ("nesterov", &["sgd"]),
    ("betas", &["adam", "adamw"]),
    ("alpha", &["rmsprop"]),
    ("eps", &["adam", "adamw", "rmsprop"]),
];

#[derive(Clone, Copy, PartialEq)]
enum Course {
    Step,
    Cosine,
    Linear,
}

const COURSES: &[(&str, Course)] =
    &[("step", Course::Step), ("cosine", Course::Cosine), ("linear", Course::Linear)];

/// The table as read; `eval_every` still needs the number of iterations an epoch has.
pub(super) struct Written {
    pub(super) steps: Steps,
    pub(super) settings: Train,
    pub(super) dtype: Dtype,
    /// Whether `eval_every` is written; its field in `settings` counts only then.
    evaluated: bool,
}

impl Written {
    /// The whole recipe. About twenty evaluations a run, unless the file says otherwise.
    pub(super) fn into_recipe(mut self, model: Model, data: Data) -> Recipe {
        if !self.evaluated {
            let per_epoch = self.settings.iterations_per_epoch(data.train_examples());
            let every = ((self.steps.iterations(per_epoch) + 10) / 20).max(1);
            self.settings.eval_every = Steps::its(u32::try_from(every).unwrap_or(u32::MAX));
        }
        Recipe { model, data, train: self.settings, dtype: self.dtype }
    }
}

pub(super) fn read(tree: &Tree, notes: &mut Notes) -> Option<Written> {
    let example = "steps = \"50000it\", batch = 60, optimizer = \"adam\", lr = 1.2e-3";
    let mut table = Section::open(notes, tree, "train", example)?;
    let length = table.required("steps", "\"50000it\"", some_steps);
    let batch = table.required("batch", "60", count);
    let partial = table.or("partial", Partial::Drop, word(PARTIALS));
    let freeze = freeze(&mut table);
    let bn_l1 = table.or("bn_l1", 0.0, non_negative);
    let optimizer = optimizer(&mut table);
    let lr = table.required("lr", "1.2e-3", positive);
    let decay = table.or("decay", 0.0, non_negative);
    let (schedule, milestones, gamma) = course(&mut table, length);
    let warmup = table.or("warmup", Steps::ZERO, steps);
    let clip = match table.get("clip") {
        Some(entry) => table.read("clip", &entry.node, positive).map(Some),
        None => {
            table.defaulted("clip");
            Some(None)
        }
    };
    let evaluated = table.get("eval_every").is_some();
    let eval_every = table.or("eval_every", Steps::its(1), some_steps);
    let order = table.or("order", Order::Fresh, word(ORDERS));
    let dtype = table.or("dtype", Dtype::F32, word(DTYPES));
    table.finish();
    let settings = Train {
        batch: batch?,
        optimizer: optimizer?,
        lr: lr?,
        decay: decay?,
        milestones: milestones?,
        gamma: gamma?,
        warmup: warmup?,
        eval_every: eval_every?,
        order: order?,
        schedule: schedule?,
        clip: clip?,
        partial: partial?,
        freeze: freeze?,
        bn_l1: bn_l1?,
    };
    Some(Written { steps: length?, settings, dtype: dtype?, evaluated })
}

/// Parts of networks by name.
const PARTS: [(&str, Frozen); 4] = [
    ("bn", Frozen::Bn),
    ("bn_affine", Frozen::BnAffine),
    ("output", Frozen::Output),
    ("others", Frozen::Others),
];

/// What a part is called in a sweep file.
pub(in crate::sweep) fn part_name(part: &Frozen) -> &str {
    match part {
        Frozen::Parameter(name) => name,
        known => PARTS.iter().find(|(_, part)| part == known).map_or("", |(name, _)| name),
    }
}

/// What is frozen, in one order however it is written. Whether the model has it is checked later.
fn freeze(table: &mut Section<'_, '_>) -> Option<Vec<Frozen>> {
    let part = |node: &Node| {
        let name = text(node)?;
        match PARTS.iter().find(|(known, _)| *known == name) {
            Some((_, part)) => Ok(part.clone()),
            None if name.contains('.') => Ok(Frozen::Parameter(name)),
            None => {
                let known: Vec<&str> = PARTS.iter().map(|(known, _)| *known).collect();
                not(
                    node,
                    "a part of a network",
                    &format!("{} Or write a parameter's name", suggest(&name, &known, "known:")),
                )
            }
        }
    };
    let mut parts = table.or("freeze", Vec::new(), list(part))?;
    parts.sort();
    if let Some([twice, _]) = parts.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = format!("`{}` is there twice", part_name(twice));
        table.complain("freeze", what, "write it once");
        return None;
    }
    Some(parts)
}

fn optimizer(table: &mut Section<'_, '_>) -> Option<Optimizer> {
    OWN.iter().for_each(|(key, _)| table.know(&[*key]));
    let rule = table.required("optimizer", "\"adam\"", word(RULES))?;
    let name = word_of(RULES, rule);
    for (key, owners) in OWN.iter().filter(|(_, owners)| !owners.contains(&name)) {
        let hint = format!("leave it out; it belongs to {}", quoted(owners));
        table.refuse(&[*key], &format!("is not a setting of `{name}`"), &hint);
    }
    match rule {
        Rule::Sgd => sgd(table),
        Rule::Adam => adam(table).map(|[beta1, beta2, eps]| Optimizer::Adam { beta1, beta2, eps }),
        Rule::AdamW => adam(table).map(|[beta1, beta2, eps]| Optimizer::AdamW { beta1, beta2, eps }),
        Rule::RmsProp => {
            let alpha = table.or("alpha", 0.99, below_one);
            let eps = table.or("eps", 1e-8, positive);
            let momentum = table.or("momentum", 0.0, below_one);
            Some(Optimizer::RmsProp { alpha: alpha?, eps: eps?, momentum: momentum? })
        }
    }
}

fn sgd(table: &mut Section<'_, '_>) -> Option<Optimizer> {
    let momentum = table.or("momentum", 0.0, below_one);
    let nesterov = table.or("nesterov", false, flag);
    if momentum == Some(0.0) && nesterov == Some(true) {
        table.complain("nesterov", "there is no momentum to look ahead with", "add `momentum = 0.9`");
        return None;
    }
    Some(Optimizer::Sgd { momentum: momentum?, nesterov: nesterov? })
}

/// Both betas and epsilon.
fn adam(table: &mut Section<'_, '_>) -> Option<[f64; 3]> {
    let betas = table.or("betas", vec![0.9, 0.999], list(below_one));
    let eps = table.or("eps", 1e-8, positive);
    let betas = <[f64; 2]>::try_from(betas?);
    if betas.is_err() {
        table.complain("betas", "there are two of them", "write `betas = [0.9, 0.999]`");
    }
    let [beta1, beta2] = betas.ok()?;
    Some([beta1, beta2, eps?])
}

/// The schedule of a run of `length`, its milestones and the factor at each.
fn course(
    table: &mut Section<'_, '_>,
    length: Option<Steps>,
) -> (Option<Schedule>, Option<Vec<Steps>>, Option<f64>) {
    let course = table.or("schedule", Course::Step, word(COURSES));
    let Some(course) = course.filter(|course| *course != Course::Step) else {
        if course.is_some() {
            let hint = "leave it out, or add `schedule = \"cosine\"` or `schedule = \"linear\"`";
            table.refuse(&["final_lr"], "is not reached by milestones", hint);
        }
        table.know(&["final_lr"]);
        let (milestones, gamma) = drops(table);
        return (course.map(|_| Schedule::Step), milestones, gamma);
    };
    let hint = "leave it out, or use `schedule = \"step\"`";
    table.refuse(&["milestones", "gamma"], "is for a learning rate that falls in steps", hint);
    let to = table.or("final_lr", 0.0, non_negative);
    let schedule = to.zip(length).map(|(to, end)| match course {
        Course::Cosine => Schedule::Cosine { to, end },
        Course::Step | Course::Linear => Schedule::Linear { to, end },
    });
    (schedule, Some(Vec::new()), Some(1.0))
}

/// Milestones and the factor applied at each.
fn drops(table: &mut Section<'_, '_>) -> (Option<Vec<Steps>>, Option<f64>) {
    let written = (table.get("milestones").is_some(), table.get("gamma").is_some());
    let milestones = table.or("milestones", Vec::new(), list(some_steps));
    let gamma = table.or("gamma", 1.0, positive);
    match written {
        (true, false) => {
            let what = "nothing says what happens to the learning rate there";
            table.complain("milestones", what, "add `gamma = 0.1`");
        }
        (false, true) => {
            let what = "nothing says when the learning rate is multiplied by it";
            table.complain("gamma", what, "add `milestones = [\"80ep\", \"120ep\"]`, or leave it out");
        }
        _ => {}
    }
    (milestones, gamma)
}
