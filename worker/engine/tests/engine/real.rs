//! The paper's network on the paper's images, where they are at hand.

use crate::rig::{self, ADAM, Rig, job, recipe};
use tombola_engine::{
    device::Device,
    train::{CheckpointRule, Engine},
};
use tombola_spec::{
    Steps,
    data::known,
    outcome::Split,
    settings::Recipe,
    worker::{DeviceKind, Plan},
};

/// LeNet-300-100 as the lottery ticket paper trains it (arXiv 1803.03635, Figure 2), for fewer iterations.
fn papers(set: &str) -> Recipe {
    let mut recipe = recipe(ADAM);
    recipe.model.name = "mnist_lenet_300_100".to_owned();
    recipe.data.set = set.to_owned();
    recipe.data.shape = known(set).expect("a registered set");
    (recipe.data.validation, recipe.train.batch) = (5000, 60);
    (recipe.train.lr, recipe.train.decay, recipe.train.eval_every) = (0.0012, 0.0, Steps::its(300));
    recipe
}

/// What most of an epoch teaches of `set`: the accuracy on its test images.
fn learned(set: &str) -> Option<f64> {
    let data = rig::sets::folder_of(set)?;
    let (rig, link) = (Rig::new(), rig::Recorder::default());
    let device = Device::open(DeviceKind::Cpu, 0).expect("every machine has a CPU");
    let stage = rig.stage(Plan::CpuLanes, vec![job(1, papers(set), 600)]);
    Engine::new(device, data, 1, CheckpointRule::default()).run(&stage, &link);
    let outcomes = rig::Outcomes(link.events.into_inner().expect("no thread panicked"));
    assert!(outcomes.provenance(1).data.is_some());
    let accuracy = outcomes.points(1, "accuracy", Split::Test);
    assert!(accuracy[&0] < 0.3, "{accuracy:?}");
    Some(accuracy[&600])
}

#[test]
fn lenet_learns_mnist_in_most_of_an_epoch() {
    assert!(learned("mnist").is_none_or(|accuracy| accuracy > 0.94));
}

#[test]
fn lenet_learns_fashion_mnist_in_most_of_an_epoch() {
    assert!(learned("fashion_mnist").is_none_or(|accuracy| accuracy > 0.8));
}
