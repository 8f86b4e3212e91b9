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

/// `tombola up` with siblings that are scripts: each leaves its process id, says what is given, and stays.
struct Starting {
    rig: Rig,
    process: Child,
}

impl Starting {
    /// `says` is what the coordinator does after it left its process id.
    fn up(says: impl FnOnce(&Rig) -> String) -> Self {
        let rig = Rig::start();
        let folder = rig.folder().to_owned();
        let binary = folder.join("tombola");
        fs::copy(env!("CARGO_BIN_EXE_tombola"), &binary).unwrap();
        let says = says(&rig);
        for (name, says) in [("tombola-coordinator", says.as_str()), ("tombola-worker", "")] {
            // Its number comes into place at once: a reader sees all of it or nothing.
            let script = format!(
                "#!/bin/sh\necho $$ > {name}.new\nmv {name}.new {name}.pid\n{says}\nexec sleep 600\n"
            );
            fs::write(folder.join(name), script).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let process = Command::new(&binary)
            .args(["up", "--state", "state", "--workers", "1"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { rig, process }
    }

    /// The process of a sibling, once it runs.
    fn sibling(&self, name: &str) -> Pid {
        let file = self.rig.folder().join(format!("{name}.pid"));
        eventually(|| fs::read_to_string(&file).ok()).trim().parse().ok().and_then(Pid::from_raw).unwrap()
    }

    /// Sends a signal, and sees all of it end in order.
    fn interrupt(mut self, signal: Signal, siblings: &[Pid]) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(130));
        for sibling in siblings {
            assert!(test_kill_process(*sibling).is_err(), "{sibling:?} was left behind");
        }
        assert!(self.rig.folder().join("state/log").exists());
    }
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
    let starting = Starting::up(|_| String::new());
    let coordinator = starting.sibling("tombola-coordinator");
    starting.interrupt(Signal::INT, &[coordinator]);
}

#[test]
fn a_request_to_end_while_workers_start_leaves_no_process_behind() {
    let starting = Starting::up(|rig| format!("echo {} > state/address", rig.address()));
    let siblings = ["tombola-coordinator", "tombola-worker"].map(|name| starting.sibling(name));
    starting.interrupt(Signal::TERM, &siblings);
}
