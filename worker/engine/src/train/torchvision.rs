//! Weights files of ImageNet's ResNets are loaded into torchvision's modules as their users do it, and give the same logits.

use super::outputs::{initial, weights_file};
use crate::{
    checkpoint::{FileKind, TensorFile},
    nn::{Layout, Mode, Tensors, forward},
};
use std::{env, ffi::OsString, path::Path, process::Command};
use tch::{Kind, Tensor, no_grad};
use tombola_spec::{
    arch::Architecture,
    job::Stream,
    settings::{BatchNormInit, BiasInit, Init, Model},
};

/// Loads weights files strictly, and tells how far the logits are from those that the engine gave for the same images.
const SCRIPT: &str = r#"
import sys
import torch, torchvision
from safetensors.torch import load_file

for depth in sys.argv[2:]:
    file = f"{sys.argv[1]}/{depth}."
    weights, passed = load_file(file + "weights"), load_file(file + "passed")
    model = getattr(torchvision.models, "resnet" + depth)(num_classes=len(weights["fc.bias"]))
    model.load_state_dict(weights, strict=True)
    with torch.no_grad():
        logits = model.eval()(passed["images"])
    print(float((logits - passed["logits"]).abs().max()))
"#;

const DEPTHS: [&str; 3] = ["18", "34", "50"];

const CLASSES: u32 = 10;

/// Of an image's side; five halvings leave 2, so that the last convolutions have neighbours to see.
const SIDE: u32 = 64;

/// Part of the largest logit by which others may differ: no kernel has to add in our order. A rounding is 6e-8 of a value, a
/// sum of the largest layer (4,608 terms) wanders about 4e-6, and fifty layers of them 3e-5.
const APART: f64 = 1e-4;

/// An interpreter that has torchvision.
fn python() -> Option<OsString> {
    let program = env::var_os("TOMBOLA_TEST_TORCH").or_else(|| env::var_os("TOMBOLA_TEST_PYTHON"));
    let mut why = String::new();
    let found = program.filter(|program| {
        let asked = Command::new(program).args(["-c", "import torchvision, safetensors.torch"]).output();
        let asked = asked.map_or_else(
            |error| Err(error.to_string()),
            |asked| match asked.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&asked.stderr).into_owned()),
            },
        );
        why = asked.as_ref().err().cloned().unwrap_or_default();
        asked.is_ok()
    });
    assert!(
        found.is_some() || env::var_os("TOMBOLA_TEST_TORCH").is_none(),
        "TOMBOLA_TEST_TORCH names a Python that cannot import torchvision and safetensors.torch: {why}"
    );
    if found.is_none() {
        eprintln!(
            "not run: neither TOMBOLA_TEST_TORCH nor TOMBOLA_TEST_PYTHON names a Python with torch and torchvision \
             (`cargo xtask test --torch` does)"
        );
    }
    found
}

fn images() -> Tensor {
    let (count, side) = (4, i64::from(SIDE));
    let pixels =
        (0..count * 3 * side * side).map(|n| ((n * 37 % 101 + n / side * 17 % 89) as f32) / 60.0 - 1.5);
    Tensor::from_slice(&pixels.collect::<Vec<_>>()).view([count, 3, side, side])
}

/// Weights as drawn, and statistics that batches have moved: those of no batch would hide one that is in the wrong place.
fn moved(network: &Architecture, layout: &Layout, images: &Tensor) -> (Tensor, Tensors) {
    let (init, bias_init) = (Init::KaimingNormal, BiasInit::Uniform);
    let (name, bn_init) = (network.name.clone(), BatchNormInit::Uniform);
    let model = Model { name, init, bias_init, bn_init, dropout: 0.0 };
    let stream = Stream { seed: 1, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let flat = initial(&model, network, &stream, Kind::Float).unwrap();
    let tensors = layout.tensors(&flat).unwrap();
    for _ in 0..3 {
        let _ = forward(&network.layers, &tensors, images, Mode::Train).unwrap();
    }
    (flat, tensors)
}

fn put(file: &mut TensorFile, name: &str, tensor: &Tensor) {
    let shape: Vec<usize> = tensor.size().into_iter().map(|n| n as usize).collect();
    let values = Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap();
    file.put(name, &shape, values).unwrap();
}

/// Writes the weights of a network, and images with the logits that they give; returns the largest of these.
fn write(depth: &str, folder: &Path) -> f64 {
    let name = format!("imagenet_resnet_{depth}");
    let network = Architecture::parse(&name, [3, SIDE, SIDE], CLASSES).unwrap();
    let (layout, images) = (Layout::of(&network), images());
    let (flat, tensors) = no_grad(|| moved(&network, &layout, &images));
    let weights = weights_file(FileKind::Weights, &network, &layout, &flat).unwrap();
    weights.save(&folder.join(format!("{depth}.weights"))).unwrap();
    let logits = no_grad(|| forward(&network.layers, &tensors, &images, Mode::Evaluate)).unwrap();
    let mut file = TensorFile::new(FileKind::Weights, &name);
    put(&mut file, "images", &images);
    put(&mut file, "logits", &logits);
    file.save(&folder.join(format!("{depth}.passed"))).unwrap();
    logits.abs().max().double_value(&[])
}

/// torchvision's modules also have `num_batches_tracked`, which is in no file of ours: `load_state_dict` fills it in by
/// itself for tensors that do not come with the version of a module, as those of a file never do.
#[test]
fn imagenet_resnets_load_strictly_into_torchvisions_and_give_the_same_logits() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let largest = DEPTHS.map(|depth| write(depth, folder.path()));
    let output = Command::new(python).args(["-c", SCRIPT]).arg(folder.path()).args(DEPTHS).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let apart: Vec<f64> = told.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(apart.len(), DEPTHS.len());
    for ((depth, largest), apart) in DEPTHS.iter().zip(largest).zip(apart) {
        println!("ResNet-{depth}: logits up to {largest:.3}, {apart:e} apart from torchvision's");
        assert!(largest > 0.1 && apart <= APART * largest, "ResNet-{depth}: {apart:e} of {largest}");
    }
}
