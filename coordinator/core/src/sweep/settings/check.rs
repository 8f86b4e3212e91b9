//! Settings that are right one by one and cannot work together.

use super::train::{self, part_name};
use crate::{
    plan::{After, PruneLine},
    sweep::{
        diagnostic::{Notes, suggest},
        tree::Tree,
    },
};
use tombola_spec::{
    Steps,
    arch::{Architecture, Role},
    ladder::{self, DeadEnd, Pool},
    settings::{Amount, Criterion, Data, Frozen, Model, Partial, Unit},
};

/// Settings that are right one by one and cannot work together.
pub(super) struct Check<'a> {
    pub(super) tree: &'a Tree,
    pub(super) notes: &'a mut Notes,
    /// Whether nothing was found wrong.
    pub(super) sound: bool,
}

impl Check<'_> {
    /// Each check runs as soon as the tables it compares could be read, whatever is wrong with the others.
    pub(super) fn all(
        &mut self,
        model: Option<&Model>,
        data: Option<&Data>,
        train: Option<&train::Written>,
        line: Option<&PruneLine>,
    ) {
        let network = model.zip(data).and_then(|(model, data)| self.network(model, data));
        if let Some((network, model)) = network.as_ref().zip(model) {
            self.dropout(network, model);
        }
        if let Some((line, network)) = line.zip(network.as_ref()) {
            self.rates(line, network);
            if self.density(line, network) {
                self.ladder(line, network);
            }
            self.channels(line, network);
        }
        if let Some((line, data)) = line.zip(data) {
            self.until(line, data);
        }
        if let Some((network, train)) = network.as_ref().zip(train) {
            self.normalization(network, train);
            self.freeze(network, train);
        }
        let timed = data.zip(train);
        if let Some((data, train)) = timed.filter(|(data, train)| self.batch(data, train)) {
            let network = network.as_ref();
            let per_epoch = train.settings.iterations_per_epoch(data.train_examples());
            self.schedule(train, per_epoch);
            network.inspect(|network| self.last_batch(network, train, data));
            line.inspect(|line| self.looked_at(line, data));
            line.inspect(|line| self.rewind(line, train.steps, per_epoch));
            line.inspect(|line| self.finetuning(line, train, per_epoch));
            line.inspect(|line| self.search(line, train.steps, per_epoch));
        }
    }

    fn complain(&mut self, setting: &str, what: &str, hint: impl Into<String>) {
        self.notes.problem(self.tree.place(setting), format!("`{setting}`: {what}"), hint);
        self.sound = false;
    }

    fn network(&mut self, model: &Model, data: &Data) -> Option<Architecture> {
        match Architecture::parse(&model.name, data.shape.image, data.classes()) {
            Ok(architecture) => Some(architecture),
            Err(error) => {
                self.complain("model.name", &error.what, error.hint);
                None
            }
        }
    }

    fn dropout(&mut self, network: &Architecture, model: &Model) {
        if model.dropout > 0.0 && network.clone().with_dropout().dropouts().is_empty() {
            let what = format!("`{}` has no hidden linear layers, whose outputs are dropped", network.name);
            self.complain("model.dropout", &what, "leave it out, or use `mnist_lenet_…` or `conv_…`");
        }
    }

    /// Whether there are as many examples as a criterion is to look at.
    fn looked_at(&mut self, line: &PruneLine, data: &Data) {
        let Some(score) = &line.score else { return };
        let (wanted, there) = (u64::from(score.per_class) * u64::from(data.classes()), data.train_examples());
        if wanted > there.into() {
            let what =
                format!("{} for each of {} classes are {wanted} examples", score.per_class, data.classes());
            self.complain("prune.score_data", &what, format!("{there} are trained on"));
        }
    }

    fn normalization(&mut self, network: &Architecture, train: &train::Written) {
        if network.normalizes() && train.settings.batch == 1 {
            let what =
                format!("one example has no variance, by which `{}` normalizes its batches", network.name);
            self.complain("train.batch", &what, "at least 2");
        }
    }

    /// What is frozen must be there, and something must be left to train.
    fn freeze(&mut self, network: &Architecture, train: &train::Written) {
        let (parts, name) = (&train.settings.freeze, &network.name);
        let names: Vec<String> = network.parameters().into_iter().map(|tensor| tensor.name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for part in parts.iter().filter(|part| !Frozen::among(&[(*part).clone()], network).contains(&true)) {
            let hint = match part {
                Frozen::Parameter(own) => suggest(own, &names, "its parameters:"),
                _ => "leave it out".to_owned(),
            };
            self.complain("train.freeze", &format!("`{name}` has no `{}`", part_name(part)), hint);
        }
        if Frozen::among(parts, network).iter().all(|frozen| *frozen) {
            self.complain("train.freeze", "nothing is left to train", "leave something out");
        }
        let frozen = Frozen::among(parts, network).into_iter().zip(network.parameters());
        let mut moving = frozen.filter(|(frozen, tensor)| !frozen && tensor.role == Role::Scale);
        if train.settings.bn_l1 != 0.0 && moving.next().is_none() {
            let what = format!("`{name}` trains no scales of batch normalizations");
            self.complain("train.bn_l1", &what, "leave it out");
        }
    }

    /// Whether the last batch of an epoch can be normalized.
    fn last_batch(&mut self, network: &Architecture, train: &train::Written, data: &Data) {
        let (settings, all) = (&train.settings, data.train_examples());
        if settings.partial == Partial::Keep
            && network.normalizes()
            && settings.batch > 1
            && all % settings.batch == 1
        {
            let what =
                format!("the last batch of {all} examples has one, which has no variance to normalize by");
            self.complain("train.partial", &what, "another `batch`, or `partial = \"drop\"`");
        }
    }

    /// Whether an epoch has at least one batch.
    fn batch(&mut self, data: &Data, train: &train::Written) -> bool {
        let (batch, left) = (train.settings.batch, data.train_examples());
        if batch > left {
            let what = format!("a batch of `{batch}` is larger than the training split");
            let (all, held) = (data.examples(), data.validation);
            self.complain(
                "train.batch",
                &what,
                format!("{left} examples are left of {all} after {held} for validation"),
            );
        }
        batch <= left
    }

    fn schedule(&mut self, train: &train::Written, per_epoch: u64) {
        let iterations = train.steps.iterations(per_epoch);
        if iterations > u64::from(u32::MAX) {
            let what = format!("`{}` is {iterations} iterations", train.steps);
            self.complain("train.steps", &what, format!("at most {} are possible", u32::MAX));
        }
        let warmup = train.settings.warmup;
        if !train.settings.schedule.is_step() && warmup.iterations(per_epoch) >= iterations {
            let what = format!("`{warmup}` leave nothing for the learning rate to fall in");
            self.complain(
                "train.warmup",
                &what,
                format!("training ends at `{}` (`train.steps`)", train.steps),
            );
        }
        let points = &train.settings.milestones;
        let early = |pair: &&[Steps]| pair[0].iterations(per_epoch) >= pair[1].iterations(per_epoch);
        if let Some([first, second]) = points.windows(2).find(early) {
            let what = format!("`{second}` does not come after `{first}`");
            self.complain("train.milestones", &what, "write them in increasing order, each once");
        }
    }

    fn rewind(&mut self, line: &PruneLine, steps: Steps, per_epoch: u64) {
        if line.rewind.iterations(per_epoch) >= steps.iterations(per_epoch) {
            let what = format!("`{}` is not before the end of training", line.rewind);
            self.complain("prune.rewind", &what, format!("training ends at `{steps}` (`train.steps`)"));
        }
    }

    /// Whether training is long enough for a ticket to be found.
    fn search(&mut self, line: &PruneLine, steps: Steps, per_epoch: u64) {
        let Some(search) = line.search else { return };
        // None is drawn at the start of the first epoch, none at the end of the last.
        let masks = steps.iterations(per_epoch).saturating_sub(1) / per_epoch.max(1);
        let wanted = search.settled.masks() as u64;
        if masks < wanted {
            let what = format!("{wanted} masks are compared, and training by `{steps}` draws {masks}");
            self.complain("prune.search", &what, "train longer, or make `search.window` smaller");
        }
    }

    /// Whether there is something to decide by, and to decide.
    fn until(&mut self, line: &PruneLine, data: &Data) {
        let Some(until) = &line.until else { return };
        if data.validation == 0 {
            let what = "no examples are held out to decide by, and test examples decide nothing";
            self.complain("prune.until", what, "write `data.validation`");
        } else if line.rounds < 2 {
            self.complain("prune.until", "there is no second round to leave out", "prune in more rounds");
        } else if until.patience >= line.rounds {
            let what = format!("`{}` rounds are waited for, and there are {}", until.patience, line.rounds);
            self.complain("prune.until.patience", &what, "make it smaller, or prune in more rounds");
        }
    }

    /// Whether there is a learning rate to fine-tune at.
    fn finetuning(&mut self, line: &PruneLine, train: &train::Written, per_epoch: u64) {
        let last = train.steps.iterations(per_epoch).saturating_sub(1);
        let lr = train.settings.lr_at(last, per_epoch);
        if line.after == After::Finetune
            && lr < 1e-3 * train.settings.lr
            && !train.settings.schedule.is_step()
        {
            let what = format!("the learning rate ends at {lr:.1e}, at which nothing is tuned");
            self.complain("prune.after", &what, "write `train.final_lr`, the rate to fine-tune at");
        }
    }

    fn rates(&mut self, line: &PruneLine, network: &Architecture) {
        let names: Vec<String> = match line.rule.unit {
            Unit::Weight => network.weights().into_iter().map(|weight| weight.name).collect(),
            Unit::Channel => network.units().iter().map(|units| format!("{}.weight", units.layer)).collect(),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for name in line.rule.rates.keys().filter(|name| !names.contains(&name.as_str())) {
            let setting = format!("prune.rates.{name}");
            let (what, known) = match line.rule.unit {
                Unit::Weight => ("no such weight", "its weights:"),
                Unit::Channel => ("no channels to prune there", "weights that make some:"),
            };
            let what = format!("`{}` has {what}", network.name);
            self.complain(&setting, &what, suggest(name, &names, known));
        }
    }

    /// Whether channels can be ranked, and each layer keeps one.
    fn channels(&mut self, line: &PruneLine, network: &Architecture) {
        if line.rule.unit == Unit::Weight {
            return;
        }
        let plain = network.units().into_iter().find(|units| units.norm.is_none());
        if let Some(units) = plain.filter(|_| line.rule.criterion == Criterion::BnScale) {
            let what = format!("no batch normalization scales the channels of `{}`", units.layer);
            self.complain("prune.criterion", &what, "rank them by `l1_filter`");
        }
        for pool in ladder::pools(network, &line.rule) {
            let left = (0..line.rounds).fold(pool.total, |alive, _| pool.left(alive, alive));
            let layers = pool.layers.len() as u64;
            if left < layers {
                let what = format!("{left} of {} channels cannot keep {layers} layers connected", pool.total);
                self.complain("prune.rate", &what, "each keeps at least one: prune less, or fewer times");
            }
        }
    }

    /// Whether a density can be reached without emptying a layer.
    fn density(&mut self, line: &PruneLine, network: &Architecture) -> bool {
        let Amount::Density(density) = line.rule.amount else { return true };
        let pools = ladder::pools(network, &line.rule);
        let (whole, cut): (Vec<&Pool>, Vec<&Pool>) = pools.iter().partition(|pool| !pool.is_prunable());
        let kept: u64 = whole.iter().map(|pool| pool.total).sum();
        let (all, layers) =
            (network.weight_count(), cut.iter().map(|pool| pool.layers.len() as u64).sum::<u64>());
        let wanted = density * all as f64;
        if wanted + 0.5 >= (kept + layers) as f64 {
            return true;
        }
        let least = (kept + layers) as f64;
        let what = format!("{wanted:.1} of {all} weights cannot keep {layers} layers connected");
        let what = if kept > 0 { format!("{what} beside {kept} that are never pruned") } else { what };
        let (density, compression) = (least / all as f64, all as f64 / least);
        let hint = format!("the least is `density = {density:.3e}`, a compression of {compression:.0}");
        let compressed = self.tree.has(&["prune", "compression"]);
        self.complain(if compressed { "prune.compression" } else { "prune.density" }, &what, hint);
        false
    }

    /// Whether each round leaves something, and what is protected.
    fn ladder(&mut self, line: &PruneLine, network: &Architecture) {
        let Some(end) = ladder::dead_end(network, &line.rule, line.rounds) else { return };
        let DeadEnd { round, left, least } = end;
        let before = if round > 1 { format!("at most {} rounds, or ", round - 1) } else { String::new() };
        if line.rule.protect > 0.0 {
            let what = format!("round {round} would leave {left} weights, and {least} are protected");
            self.complain("prune.protect", &what, format!("{before}a smaller share"));
        } else {
            let what = format!("by this convention round {round} would prune all that is left");
            self.complain("prune.counting", &what, format!("{before}`counting = \"exact\"`"));
        }
    }
}
