//! That every target works at all: the fuzzer itself is not part of the tests.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::{Command, Output};

/// Its folders are gone with the test: what is fuzzed leaves them to whoever starts it.
fn guided(words: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_guided")).args(words).env("TMPDIR", folder.path()).output().unwrap()
}

#[test]
fn every_target_takes_its_good_inputs() {
    for target in tombola_guided::TARGETS {
        let ran = guided(&[target.name]);
        assert!(ran.status.success(), "{}: {}", target.name, String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn an_unknown_target_is_told_which_there_are() {
    let ran = guided(&["sweep"]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("hint: the targets are"), "{said}");
}
