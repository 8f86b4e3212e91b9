//! The paper's network on the paper's images, where they are at hand.

mod rig;

use rig::{ADAM, Rig, job, recipe};
use std::path::PathBuf;
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

/// Where set-up puts data sets.
fn folder_of(set: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let folder = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or(home)?.join("tombola/data");
    folder.join(set).is_dir().then_some(folder)
}

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

#[test]
fn lenet_learns_mnist_in_most_of_an_epoch() {
    let Some(data) = folder_of("mnist") else {
        eprintln!("not run: MNIST is not on this machine");
        return;
    };
    let (rig, link) = (Rig::new(), rig::Recorder::default());
    let device = Device::open(DeviceKind::Cpu, 0).expect("every machine has a CPU");
    let stage = rig.stage(Plan::CpuLanes, vec![job(1, papers("mnist"), 600)]);
    Engine::new(device, data, 1, CheckpointRule::default()).run(&stage, &link);
    let outcomes = rig::Outcomes(link.events.into_inner().expect("no thread panicked"));
    let accuracy = outcomes.points(1, "accuracy", Split::Test);
    assert!(accuracy[&0] < 0.3 && accuracy[&600] > 0.94, "{accuracy:?}");
    assert!(outcomes.provenance(1).data.is_some());
}
