//! Networks with batch normalization and shortcuts: running statistics are part of a lane, in training, at cuts, in files.

use crate::rig::{
    NESTEROV, Outcomes, PLANS, Recorder, Rig, SGD, continued, distance, edit, edit_recipe, fingerprint, job,
    recipe, stream, with_mask,
};
use std::{collections::BTreeMap, env, path::PathBuf, process::Command};
use tombola_engine::{
    mask::Mask,
    random::{Purpose, Random},
};
use tombola_spec::{
    Steps,
    arch::Architecture,
    job::{Input, Output, Start},
    outcome::Split,
    settings::{BatchNormInit, Dtype, Init, Optimizer},
    slot::StageJob,
    worker::Plan,
};

const RESNET: &str = "cifar_resnet_8_4";

/// A dense job of a small ResNet.
fn resnet(number: u64, optimizer: Optimizer, to: u32) -> StageJob {
    network(job(number, recipe(optimizer), to), RESNET)
}

fn network(mut job: StageJob, name: &str) -> StageJob {
    edit_recipe(&mut job, |recipe| {
        recipe.model.name = name.to_owned();
        recipe.model.init = Init::KaimingNormal;
        recipe.model.bn_init = BatchNormInit::Uniform;
    });
    job
}

/// About half of the ResNet's weights, as a file.
fn mask(rig: &Rig, seed: u64) -> PathBuf {
    let architecture = Architecture::parse(RESNET, [1, 8, 8], 4).unwrap();
    let mut mask = Mask::dense(&architecture);
    let mut random = Random::new(Purpose::RandomMask, &stream(seed), "nets", 0);
    for layer in &mut mask.layers {
        layer.bits.iter_mut().for_each(|bit| *bit = u8::from(random.uniform() < 0.5));
    }
    let path = rig.stage_folder().join("mask.safetensors");
    mask.save(&architecture, &path).unwrap();
    path
}

fn lanes(rig: &Rig, to: u32) -> Vec<StageJob> {
    vec![resnet(1, SGD, to), with_mask(resnet(2, SGD, to), &mask(rig, 4))]
}

fn statistics(tensors: &BTreeMap<String, Vec<f64>>) -> BTreeMap<String, Vec<f64>> {
    let running = |name: &&String| name.contains(".running_");
    let names = tensors.keys().filter(running);
    names.map(|name| (name.clone(), tensors[name].clone())).collect()
}

