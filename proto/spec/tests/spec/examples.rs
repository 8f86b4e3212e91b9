//! One job of each kind, as a sweep of LeNet-300-100 makes them.
use std::sync::Arc;
use tombola_spec::{
    Digest, Fingerprint, Steps,
    data::known,
    job::{
        BatchStatistics, CollapseJob, Compared, ConnectivityJob, Drawn, ImportJob, Input, JobSpec, Join,
        JoinJob, MaskDistanceJob, Network, Output, Preserve, PruneJob, RandomMaskJob, Redraw, Scored, Search,
        Settled, SlimJob, Start, Stream, Ticket, TrainJob, Values,
    },
    outcome::{Artifact, Split},
    settings::{
        Amount, Augment, BatchNormInit, BiasInit, Comparison, Criterion, CutSchedule, Data, Dtype, GraspSign,
        Half, Init, Model, Noise, Optimizer, Order, Partial, Prune, Recipe, Schedule, Scope, ScoreData,
        ScoreMode, Signs, Subset, Train, Unit,
    },
};

pub(crate) fn recipe() -> Recipe {
    let model = Model {
        name: "mnist_lenet_300_100".to_owned(),
        init: Init::GlorotNormal,
        bias_init: BiasInit::Zero,
        bn_init: BatchNormInit::One,
        dropout: 0.0,
    };
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
            partial: Partial::Drop,
            freeze: Vec::new(),
            bn_l1: 0.0,
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
    TrainJob { keep_state: true, ..TrainJob::dense(Arc::new(recipe()), stream(0), Steps::its(500)) }
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
    Prune { rates, ..Prune::new(Criterion::Magnitude, Scope::PerLayer, Amount::Rate(0.2)) }
}

pub(crate) fn prune() -> PruneJob {
    let (rule, weights) = (papers_rule(), Scored::Trained(parent(2)));
    PruneJob {
        network: network(),
        rule,
        weights,
        initial: None,
        data: None,
        mask: Some(mask()),
        scores: None,
        ties: stream(2),
    }
}

/// The first prune step of a global line.
pub(crate) fn global_prune() -> PruneJob {
    let rule = Prune::new(Criterion::Magnitude, Scope::Global, Amount::Rate(0.2));
    PruneJob { rule, mask: None, ties: stream(1), ..prune() }
}

/// A mask cut before training, to a density, by `criterion`.
fn at_init(criterion: Criterion, data: Option<ScoreData>) -> PruneJob {
    let drawn = Drawn { model: recipe().model, init: stream(1) };
    PruneJob {
        rule: Prune::new(criterion, Scope::Global, Amount::Density(0.01)),
        weights: Scored::Drawn(drawn),
        data: data.map(Arc::new),
        ..global_prune()
    }
}

pub(crate) fn score_data() -> ScoreData {
    let (data, stream, dtype) = (recipe().data, stream(7), Dtype::F32);
    ScoreData { data, per_class: 10, balanced: false, stream, dtype, mode: ScoreMode::Eval }
}

pub(crate) fn synflow() -> PruneJob {
    let (schedule, dtype) = (CutSchedule::Exponential, Dtype::F64);
    at_init(Criterion::Synflow { iterations: 100, schedule, dtype }, None)
}

pub(crate) fn grasp() -> PruneJob {
    at_init(Criterion::Grasp { temperature: 200.0, sign: GraspSign::Paper }, Some(score_data()))
}

pub(crate) fn supermask() -> PruneJob {
    let (iterations, batch, lr, momentum, rescale) = (1000, 250, 100.0, 0.9, false);
    at_init(Criterion::Supermask { iterations, batch, lr, momentum, rescale }, Some(score_data()))
}

pub(crate) fn snip() -> PruneJob {
    at_init(Criterion::Snip, Some(score_data()))
}

/// The highest of a criterion that compares trained with initial weights go.
pub(crate) fn inverted_movement() -> PruneJob {
    let (comparison, signs) = (Comparison::Movement, Some(Signs::Same));
    let criterion = Criterion::Deconstructed { comparison, signs };
    let initial = Some(Drawn { model: recipe().model, init: stream(1) });
    PruneJob { rule: Prune { criterion, invert: true, ..papers_rule() }, initial, ..prune() }
}

pub(crate) fn random_mask() -> RandomMaskJob {
    let stream = Stream { branch: "random_mask".to_owned(), ..stream(2) };
    RandomMaskJob {
        network: network(),
        mask: mask(),
        preserve: Preserve::PerLayer,
        whole: Vec::new(),
        stream,
    }
}

/// Round 0 of a network with batch normalization, begun as the Early-Bird paper does.
pub(crate) fn normalized() -> TrainJob {
    let mut recipe = recipe();
    recipe.model.name = "cifar_resnet_20".to_owned();
    (recipe.model.init, recipe.model.bn_init) = (Init::Orthogonal, BatchNormInit::Half);
    TrainJob { recipe: Arc::new(recipe), ..dense() }
}

