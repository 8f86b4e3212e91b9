//! `tombola up`: everything in one command, left and taken up again.

use crate::rig::{Lab, binary, eventually, sweep};
use std::{fs, process::Command};

/// `tombola up --run` on the lab's state.
fn up(lab: &Lab, name: &str) -> crate::rig::Process {
    let mut command = Command::new(binary("tombola"));
    command
        .args(["up", "--workers", "2", "--state"])
        .arg(lab.path("state"))
        .arg("--data")
        .arg(lab.path("data"));
    command.arg("--run").arg(lab.path("sweep.toml")).arg("--report").arg(lab.path("report.html"));
    command.env("TOMBOLA_WORKER_ENGINE__CHECKPOINT_EVERY_ITERATIONS", "500");
    lab.spawn(command, name)
}

#[tokio::test]
async fn ctrl_c_leaves_it_resumable_and_the_next_run_trains_nothing_twice() {
    let mut lab = Lab::open().await;
    lab.kill_coordinator();
    fs::write(lab.path("sweep.toml"), sweep("s", "[1, 2]", 8_000, 2)).unwrap();
    let first = up(&lab, "first");
    let said = |name: &str| lab.log(name);
    let some_done = |line: &str| line.contains(" jobs done") && !line.contains(" 0 jobs done");
    eventually(|| async { said("first").lines().any(some_done).then_some(()) }).await;
    first.signal("-INT");
    assert_eq!(first.wait(), Some(130), "{}", said("first"));
    assert!(said("first").contains("goes on from here"), "{}", said("first"));

    assert_eq!(up(&lab, "second").wait(), Some(0), "{}", said("second"));
    assert!(fs::read_to_string(lab.path("report.html")).unwrap().contains("<svg"));
    assert_eq!(up(&lab, "third").wait(), Some(0), "{}", said("third"));
    assert!(said("third").contains("asks for nothing new"), "{}", said("third"));

    lab.start_coordinator().await;
    let history = lab.history().await;
    assert!(history.iter().all(|attempt| matches!(attempt.how.as_str(), "done" | "drained")), "{history:?}");
    assert_eq!(history.iter().filter(|attempt| attempt.how == "done").count(), 10, "{history:?}");
}
