//! What an engine child writes to its agent: events, a line each, or it is ended.

use super::{Target, samples, state};
use std::sync::LazyLock;
use tokio::runtime::Runtime;
use tombola_agent::fuzz;
use tombola_spec::{slot::Event, worker::DeviceKind};

pub(crate) const TARGET: Target = Target { name: "engine_lines", run, seeds, words: WORDS, longest: 4096 };

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "{\"event\":\"", "ready", "unable", "started", "progress", "metrics", "checkpoint", "finished",
    "failed", "stage_done", "\"job\":", "\"iteration\":", "\"series\":", "\"outputs\":", "\"summary\":",
    "\"provenance\":", "\"NaN\"", "\"kind\":", "\n", "null",
];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(state::runtime);

fn run(bytes: &[u8]) {
    let (events, ended) = RUNTIME.block_on(fuzz::engine_says(bytes));
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    for event in &events {
        let line = lines.next().expect("each event has a line");
        let said = serde_json::to_string(event).expect("an event has a JSON form");
        let read: Event = serde_json::from_slice(line).expect("it was read before");
        assert_eq!(serde_json::to_string(&read).expect("as before"), said);
    }
    assert_eq!(lines.next().is_some(), ended, "an engine is ended at the first line that is no event");
}

fn seeds() -> Vec<Vec<u8>> {
    let outcome = serde_json::to_value(samples::outcome()).expect("an outcome has a JSON form");
    let file = serde_json::json!({ "file": "/x/mask", "digest": tombola_spec::Digest::of(b"x").to_string(), "bytes": 1 });
    let finished = serde_json::json!({
        "event": "finished", "job": 1, "outputs": { "mask": file },
        "summary": outcome["summary"], "provenance": outcome["provenance"],
    });
    let ready = Event::Ready {
        device: DeviceKind::Cpu,
        name: "x".to_owned(),
        memory: 0,
        libtorch: "2".to_owned(),
        data: Vec::new(),
        unusable: vec![("a".to_owned(), "b".to_owned())],
        widths: Vec::new(),
        calibration: String::new(),
    };
    let ready =
        format!("{}\n", serde_json::to_string(&ready).expect("an event has a JSON form")).into_bytes();
    let others = [
        "{\"event\":\"unable\",\"message\":\"no driver\"}\n",
        "{\"event\":\"started\",\"job\":1,\"iteration\":0}\n{\"event\":\"progress\",\"job\":1,\"iteration\":7}\n{\"event\":\"stage_done\"}\n",
        "{\"event\":\"checkpoint\",\"job\":1,\"iteration\":5,\"file\":\"/x\"}\n",
        "{\"event\":\"failed\",\"job\":1,\"failure\":{\"class\":\"user\",\"message\":\"no\"}}\n",
        "{\"event\":\"metrics\",\"job\":1,\"series\":[{\"name\":\"loss\",\"split\":\"train\",\"iterations\":[1],\"values\":[\"NaN\"]}]}\n",
    ];
    others
        .map(|line| line.as_bytes().to_vec())
        .into_iter()
        .chain([format!("{finished}\n").into_bytes(), ready])
        .collect()
}
