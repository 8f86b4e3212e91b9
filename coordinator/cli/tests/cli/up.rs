//! `tombola up` before it starts anything, and taken away while it starts.

use crate::rig::Rig;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

#[test]
fn a_broken_sweep_file_is_refused_before_anything_starts() {
    let rig = Rig::start();
    rig.write("broken.toml", "name = 7\n");
    let outcome = rig.run(&["up", "--state", "state", "--run", "broken.toml"]);
    assert!(outcome.stderr.contains("broken.toml:1:8: `name`: `7` is not a name"), "{}", outcome.stderr);
    assert_eq!(outcome.code, 2);
    assert!(!rig.folder().join("state").exists());
}

#[test]
fn a_state_folder_that_a_coordinator_serves_already_is_left_to_it() {
    let rig = Rig::start();
    fs::create_dir(rig.folder().join("state")).unwrap();
    rig.write("state/address", rig.address());
    insta::assert_snapshot!(rig.told(&["up", "--state", "state"]));
    assert!(rig.folder().join("state/address").exists());
}

/// `tombola up` with siblings that are scripts: each leaves its process id, does what is given, and stays if it can.
struct Starting {
    rig: Rig,
    process: Child,
}

impl Starting {
    /// What coordinator and workers do after they left their process ids.
    fn up(coordinator: impl FnOnce(&Rig) -> String, worker: &str) -> Self {
        let rig = Rig::start();
        let folder = rig.folder().to_owned();
        let binary = folder.join("tombola");
        fs::copy(env!("CARGO_BIN_EXE_tombola"), &binary).unwrap();
        let coordinator = coordinator(&rig);
        for (name, does) in [("tombola-coordinator", coordinator.as_str()), ("tombola-worker", worker)] {
            // Its number comes into place at once: a reader sees all of it or nothing.
            let script = format!(
                "#!/bin/sh\necho $$ > {name}.new\nmv {name}.new {name}.pid\n{does}\nexec sleep 600\n"
            );
            fs::write(folder.join(name), script).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        // An earlier run failed, too.
        fs::create_dir_all(folder.join("state/log")).unwrap();
        fs::write(folder.join("state/log/coordinator.log"), "the disk was full yesterday\n").unwrap();
        let process = Command::new(&binary)
            .args(["up", "--state", "state", "--workers", "1", "--listen", "127.0.0.1:0"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.join("said")).unwrap())
            .spawn()
            .unwrap();
        Self { rig, process }
    }

    /// What it said so far.
    fn said(&self) -> String {
        fs::read_to_string(self.rig.folder().join("said")).unwrap()
    }

    /// The process of a sibling, once it runs.
    fn sibling(&self, name: &str) -> Pid {
        let file = self.rig.folder().join(format!("{name}.pid"));
        eventually(|| fs::read_to_string(&file).ok()).trim().parse().ok().and_then(Pid::from_raw).unwrap()
    }

    /// Sends a signal, and sees all of it end in order.
    fn interrupt(&mut self, signal: Signal, siblings: &[Pid]) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(130));
        for sibling in siblings {
            assert!(test_kill_process(*sibling).is_err(), "{sibling:?} was left behind");
        }
        assert!(self.rig.folder().join("state/log").exists());
    }
}

/// A coordinator whose work the stand-in does.
fn serving(rig: &Rig) -> String {
    format!("echo {} > state/address", rig.address())
}

/// What there is within ten seconds.
fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to be within ten seconds");
}

#[test]
fn ctrl_c_while_the_coordinator_starts_leaves_no_process_behind() {
    let mut starting = Starting::up(|_| String::new(), "");
    let coordinator = starting.sibling("tombola-coordinator");
    starting.interrupt(Signal::INT, &[coordinator]);
}

#[test]
fn a_request_to_end_while_workers_start_leaves_no_process_behind() {
    let mut starting = Starting::up(serving, "");
    let siblings = ["tombola-coordinator", "tombola-worker"].map(|name| starting.sibling(name));
    starting.interrupt(Signal::TERM, &siblings);
}

#[test]
fn a_worker_that_was_drained_stays_away() {
    let mut starting = Starting::up(serving, "echo start >> starts\nexit 0");
    let coordinator = starting.sibling("tombola-coordinator");
    eventually(|| starting.said().contains("worker-1 was drained and stays away").then_some(()));
    // It is looked after twice a second.
    std::thread::sleep(Duration::from_secs(1));
    starting.interrupt(Signal::INT, &[coordinator]);
    assert_eq!(fs::read_to_string(starting.rig.folder().join("starts")).unwrap(), "start\n");
    assert_eq!(starting.said().matches("stays away").count(), 1, "{}", starting.said());
}

#[test]
fn a_coordinator_that_fails_is_quoted_in_words_and_without_what_earlier_ones_said() {
    let event = r#"{"level":"WARN","fields":{"message":"store.old: this is old","why":"a\nhint: b"}}"#;
    let mut starting = Starting::up(|_| format!("cat <<'END'\n{event}\nEND\necho refused\nexit 1"), "");
    assert_eq!(starting.process.wait().unwrap().code(), Some(1));
    let said = starting.said();
    assert!(said.contains("WARN store.old: this is old (why: a\nhint: b)\nrefused\n"), "{said}");
    assert!(!said.contains("yesterday"), "{said}");
}

#[test]
fn a_port_in_use_is_told_before_anything_starts() {
    let rig = Rig::start();
    insta::assert_snapshot!(rig.told(&["up", "--state", "state", "--listen", rig.address()]));
    assert!(!rig.folder().join("state").exists());
}
