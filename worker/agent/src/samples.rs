//! Jobs for tests: a small network trained, pruned, rewound and trained again.

use std::sync::Arc;
use tombola_spec::{
    Fingerprint, Steps,
    data::known,
    job::{Input, JobSpec, Network, Output, PruneJob, Scored, Start, Stream, TrainJob},
    settings::{
        Amount, BatchNormInit, BiasInit, Criterion, Data, Dtype, Init, Model, Optimizer, Order, Partial,
        Prune, Recipe, Schedule, Scope, Train,
    },
};

const NETWORK: &str = "mnist_lenet_12_8";
const ITERATIONS: u32 = 100;

fn stream(seed: u64) -> Stream {
    Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
}

fn recipe() -> Recipe {
    let shape = known("mnist").expect("a set of the registry");
    Recipe {
        model: Model {
            name: NETWORK.to_owned(),
            init: Init::GlorotNormal,
            bias_init: BiasInit::Zero,
            bn_init: BatchNormInit::One,
            dropout: 0.0,
        },
        data: Data::whole("mnist", shape, 5000),
        train: Train {
            batch: 60,
            optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
            lr: 0.1,
            decay: 0.0,
            milestones: Vec::new(),
            gamma: 0.1,
            warmup: Steps::ZERO,
            eval_every: Steps::its(20),
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

fn trained(seed: u64, start: Start, mask: Option<Input>) -> JobSpec {
    let dense = TrainJob::dense(Arc::new(recipe()), stream(seed), Steps::its(ITERATIONS));
    JobSpec::Train(TrainJob { start, mask, ..dense })
}

/// Dense training from initialization, 100 iterations.
pub(crate) fn train(seed: u64) -> JobSpec {
    trained(seed, Start::Init(stream(seed)), None)
}

/// A fifth of the weights that `trained` left is cut.
pub(crate) fn prune(trained: &JobSpec) -> JobSpec {
    JobSpec::Prune(PruneJob {
        network: Network { name: NETWORK.to_owned(), image: [1, 28, 28], classes: 10 },
        rule: Prune::new(Criterion::Magnitude, Scope::PerLayer, Amount::Rate(0.2)),
        weights: Scored::Trained(Fingerprint::of(trained)),
        initial: None,
        data: None,
        mask: None,
        scores: None,
        ties: stream(0),
    })
}

/// Training under a mask, from the weights that `first` left.
pub(crate) fn retrain(first: &JobSpec, mask: &JobSpec) -> JobSpec {
    let mask = Input { job: Fingerprint::of(mask), output: Output::Mask };
    trained(9, Start::Rewind(Fingerprint::of(first)), Some(mask))
}
