//! Stock clients know nothing of Tombola but what reflection tells: Python's grpcio and `buf curl`.

use crate::rig::{Home, SWEEP, Served, Worker, info, untested};
use std::{env, path::Path, process::Stdio};
use tokio::process::Command;
use tombola_wire::v1::SubmitRequest;

/// A program that `cargo xtask test` provides; without it nothing is tested.
fn program(variable: &str) -> Option<String> {
    let found = env::var(variable).ok();
    if found.is_none() {
        untested(&format!("{variable} is not set (`cargo xtask test` sets it)"));
    }
    found
}

/// What the program prints; it has to succeed.
async fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let (said, wrong) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{wrong}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_drives_sweeps_queries_and_a_worker_session() {
    let Some(python) = program("TOMBOLA_TEST_PYTHON") else { return };
    let home = Home::sqlite();
    let served = home.serve().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/stock.py");
    let info = serde_json::to_string(&info("snake")).unwrap();
    let mut command = Command::new(python);
    command.arg(script).args([&served.address.to_string(), SWEEP, &info]);
    assert_eq!(output(&mut command).await.trim(), "ok");
    served.stop().await;
}

/// `buf curl`, with the message as JSON.
async fn buf(buf: &str, served: &Served, method: &str, message: &serde_json::Value) -> String {
    let url = format!("http://{}/tombola.v1.{method}", served.address);
    let mut command = Command::new(buf);
    command.args([
        "curl",
        "--http2-prior-knowledge",
        "--protocol",
        "grpc",
        "--data",
        &message.to_string(),
        &url,
    ]);
    output(&mut command).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buf_curl_asks_in_text_and_reads_streams() {
    let Some(program) = program("TOMBOLA_TEST_BUF") else { return };
    let home = Home::sqlite();
    let served = home.serve().await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    Worker::connect(served.address, "one").await.work(12).await;

    let read = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let listed = read(&buf(&program, &served, "SweepService/List", &serde_json::json!({})).await);
    assert_eq!(listed["sweeps"][0]["name"], "tiny");
    let asked = serde_json::json!({ "sql": "select sweep, done from sweep_progress" });
    let told = read(&buf(&program, &served, "QueryService/Query", &asked).await);
    assert_eq!(told["rows"][0]["values"], serde_json::json!([{ "text": "tiny" }, { "integer": "12" }]));
    let watched = buf(&program, &served, "SweepService/Watch", &serde_json::json!({ "sweep": "tiny" })).await;
    let last = serde_json::Deserializer::from_str(&watched).into_iter::<serde_json::Value>().last().unwrap();
    assert_eq!(last.unwrap()["sweep"]["finished"], true);
    served.stop().await;
}