#[test]
fn fused_networks_equal_plain_ones_in_f64_statistics_included() {
    let rig = Rig::new();
    for name in [RESNET, "preresnet_11_4", "resnet_18_4"] {
        let mut jobs: Vec<_> =
            (1..=2).map(|number| network(job(number, recipe(NESTEROV), 6), name)).collect();
        for job in &mut jobs {
            edit_recipe(job, |recipe| {
                (recipe.dtype, recipe.train.eval_every) = (Dtype::F64, Steps::its(3));
            });
        }
        let (plain, fused) = (rig.run(Plan::CpuLanes, jobs.clone()), rig.run(Plan::Fused, jobs));
        for lane in 1..=2 {
            let (a, b) = (plain.tensors(lane, Output::Weights), fused.tensors(lane, Output::Weights));
            let apart = distance(&a, &b);
            assert!(apart <= 1e-11, "{name} lane {lane}: {apart:e}");
            let moved = distance(&statistics(&a), &statistics(&plain.tensors(lane, Output::Initial)));
            assert!(moved > 0.1, "{name}: {moved:e}");
            for split in [Split::Train, Split::Validation, Split::Test] {
                let (a, b) = (plain.points(lane, "loss", split), fused.points(lane, "loss", split));
                assert!(a.iter().all(|(iteration, loss)| (loss - b[iteration]).abs() < 1e-10), "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn a_network_begins_with_the_statistics_of_no_batch_and_the_scales_asked_for() {
    let rig = Rig::new();
    let begun = |init| {
        let mut job = resnet(1, SGD, 1);
        edit_recipe(&mut job, |recipe| recipe.model.bn_init = init);
        rig.run(Plan::CpuLanes, vec![job]).tensors(1, Output::Initial)
    };
    let all = |values: &[f64], value: f64| values.iter().all(|&found| found == value);
    for (init, scale) in [(BatchNormInit::One, 1.0), (BatchNormInit::Half, 0.5)] {
        let tensors = begun(init);
        assert!(all(&tensors["blocks.1.bn2.weight"], scale) && all(&tensors["blocks.1.bn2.bias"], 0.0));
        assert!(all(&tensors["bn.running_mean"], 0.0) && all(&tensors["bn.running_var"], 1.0));
    }
    let scales = &begun(BatchNormInit::Uniform)["blocks.2.bn1.weight"];
    assert!(scales.iter().all(|scale| (0.0..1.0).contains(scale)) && scales[0] != scales[1], "{scales:?}");
}

#[test]
fn a_resumed_network_has_the_bits_of_an_uninterrupted_one() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut jobs = lanes(&rig, 12);
        let whole = rig.run(plan, jobs.clone());
        let first = rig.run_with(&rig.stage(plan, jobs.clone()), &Recorder::yield_at(7), 1, Some(3));
        for job in &mut jobs {
            job.resume = Some(first.checkpoint(job.job.0).1);
        }
        let second = rig.run(plan, jobs);
        for lane in [1, 2] {
            assert!(second.started(lane) > 0, "{plan:?}");
            assert_eq!(whole.digests(lane), second.digests(lane), "{plan:?}");
        }
    }
}

#[test]
fn a_cut_moves_no_bit_of_a_network() {
    let rig = Rig::new();
    for plan in PLANS {
        let whole = rig.run(plan, lanes(&rig, 11));
        let first = rig.run(plan, lanes(&rig, 5));
        let jobs = lanes(&rig, 5).into_iter().map(|job| continued(job, &first, 11)).collect();
        let second = rig.run(plan, jobs);
        for (lane, output) in [(1, Output::Weights), (1, Output::State), (2, Output::Weights)] {
            assert_eq!(
                whole.digests(lane)[&output],
                second.digests(lane)[&output],
                "{plan:?} {lane} {output}"
            );
        }
    }
}

#[test]
fn masked_weights_of_a_network_are_exactly_zero_and_nothing_else_is_masked() {
    let rig = Rig::new();
    let file = mask(&rig, 4);
    let mask = Mask::load(&Architecture::parse(RESNET, [1, 8, 8], 4).unwrap(), &file).unwrap();
    for plan in PLANS {
        let outcomes = rig.run(plan, vec![with_mask(resnet(1, SGD, 8), &file)]);
        let (weights, state) = (outcomes.tensors(1, Output::Weights), outcomes.tensors(1, Output::State));
        for layer in &mask.layers {
            let momentum = &state[&format!("{}.momentum_buffer", layer.name)];
            for ((weight, momentum), bit) in weights[&layer.name].iter().zip(momentum).zip(&layer.bits) {
                assert_eq!(*weight != 0.0, *bit == 1, "{plan:?} {}", layer.name);
                assert!(*bit == 1 || *momentum == 0.0);
            }
        }
        assert!(weights["blocks.0.bn1.running_var"].iter().all(|&variance| variance > 0.0));
        assert!(state.keys().all(|name| !name.contains("running_")), "statistics have no momentum");
    }
}

/// `weights` at `at`, as a segment that goes on from them with a fresh optimizer.
fn rewound(outcomes: &Outcomes, at: u32, to: u32) -> StageJob {
    let mut job = resnet(3, SGD, to);
    let parent = fingerprint(1);
    let input = Input { job: parent, output: Output::Weights };
    job.inputs.insert(input.to_string(), outcomes.outputs(1)[&Output::Weights].file.clone());
    edit(&mut job, |spec| (spec.start, spec.from) = (Start::Rewind(parent), Steps::its(at)));
    job
}

#[test]
fn rewinding_restores_scales_shifts_and_running_statistics_too() {
    let rig = Rig::new();
    for plan in PLANS {
        let early = rig.run(plan, vec![resnet(1, SGD, 5)]);
        let at = early.tensors(1, Output::Weights);
        assert!(distance(&statistics(&at), &statistics(&early.tensors(1, Output::Initial))) > 0.01);
        let back = rig.run(plan, vec![rewound(&early, 5, 5)]);
        assert_eq!(back.tensors(3, Output::Weights), at, "{plan:?}");
        let on = rig.run(plan, vec![rewound(&early, 5, 6)]);
        assert!(distance(&statistics(&on.tensors(3, Output::Weights)), &statistics(&at)) > 1e-4);
    }
}

/// Loads a file of weights into torchvision's ResNet-18 and tells what its evaluation gives.
const SCRIPT: &str = r#"
import sys
import torch, torchvision
from safetensors.torch import load_file
weights = load_file(sys.argv[1])
model = torchvision.models.resnet18(num_classes=weights["fc.weight"].shape[0])
model.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
model.load_state_dict(weights, strict=True)
read = lambda name, start: torch.frombuffer(bytearray(open(sys.argv[2] + name, "rb").read()[start:]), dtype=torch.uint8)
pixels, labels = read("/t10k-images-idx3-ubyte", 16), read("/t10k-labels-idx1-ubyte", 8)
x = (pixels.reshape(-1, 1, 8, 8).float() / 255 - float(sys.argv[3])) / float(sys.argv[4])
with torch.no_grad():
    print(float(torch.nn.functional.cross_entropy(model.eval()(x), labels.long())))
"#;

/// An interpreter that has torchvision.
fn torchvision() -> Option<Command> {
    let program = env::var_os("TOMBOLA_TEST_TORCH").or_else(|| env::var_os("TOMBOLA_TEST_PYTHON"))?;
    let asked = Command::new(&program).args(["-c", "import torchvision, safetensors.torch"]).output().ok()?;
    asked.status.success().then(|| Command::new(program))
}

/// Needs torch and torchvision, which set-up does not bring: `arch::imagenet_resnet` compares names and shapes always,
/// `train::torchvision` logits of all depths where this runs.
#[test]
fn a_resnet_18_loads_strictly_into_torchvisions_and_computes_the_same() {
    let Some(mut python) = torchvision() else {
        eprintln!(
            "not run: neither TOMBOLA_TEST_TORCH nor TOMBOLA_TEST_PYTHON names a Python with torch and torchvision \
             (`cargo xtask test --torch` does)"
        );
        return;
    };
    let rig = Rig::new();
    let outcomes = rig.run(Plan::CpuLanes, vec![network(job(1, recipe(SGD), 8), "imagenet_resnet_18")]);
    let shape = recipe(SGD).data.shape;
    let weights = &outcomes.outputs(1)[&Output::Weights].file;
    python.args(["-c", SCRIPT]).arg(weights).arg(rig.data().join("tiny"));
    let output = python.args([shape.mean.to_string(), shape.std.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    let ours = outcomes.points(1, "loss", Split::Test)[&8];
    assert!((theirs - ours).abs() < 1e-4 * ours.abs().max(1.0), "{theirs} {ours}");
}
