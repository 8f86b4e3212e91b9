//! The systemd units, checked by systemd itself where it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot run says so by a panic")]

use std::{fs, path::Path, process::Command};

/// The unit as it is, but for programs and accounts that only an installation has.
fn installed(unit: &str) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some(("ExecStart", command)) => {
            let words: Vec<_> = command.split_whitespace().skip(1).collect();
            format!("ExecStart=/bin/true {}", words.join(" "))
        }
        Some(("User" | "Group", _)) => String::new(),
        _ => line.to_owned(),
    };
    unit.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn verify(name: &str, unit: &str) -> Option<String> {
    let folder = std::env::temp_dir().join(format!("tombola-units-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, unit).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    fs::remove_dir_all(&folder).unwrap();
    let said = verified.ok()?.stderr;
    // systemd also speaks of other units of this machine.
    Some(String::from_utf8_lossy(&said).lines().filter(|line| line.contains(name)).collect())
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    for name in ["tombola-coordinator.service", "tombola-worker.service"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd").join(name);
        let unit = installed(&fs::read_to_string(path).unwrap());
        let Some(said) = verify(name, &unit) else {
            eprintln!("not checked: there is no systemd-analyze on this machine");
            return;
        };
        assert_eq!(said, "");
        let broken = unit.replace("Restart=", "Restarts=");
        assert_ne!(verify(name, &broken).unwrap(), "", "a mistake is found");
    }
}
