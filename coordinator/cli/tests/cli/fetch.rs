//! `tombola fetch`: a ticket becomes a folder, whole or not at all, which Python loads.

use crate::rig::{Rig, python};
use std::{fs, path::Path, process::Command};

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_ticket_is_a_folder_of_mask_weights_card_and_loader() {
    let rig = Rig::start();
    insta::assert_snapshot!(rig.told(&["fetch", "lenet/1/13"]));
    assert_eq!(rig.asked(), ["Ticket lenet", "of 1/13//0"]);
    let folder = rig.folder().join("lenet-1-13");
    assert_eq!(files(&folder), ["card.json", "load.py", "mask.safetensors", "weights.safetensors"]);
    assert!(fs::read_to_string(folder.join("card.json")).unwrap().contains("\"round\": 13"));
    assert!(!rig.folder().join("lenet-1-13.partial").exists());
}

#[test]
fn a_controls_ticket_and_a_dense_network_can_be_fetched_too() {
    let rig = Rig::start();
    assert_eq!(rig.run(&["fetch", "lenet/2/13/reinit/1"]).code, 0);
    assert_eq!(rig.asked()[1], "of 2/13/reinit/1");
    assert!(rig.folder().join("lenet-2-13-reinit-1").exists());
    assert_eq!(rig.run(&["fetch", "lenet/1/0", "--dir", "dense"]).code, 0);
    assert_eq!(files(&rig.folder().join("dense")), ["card.json", "load.py", "weights.safetensors"]);
}

#[test]
fn what_was_dropped_is_waited_for() {
    let rig = Rig::start();
    let outcome = rig.run(&["fetch", "lenet/1/13", "--again"]);
    assert!(
        outcome.code == 0 && outcome.stderr.contains("making it again: 1 job left"),
        "{}",
        outcome.stderr
    );
    assert_eq!(rig.asked()[..3], ["MakeAgain lenet", "MakeAgain lenet", "Ticket lenet"]);
    assert!(rig.folder().join("lenet-1-13").exists());
}

#[test]
fn a_mask_is_fetched_alone() {
    let rig = Rig::start();
    let outcome = rig.run(&["fetch", "lenet/1/13", "--mask"]);
    assert!(outcome.stdout.starts_with("mask written to lenet-1-13-mask"), "{}", outcome.stdout);
    assert_eq!(files(&rig.folder().join("lenet-1-13-mask")), ["card.json", "load.py", "mask.safetensors"]);
    let outcome = rig.run(&["fetch", "lenet/1/13", "--mask", "--slim"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("cannot be used with"), "{}", outcome.stderr);
}

#[test]
fn scripts_are_told_the_folder() {
    let rig = Rig::start();
    let outcome = rig.run(&["fetch", "lenet/1/13", "--dir", "ticket", "--output", "json"]);
    let written: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(written["folder"], "ticket");
}

#[test]
fn nothing_of_yours_is_written_over() {
    let rig = Rig::start();
    fs::create_dir(rig.folder().join("thesis")).unwrap();
    rig.write("thesis/load.py", "# mine");
    insta::assert_snapshot!(rig.told(&["fetch", "lenet/1/13", "--dir", "thesis"]));
    assert_eq!(files(&rig.folder().join("thesis")), ["load.py"]);
}

#[test]
fn what_an_interrupted_fetch_left_is_in_nobodys_way() {
    let rig = Rig::start();
    fs::create_dir(rig.folder().join("lenet-1-13.partial")).unwrap();
    rig.write("lenet-1-13.partial/mask.safetensors", "half");
    assert_eq!(rig.run(&["fetch", "lenet/1/13"]).code, 0);
    assert_eq!(files(&rig.folder().join("lenet-1-13")).len(), 4);
}

/// The loader with numpy's arrays for torch's tensors, so that the test needs no torch.
const CHECK: &str = r#"
import json, sys, safetensors.numpy
sys.modules["safetensors.torch"] = safetensors.numpy
sys.path.insert(0, sys.argv[1])
from load import weights, mask
shapes = {name: list(tensor.shape) for name, tensor in weights.items()}
living = sum(int(tensor.sum()) for tensor in mask.values())
zero = all((weights[name][tensor == 0] == 0).all() for name, tensor in mask.items())
kept = sum(int((tensor != 0).sum()) for name, tensor in weights.items())
print(json.dumps([shapes, living, zero, kept, str(weights["fc.weight"].dtype)], sort_keys=True))
"#;

#[track_caller]
fn load(python: &Path, folder: &Path) -> String {
    let output = Command::new(python).args(["-c", CHECK]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn python_loads_the_ticket_with_names_shapes_and_counts() {
    let Some(python) = python() else { return };
    let rig = Rig::start();
    rig.run(&["fetch", "lenet/1/13"]);
    // 3 living weights of 12 and 4 of 6; the five biases are all kept.
    let shapes =
        r#"{"fc.bias": [2], "fc.weight": [2, 3], "fc_layers.0.bias": [3], "fc_layers.0.weight": [3, 4]}"#;
    let loaded = load(&python, &rig.folder().join("lenet-1-13"));
    assert_eq!(loaded, format!("[{shapes}, 7, true, 12, \"float32\"]"));
    rig.run(&["fetch", "lenet/1/0", "--dir", "dense"]);
    assert_eq!(load(&python, &rig.folder().join("dense")), format!("[{shapes}, 0, true, 23, \"float32\"]"));
}
