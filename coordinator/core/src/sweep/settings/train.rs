//! `train = { steps, batch, optimizer, lr, … }`.

use crate::sweep::{
    diagnostic::Notes,
    section::Section,
    tree::Tree,
    value::{below_one, count, flag, list, non_negative, positive, some_steps, steps, word},
};
use tombola_spec::{
    Steps,
    settings::{Data, Dtype, Model, Optimizer, Order, Recipe, Train},
};

pub(in crate::sweep) const ORDERS: &[(&str, Order)] = &[("fresh", Order::Fresh), ("same", Order::Same)];
pub(in crate::sweep) const DTYPES: &[(&str, Dtype)] = &[("f32", Dtype::F32), ("f64", Dtype::F64)];

#[derive(Clone, Copy)]
enum Rule {
    Sgd,
    Adam,
}

const RULES: &[(&str, Rule)] = &[("sgd", Rule::Sgd), ("adam", Rule::Adam)];

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
    let optimizer = optimizer(&mut table);
    let lr = table.required("lr", "1.2e-3", positive);
    let decay = table.or("decay", 0.0, non_negative);
    let (milestones, gamma) = drops(&mut table);
    let warmup = table.or("warmup", Steps::ZERO, steps);
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
    };
    Some(Written { steps: length?, settings, dtype: dtype?, evaluated })
}

fn optimizer(table: &mut Section<'_, '_>) -> Option<Optimizer> {
    const SGD: [&str; 2] = ["momentum", "nesterov"];
    const ADAM: [&str; 2] = ["betas", "eps"];
    table.know(&SGD);
    table.know(&ADAM);
    match table.required("optimizer", "\"adam\"", word(RULES))? {
        Rule::Sgd => {
            table.refuse(&ADAM, "is not a setting of `sgd`", "leave it out, or use `optimizer = \"adam\"`");
            sgd(table)
        }
        Rule::Adam => {
            let hint = "leave it out (adam's first moment is `betas`), or use `optimizer = \"sgd\"`";
            table.refuse(&SGD, "is not a setting of `adam`", hint);
            adam(table)
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

fn adam(table: &mut Section<'_, '_>) -> Option<Optimizer> {
    let betas = table.or("betas", vec![0.9, 0.999], list(below_one));
    let eps = table.or("eps", 1e-8, positive);
    let betas = <[f64; 2]>::try_from(betas?);
    if betas.is_err() {
        table.complain("betas", "adam has two of them", "write `betas = [0.9, 0.999]`");
    }
    let [beta1, beta2] = betas.ok()?;
    Some(Optimizer::Adam { beta1, beta2, eps: eps? })
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
