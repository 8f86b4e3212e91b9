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

/// `tombola` as whoever may read the state folder, or as whoever has a token.
fn tombola(lab: &Lab, words: &[&str], token: Option<&str>) -> std::process::Output {
    let mut command = Command::new(binary("tombola"));
    command.args(words).env_remove("TOMBOLA_COORDINATOR").envs(token.map(|token| ("TOMBOLA_TOKEN", token)));
    command.env("XDG_STATE_HOME", lab.path("home")).output().unwrap()
}

/// Every file below a folder that holds a text.
fn holding(folder: &std::path::Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(holding(&entry, text));
        } else if String::from_utf8_lossy(&fs::read(&entry).unwrap_or_default()).contains(text) {
            found.push(entry.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_worker_joins_from_elsewhere_by_the_command_that_up_prints() {
    let mut lab = Lab::open().await;
    lab.kill_coordinator();
    let state = lab.path("home/tombola");
    let mut command = Command::new(binary("tombola"));
    command.args(["up", "--listen", "0.0.0.0:0", "--workers", "1", "--data"]).arg(lab.path("data"));
    command.env("XDG_STATE_HOME", lab.path("home"));
    let up = lab.spawn(command, "up");
    let printed = |said: String| {
        said.lines().find_map(|line| line.trim().strip_prefix("TOMBOLA_WORKER_TOKEN=").map(str::to_owned))
    };
    let line = eventually(|| async { printed(lab.log("up")) }).await;

    // TOKEN tombola-worker --coordinator https://HOST:PORT --slots cpu
    let words: Vec<&str> = line.split(' ').collect();
    let [token, "tombola-worker", "--coordinator", address, "--slots", "cpu"] = words[..] else {
        panic!("{line}")
    };
    let port = address.rsplit(':').next().unwrap();
    let mut joining = Command::new(binary("tombola-worker"));
    // The host's name may lead nowhere where tests run.
    joining.args([
        "--coordinator",
        &format!("https://127.0.0.1:{port}"),
        "--slots",
        "cpu",
        "--name",
        "elsewhere",
    ]);
    joining.arg("--dir").arg(lab.path("elsewhere")).arg("--data").arg(lab.path("data"));
    joining.env("TOMBOLA_WORKER_TOKEN", token);
    let joined = lab.spawn(joining, "joined");
    let workers = || async {
        let said = String::from_utf8(tombola(&lab, &["workers"], None).stdout).unwrap();
        (said.contains("elsewhere") && said.contains("worker-1")).then_some(())
    };
    eventually(workers).await;

    // A worker's token is good for nothing else, and somebody with a reader's looks.
    let refused = tombola(&lab, &["list"], Some(token));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("is a worker's"), "{said}");
    let made = tombola(&lab, &["token", "create", "--role", "reader", "--name", "board"], None);
    let reader = String::from_utf8(made.stdout).unwrap();
    let listed =
        tombola(&lab, &["list", "--coordinator", &format!("https://localhost:{port}")], Some(reader.trim()));
    assert_eq!(listed.status.code(), Some(0), "{}", String::from_utf8_lossy(&listed.stderr));

    // Taken back, the worker hears of it and stays out.
    assert_eq!(tombola(&lab, &["token", "revoke", "join"], None).status.code(), Some(0));
    eventually(|| async { lab.log("joined").contains("this token was revoked").then_some(()) }).await;
    joined.kill();
    up.signal("-INT");
    assert_eq!(up.wait(), Some(130), "{}", lab.log("up"));

    // Secrets are where they are meant to be, and nowhere else.
    let secret = |token: &str| token.trim().split('.').next().unwrap().to_owned();
    assert_eq!(holding(&state, &secret(token)), ["join.token"]);
    assert_eq!(holding(&state, &secret(&reader)), [""; 0]);
}