/// Between two trainings of round 2.
pub(crate) fn connectivity() -> ConnectivityJob {
    let (on, bn) = (vec![Split::Train, Split::Test], vec![BatchStatistics::Interpolate]);
    ConnectivityJob { recipe: rewound().recipe, ends: [parent(2), parent(3)], alphas: 30, on, bn }
}

/// A ticket with constant weights of the old signs and a new output layer.
pub(crate) fn redrawn() -> TrainJob {
    let stream = Stream { branch: "signs".to_owned(), ..stream(2) };
    let after = Scored::Trained(parent(1));
    let redraw = Redraw { after, values: Values::Constant, keep_signs: true, stream: stream.clone() };
    TrainJob { start: Start::Redraw(Box::new(redraw)), head: Some(stream), ..reinit() }
}

/// The masks of three seeds as one.
pub(crate) fn join() -> JoinJob {
    let masks = [3, 4, 5].map(|job| Input { job: parent(job), output: Output::Mask });
    JoinJob { network: network(), masks: masks.to_vec(), rule: Join::Majority }
}

/// A random mask that keeps the sum of the layers that are cut.
pub(crate) fn global_random_mask() -> RandomMaskJob {
    RandomMaskJob { preserve: Preserve::Global, whole: vec!["fc.weight".to_owned()], ..random_mask() }
}

/// SynFlow's critical compression.
pub(crate) fn collapse() -> CollapseJob {
    let PruneJob { network, rule, weights, data, ties, .. } = synflow();
    let Scored::Drawn(drawn) = weights else { panic!("SynFlow scores drawn weights") };
    let (from, to, step, refine) = (0.0, 6.5, 0.25, 0.05);
    CollapseJob { network, criterion: rule.criterion, drawn, data, ties, from, to, step, refine }
}

/// Of three rounds.
pub(crate) fn mask_distance() -> MaskDistanceJob {
    let masks = [5, 6, 7].map(|n| Input { job: parent(n), output: Output::Mask });
    MaskDistanceJob { network: prune().network, masks: masks.into(), unit: Unit::Weight }
}

/// Half of the channels of a network with batch normalization.
pub(crate) fn channels() -> PruneJob {
    let network = Network { name: "cifar_resnet_20".to_owned(), image: [3, 32, 32], classes: 10 };
    let rule = Prune::new(Criterion::BnScale, Scope::Global, Amount::Rate(0.5));
    let rule = Prune { unit: Unit::Channel, ..rule };
    PruneJob { network, rule, mask: None, ..prune() }
}

pub(crate) fn slim() -> SlimJob {
    let (weights, mask) = (parent(2), Some(mask()));
    SlimJob { network: channels().network, weights, mask, dtype: Dtype::F32, batch: 100, passes: 20 }
}

/// The dense training, searching for two early-bird tickets.
pub(crate) fn searching() -> TrainJob {
    let rule = |rate| Prune { amount: Amount::Rate(rate), ..channels().rule };
    let settled = Settled { window: 5, distance: 0.1, compared: Compared::Newest };
    let ties = stream(1);
    let search = Search { rules: vec![rule(0.3), rule(0.5)], settled, whole: false, ties };
    TrainJob { search: Some(search.into()), keep_state: false, ..dense() }
}

/// The second of them, cut.
pub(crate) fn found() -> PruneJob {
    PruneJob { weights: Scored::Found(Ticket { search: parent(8), rule: 1 }), ..channels() }
}

/// And trained on from where it was found.
pub(crate) fn late() -> TrainJob {
    TrainJob { start: Start::Found(parent(9)), from: Steps::ZERO, ..rewound() }
}

/// Scores of people's own, taken in.
pub(crate) fn import() -> ImportJob {
    let file = Artifact { digest: Digest([7; 32]), bytes: 1064 };
    ImportJob { network: network(), file, holds: Output::Scores, density: None }
}

/// And pruned by.
pub(crate) fn scored() -> PruneJob {
    let scores = Some(Input { job: parent(10), output: Output::Scores });
    let rule = Prune::new(Criterion::File, Scope::Global, Amount::Density(0.1));
    PruneJob { rule, scores, ..prune() }
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
        ("synflow", JobSpec::Prune(synflow())),
        ("grasp", JobSpec::Prune(grasp())),
        ("snip", JobSpec::Prune(snip())),
        ("inverted_movement", JobSpec::Prune(inverted_movement())),
        ("normalized", JobSpec::Train(normalized())),
        ("connectivity", JobSpec::Connectivity(connectivity())),
        ("redrawn", JobSpec::Train(redrawn())),
        ("join", JobSpec::Join(join())),
        ("global_random_mask", JobSpec::RandomMask(global_random_mask())),
        ("collapse", JobSpec::Collapse(collapse())),
        ("mask_distance", JobSpec::MaskDistance(mask_distance())),
        ("channels", JobSpec::Prune(channels())),
        ("slim", JobSpec::Slim(slim())),
        ("searching", JobSpec::Train(searching())),
        ("found", JobSpec::Prune(found())),
        ("late", JobSpec::Train(late())),
        ("import", JobSpec::Import(import())),
        ("scored", JobSpec::Prune(scored())),
        ("supermask", JobSpec::Prune(supermask())),
    ]
}
