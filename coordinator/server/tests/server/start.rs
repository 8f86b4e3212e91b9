//! What stands in the way of a start: each a clear error with a hint, exit code 1, nothing lost.

use crate::{
    binary::{Binary, run},
    rig::{Home, untested},
};
use std::{fs, process::Command};
use tempfile::TempDir;

/// Runs the binary on a state folder where it cannot start, and checks what it says.
async fn refused(flags: &[&str], words: &[&str]) {
    let (code, said) = run(flags, &[]).await;
    assert_eq!(code, Some(1), "{said}");
    for word in words.iter().chain(&["hint:"]) {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn a_second_coordinator_on_the_same_state_is_refused() {
    let home = Home::sqlite();
    let first = Binary::start(&home, &[], &[]).await;
    let state = home.state().to_str().unwrap();
    refused(&["--state", state, "--listen", "127.0.0.1:0"], &["another coordinator", state]).await;
    assert_eq!(first.stop().await, Some(0));
    assert!(!home.state().join("address").exists(), "the address goes with the coordinator");
}

#[tokio::test]
async fn a_port_in_use_is_said_to_be_in_use() {
    let (one, other) = (Home::sqlite(), Home::sqlite());
    let first = Binary::start(&one, &[], &[]).await;
    let port = first.address.to_string();
    refused(&["--state", other.state().to_str().unwrap(), "--listen", &port], &[&port, "in use"]).await;
    assert_eq!(first.stop().await, Some(0));
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let state = file.join("state");
    refused(&["--state", state.to_str().unwrap()], &[state.to_str().unwrap()]).await;
}

/// A folder on a file system of our own, inside namespaces of our own; says why where the machine forbids them.
async fn mounted(options: &str, words: &[&str]) {
    let folder = TempDir::new().unwrap();
    let state = folder.path().to_str().unwrap();
    let binary = env!("CARGO_BIN_EXE_tombola-coordinator");
    let unshare = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        unshare.output()
    };
    let mount = format!("mount -t tmpfs -o {options} tmpfs {state}");
    if !unshare(&mount).is_ok_and(|tried| tried.status.success()) {
        return untested(
            "this user may mount nothing, not even in namespaces of their own (`unshare --user --mount`)",
        );
    }
    let output = unshare(&format!("{mount} && exec {binary} --state {state} --listen 127.0.0.1:0")).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words.iter().chain(&["hint:", state]) {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[tokio::test]
async fn a_full_state_folder_is_said_to_be_full() {
    mounted("size=64k", &["no space"]).await;
}

#[tokio::test]
async fn a_read_only_state_folder_is_said_to_be_read_only() {
    mounted("ro", &["read-only"]).await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let home = Home::sqlite();
    let state = home.state().to_str().unwrap();
    let url = "postgres://me:secret@127.0.0.1:1/tombola";
    let flags = ["--state", state, "--listen", "127.0.0.1:0", "--database", url];
    refused(&flags, &["127.0.0.1", "does not answer"]).await;
    let (_, said) = run(&flags, &[]).await;
    assert!(!said.contains("secret"), "{said}");
}
