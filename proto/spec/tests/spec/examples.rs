//! One job of each kind, as a sweep of LeNet-300-100 makes them.
use std::{collections::BTreeMap, sync::Arc};
use tombola_spec::{
    Digest, Fingerprint, Steps,
    data::known,
    job::{Input, JobSpec, Network, Output, Preserve, PruneJob, RandomMaskJob, Start, Stream, TrainJob},
    settings::{
        Augment, BiasInit, Criterion, Data, Dtype, Half, Init, Model, Noise, Optimizer, Order, Prune, Recipe,
        Schedule, Scope, Subset, Train,
    },
};

pub(crate) fn recipe() -> Recipe {
    let model =
        Model { name: "mnist_lenet_300_100".to_owned(), init: Init::GlorotNormal, bias_init: BiasInit::Zero };
    let shape = known("mnist").expect("a registered set");
    Recipe {
        model,
        data: Data::whole("mnist", shape, 5000),
        train: Train {
            batch: 60,
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            lr: 0.0012,
            decay: 0.0,
            milestones: Vec::new(),
            gamma: 0.1,
            warmup: Steps::ZERO,
            eval_every: Steps::its(100),
            order: Order::Fresh,
            schedule: Schedule::Step,
            clip: None,
        },
        dtype: Dtype::F32,
    }
}

pub(crate) fn stream(round: u32) -> Stream {
    Stream { seed: 1, branch: String::new(), copy: 0, round, repeat: 0 }
}

/// The name of some job.
pub(crate) fn parent(number: u8) -> Fingerprint {
    Fingerprint(Digest([number; 32]))
}

pub(crate) fn mask() -> Input {
    Input { job: parent(3), output: Output::Mask }
}

/// Round 0, to the rewind point.
pub(crate) fn dense() -> TrainJob {
    TrainJob {
        recipe: Arc::new(recipe()),
        start: Start::Init(stream(0)),
        mask: None,
        order: stream(0),
        from: Steps::ZERO,
        to: Steps::its(500),
        keep_state: true,
    }
}

/// Round 0, from the rewind point on.
pub(crate) fn continued() -> TrainJob {
    let (start, from, to) = (Start::Continue(parent(1)), Steps::its(500), Steps::its(50_000));
    TrainJob { start, from, to, keep_state: false, ..dense() }
}

/// Round 2 of another recipe: momentum, decay, a schedule.
pub(crate) fn rewound() -> TrainJob {
    let mut recipe = recipe();
    recipe.train.optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
    (recipe.train.lr, recipe.train.decay) = (0.1, 1e-4);
    recipe.train.milestones = vec![Steps::epochs(80), Steps { ep: 120, it: 3 }];
    recipe.train.warmup = Steps::epochs(5);
    let start = Start::Rewind(parent(1));
    let (mask, order) = (Some(mask()), stream(2));
    TrainJob { recipe: Arc::new(recipe), start, mask, order, ..continued() }
}

/// A job that says what vocabulary 2 can say of data.
pub(crate) fn varied() -> TrainJob {
    let mut recipe = recipe();
    recipe.data.subset = Some(Subset::Half(Half::B));
    recipe.data.noise = Some(Noise { share: 0.1, seed: 3 });
    recipe.data.augment = Augment::FlipCrop4;
    TrainJob { recipe: Arc::new(recipe), ..dense() }
}

/// A job that says what vocabulary 2 can say of training.
pub(crate) fn scheduled() -> TrainJob {
    let mut recipe = recipe();
    recipe.train.optimizer = Optimizer::RmsProp { alpha: 0.9, eps: 1e-8, momentum: 0.9 };
    recipe.train.schedule = Schedule::Linear { to: 0.005, end: Steps::epochs(60) };
    recipe.train.clip = Some(1.0);
    TrainJob { recipe: Arc::new(recipe), ..dense() }
}

/// The random reinitialization of a repeated trial.
pub(crate) fn reinit() -> TrainJob {
    let stream = Stream { branch: "reinit".to_owned(), copy: 2, repeat: 1, ..stream(2) };
    let start = Start::Init(stream.clone());
    let (from, to) = (Steps::ZERO, Steps::its(50_000));
    TrainJob { start, mask: Some(mask()), order: stream, from, to, keep_state: false, ..dense() }
}

pub(crate) fn network() -> Network {
    Network { name: "mnist_lenet_300_100".to_owned(), image: [1, 28, 28], classes: 10 }
}

/// 20 % a round, 10 % of the output layer.
pub(crate) fn papers_rule() -> Prune {
    let rates = [("fc.weight".to_owned(), 0.1)].into();
    Prune { criterion: Criterion::Magnitude, scope: Scope::PerLayer, rate: 0.2, rates }
}

pub(crate) fn prune() -> PruneJob {
    let (rule, weights) = (papers_rule(), parent(2));
    PruneJob { network: network(), rule, weights, mask: Some(mask()), ties: stream(2) }
}

/// The first prune step of a global line.
pub(crate) fn global_prune() -> PruneJob {
    let (scope, rates) = (Scope::Global, BTreeMap::new());
    let rule = Prune { criterion: Criterion::Magnitude, scope, rate: 0.2, rates };
    PruneJob { rule, mask: None, ties: stream(1), ..prune() }
}

pub(crate) fn random_mask() -> RandomMaskJob {
    let stream = Stream { branch: "random_mask".to_owned(), ..stream(2) };
    RandomMaskJob { network: network(), mask: mask(), preserve: Preserve::PerLayer, stream }
}

/// All of them, by name.
pub(crate) fn jobs() -> Vec<(&'static str, JobSpec)> {
    vec![
        ("dense", JobSpec::Train(dense())),
        ("continued", JobSpec::Train(continued())),
        ("rewound", JobSpec::Train(rewound())),
        ("reinit", JobSpec::Train(reinit())),
        ("varied", JobSpec::Train(varied())),
        ("scheduled", JobSpec::Train(scheduled())),
        ("prune", JobSpec::Prune(prune())),
        ("global_prune", JobSpec::Prune(global_prune())),
        ("random_mask", JobSpec::RandomMask(random_mask())),
    ]
}
