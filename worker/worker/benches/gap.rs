//! How long a slot has nothing to do between two jobs while there is work: from the end of one's last iteration to the
//! beginning of the next one's first, as the worker's log has it.
//!
//! `cargo bench -p tombola-worker --bench gap`, by `cargo xtask bench gap`, which builds the other binaries. A real coordinator
//! on SQLite, a real worker of one slot with its engine, and a sweep whose jobs take a fraction of a second each: a mask and
//! the training by it are chained in one lease, and the next lease is there before this one ends.

#![allow(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by a panic")]

#[expect(dead_code, reason = "the rig is the tests'; this uses a part of it")]
#[path = "../tests/lab/rig.rs"]
mod rig;

use rig::{Lab, sweep};
use std::collections::BTreeMap;

/// Dense trainings, and a mask and a training a round.
const JOBS: usize = 10 * (1 + 2 * 10);
/// Until everything was used once.
const WARM_UP: usize = 20;
const SETTINGS: [(&str, &str); 1] = [("TOMBOLA_WORKER_LOG__FORMAT", "json")];

#[tokio::main]
async fn main() {
    let lab = Lab::open().await;
    let worker = lab.worker_with("ada", "cpu=1", &SETTINGS);
    lab.submit(&sweep("gap", "\"1..=10\"", 400, 10)).await;
    lab.finished("gap").await;
    let kinds = lab.sql("select 'j' || job, kind from job_history").await;
    let kinds: BTreeMap<_, _> = kinds.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    let gaps = gaps(&lab.log("ada"));
    assert_eq!(gaps.len(), JOBS - 1, "every job is told of");
    let gaps = &gaps[WARM_UP..];
    let of = |kind: &str| -> Vec<f64> {
        gaps.iter().filter(|gap| kinds[gap.next.as_str()] == kind).map(|gap| gap.seconds).collect()
    };
    tell("between jobs", gaps.iter().map(|gap| gap.seconds).collect());
    tell("of them before a mask", of("prune"));
    tell("of them before a training", of("train"));
    drop(worker);
}

/// Between two jobs of the slot.
struct Gap {
    /// The later one.
    next: String,
    seconds: f64,
}

fn gaps(log: &str) -> Vec<Gap> {
    let (mut ended, mut gaps) = (None, Vec::new());
    for line in log.lines() {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let fields = &event["fields"];
        let message = fields["message"].as_str().unwrap_or_default();
        let at = || seconds(event["timestamp"].as_str().unwrap());
        if message.starts_with("job.finished") {
            ended = Some(at());
        } else if message.starts_with("job.started")
            && let Some(ended) = ended.take()
        {
            gaps.push(Gap { next: fields["job"].as_str().unwrap().to_owned(), seconds: at() - ended });
        }
    }
    gaps
}

/// Seconds of the day, of `2026-11-28T18:02:00.180308Z`. Nobody measures at midnight.
fn seconds(timestamp: &str) -> f64 {
    let (_, time) = timestamp.trim_end_matches('Z').split_once('T').unwrap();
    time.split(':').fold(0.0, |all, part| all * 60.0 + part.parse::<f64>().unwrap())
}

fn tell(what: &str, mut gaps: Vec<f64>) {
    gaps.sort_by(f64::total_cmp);
    let at = |share: f64| gaps[(share * (gaps.len() - 1) as f64) as usize] * 1e3;
    let (p50, p95, most, count) = (at(0.5), at(0.95), at(1.0), gaps.len());
    println!("gap           p50 {p50:.2} ms, p95 {p95:.2} ms (budget 5), max {most:.2} ms; {count} {what}");
}
