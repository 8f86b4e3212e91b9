//! The sweep files that ship with Tombola: each is read and expanded, and amounts to what its snapshot says.

use std::{fs, path::Path};
use tombola_core::sweep;

#[test]
fn every_sweep_that_ships_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sweeps");
    #[expect(clippy::disallowed_methods, reason = "a test of files; the crate itself reads none")]
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = read(&path);
        let plan = sweep::parse(&text)
            .and_then(|file| sweep::most(&file, &sweep::Dense::new(), &Default::default()));
        let plan = plan.unwrap_or_else(|mistakes| panic!("{}", mistakes.show(&name)));
        assert_eq!(plan.name, name, "a file is named after its sweep");
        assert!(text.starts_with("# "), "{name} says what it is");
        for word in ["Paper: ", "arXiv ", "figure", "Expected"] {
            assert!(text.contains(word), "{name}: its header lacks `{word}`");
        }
        insta::assert_debug_snapshot!(name.clone(), sweep::summary(&plan));
        names.push(name);
    }
    names.sort();
    let ships = [
        "collapse-lenet",
        "collapse-vgg16",
        "collapse-vgg16-cifar10",
        "deconstructing-lenet",
        "demo",
        "early-bird-vgg11-short",
        "early-bird-vgg16",
        "early-bird-vgg16-epochs",
        "lmc-lenet",
        "lmc-resnet20",
        "lmc-resnet20-short",
        "lth-conv2",
        "lth-conv4",
        "lth-conv6",
        "lth-lenet",
        "lth-lenet-few",
        "lth-lenet-short",
        "lth-resnet18",
        "lth-resnet20-short",
        "lth-vgg19",
        "oneshot-lenet",
        "optimizers-lenet",
        "price-earlybird",
        "price-imp",
        "price-short",
        "price-small",
        "price-synflow",
        "rewinding-resnet20",
        "sanity-resnet20",
        "sharing",
        "signs-lenet",
        "slimming-vgg16",
        "smallest-lenet",
        "supermask-lenet",
        "synflow-lenet",
        "synflow-vgg11-short",
        "synflow-vgg16",
        "transfer-lenet",
        "transfer-vgg19",
    ];
    assert_eq!(names, ships);
}
