//! The files a job leaves, read by Python with nothing but safetensors and numpy.

use crate::rig::{self, ADAM, Rig, job, recipe, with_mask};
use serde_json::{Value, json};
use std::{collections::BTreeMap, env, path::Path, process::Command};
use tombola_engine::mask::Mask;
use tombola_spec::{job::Output, outcome::Split, worker::Plan};

/// Tells of each file: names, shapes, types, values that are not zero. And computes the network's test accuracy from
/// the weights, as anyone would who knows PyTorch's `[out, in]`.
const SCRIPT: &str = r#"
import json, sys
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

files = json.loads(sys.argv[1])
told = {}
for kind, path in files.items():
    tensors = load_file(path)
    with safe_open(path, "numpy") as opened:
        notes = opened.metadata()
    told[kind] = {
        "kind": notes["tombola.kind"], "network": notes["tombola.network"],
        "tensors": {n: [list(t.shape), str(t.dtype), int(np.count_nonzero(t))] for n, t in tensors.items()},
    }

weights, mask = load_file(files["weights"]), load_file(files["mask"])
told["masked"] = all(np.array_equal(weights[name] * mask[name], weights[name]) for name in mask)

folder, mean, std = sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
pixels = np.fromfile(folder + "/t10k-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 64)
labels = np.fromfile(folder + "/t10k-labels-idx1-ubyte", np.uint8)[8:]
x = (pixels / 255.0 - mean) / std
for layer in ["fc_layers.0", "fc_layers.1"]:
    x = np.maximum(x @ weights[layer + ".weight"].T + weights[layer + ".bias"], 0)
logits = x @ weights["fc.weight"].T + weights["fc.bias"]
told["accuracy"] = float((logits.argmax(1) == labels).mean())
print(json.dumps(told))
"#;

/// An interpreter with safetensors and numpy.
#[expect(clippy::print_stderr, reason = "says why a test did not run")]
fn python() -> Option<Command> {
    let Some(program) = env::var_os("TOMBOLA_TEST_PYTHON") else {
        let why = "not run: TOMBOLA_TEST_PYTHON names no Python with safetensors (`cargo xtask test` does)";
        assert!(env::var("TOMBOLA_TEST_REQUIRE").as_deref() != Ok("1"), "{why}");
        eprintln!("{why}");
        return None;
    };
    Some(Command::new(program))
}

fn tell(mut python: Command, files: &BTreeMap<&str, &Path>, data: &Path) -> Value {
    let shape = recipe(ADAM).data.shape;
    let files = serde_json::to_string(files).unwrap();
    python.args(["-c", SCRIPT, &files]).arg(data).args([shape.mean.to_string(), shape.std.to_string()]);
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn python_reads_names_shapes_types_and_counts_and_computes_the_same_accuracy() {
    let Some(python) = python() else { return };
    let rig = Rig::new();
    let path = rig.mask(0.4, 7);
    let mask = Mask::load(&recipe(ADAM).architecture().unwrap(), &path).unwrap();
    let outcomes = rig.run(Plan::CpuLanes, vec![with_mask(job(1, recipe(ADAM), 150), &path)]);
    let outputs = outcomes.outputs(1);
    let files = [
        ("initial", outputs[&Output::Initial].file.as_path()),
        ("weights", &outputs[&Output::Weights].file),
        ("state", &outputs[&Output::State].file),
        ("mask", &path),
    ];
    let told = tell(python, &files.into(), &rig.data().join("tiny"));

    let shapes = [("fc_layers.0", json!([16, 64])), ("fc_layers.1", json!([8, 16])), ("fc", json!([4, 8]))];
    for (kind, network) in files.map(|(kind, _)| (kind, rig::NETWORK)) {
        assert_eq!((&told[kind]["kind"], &told[kind]["network"]), (&json!(kind), &json!(network)));
    }
    for ((name, shape), layer) in shapes.iter().zip(&mask.layers) {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        assert_eq!(told["mask"]["tensors"][&weight], json!([shape, "uint8", layer.living()]));
        assert_eq!(told["weights"]["tensors"][&weight], json!([shape, "float32", layer.living()]));
        assert_eq!(told["initial"]["tensors"][&weight], json!([shape, "float32", layer.bits.len()]));
        assert_eq!(told["initial"]["tensors"][&bias], json!([[shape[0]], "float32", 0]));
        assert_eq!(told["weights"]["tensors"][&bias][0], json!([shape[0]]));
        for moment in ["exp_avg", "exp_avg_sq"] {
            assert_eq!(told["state"]["tensors"][format!("{weight}.{moment}")][0], *shape);
        }
    }
    let count = |kind: &str| told[kind]["tensors"].as_object().unwrap().len();
    assert_eq!(["mask", "weights", "initial", "state"].map(count), [3, 6, 6, 12]);
    assert_eq!(told["masked"], json!(true));

    let accuracy = &outcomes.points(1, "accuracy", Split::Test)[&150];
    assert!(*accuracy > 0.8, "{accuracy}");
    assert_eq!(told["accuracy"].as_f64().unwrap(), *accuracy);
}
