//! Commands whose work is the coordinator's binary's: what it is given, and that its exit code is ours.

use crate::rig::Rig;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output},
};

/// `tombola` in a folder of its own.
fn alone(rig: &Rig) -> PathBuf {
    let binary = rig.folder().join("tombola");
    fs::copy(env!("CARGO_BIN_EXE_tombola"), &binary).unwrap();
    binary
}

fn run(binary: &PathBuf, words: &[&str]) -> Output {
    Command::new(binary).args(words).output().unwrap()
}

#[test]
fn the_coordinators_binary_looks_after_its_state() {
    let rig = Rig::start();
    let (binary, coordinator) = (alone(&rig), rig.folder().join("tombola-coordinator"));
    fs::write(&coordinator, "#!/bin/sh\necho \"$@\"\nexit 1\n").unwrap();
    fs::set_permissions(&coordinator, fs::Permissions::from_mode(0o755)).unwrap();
    for (words, given) in [
        (&["backup", "to", "--state", "here"][..], "backup to --state here\n"),
        (&["--output", "json", "restore", "from", "--check"], "restore from --check --output json\n"),
        (&["doctor"], "doctor\n"),
        (&["doctor", "--repair", "--from", "backup"], "doctor --repair --from backup\n"),
    ] {
        let output = run(&binary, words);
        assert_eq!(String::from_utf8_lossy(&output.stdout), given);
        assert_eq!(output.status.code(), Some(1), "its exit code is ours");
    }
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let rig = Rig::start();
    let output = run(&alone(&rig), &["doctor"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("tombola-coordinator") && said.contains("hint:"), "{said}");
}
