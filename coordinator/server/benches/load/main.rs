//! What a coordinator bears: workers over real gRPC that run job after job, as fast as it lets them.
//!
//! `cargo bench -p tombola-server --bench load [-- sqlite|postgres] [PART]... [--workers N] [--many N] [--jobs N] [--held N]
//! [--minutes N]`;
//! Postgres is the server that `TOMBOLA_TEST_POSTGRES` names. The coordinator is a process of its own, as it is installed, and a
//! new one for each part; the workers are sessions of this process over loopback, each on its own connection, that compute
//! nothing. The state lies in the folder for temporary files: set `TMPDIR` to measure another disk. Leave five minutes between
//! runs that upload (`whole`, `comeback`) where that is ext4 without a journal: for so long it steps over every file that was
//! removed, those of the run before, for each that is created, which halves the figures.

#![allow(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by a panic")]

mod comeback;
#[path = "../common/mod.rs"]
mod common;
mod flood;
mod hold;
mod stay;
mod whole;

use common::rig;
use rig::Home;

struct Options {
    databases: Vec<String>,
    parts: Vec<String>,
    /// Workers that work.
    workers: usize,
    /// Workers where many are connected.
    many: usize,
    /// Jobs they do.
    jobs: usize,
    /// Jobs held in memory, of which none is run.
    held: usize,
    /// How long many workers stay.
    minutes: usize,
}

impl Options {
    fn read() -> Self {
        let (databases, parts) = (Vec::new(), Vec::new());
        let (held, minutes) = (200_000, 1);
        let mut options = Self { databases, parts, workers: 64, many: 2000, jobs: 4000, held, minutes };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut number =
                || words.next().and_then(|word| word.parse().ok()).expect("a number after the option");
            match word.as_str() {
                "--workers" => options.workers = number(),
                "--many" => options.many = number(),
                "--jobs" => options.jobs = number(),
                "--held" => options.held = number(),
                "--minutes" => options.minutes = number(),
                "sqlite" | "postgres" => options.databases.push(word),
                "whole" | "flood" | "comeback" | "hold" | "stay" => options.parts.push(word),
                _ => panic!(
                    "`{word}` is unknown: sqlite, postgres; whole, flood, comeback, hold, stay; --workers N, --many N, --jobs \
                     N, --held N, --minutes N"
                ),
            }
        }
        options
    }
}

/// Whether a word is among those named, or none is.
fn wanted(named: &[String], word: &str) -> bool {
    named.is_empty() || named.iter().any(|name| name == word)
}

#[tokio::main]
async fn main() {
    let options = Options::read();
    if wanted(&options.databases, "sqlite") {
        measure("SQLite", &Home::sqlite(), &options).await;
    }
    if wanted(&options.databases, "postgres")
        && let Some(home) = Home::postgres("bench_load").await
    {
        measure("Postgres", &home, &options).await;
        home.place.remove().await;
    }
}

async fn measure(name: &str, home: &Home, options: &Options) {
    let Options { workers, many, jobs, held, minutes, .. } = *options;
    if wanted(&options.parts, "whole") {
        whole::run(name, home, workers, jobs).await;
        whole::run(name, home, many, jobs).await;
        whole::beside_a_reader(name, home, workers, jobs).await;
    }
    if wanted(&options.parts, "flood") {
        flood::run(name, home, workers).await;
    }
    if wanted(&options.parts, "comeback") {
        comeback::run(name, home, many).await;
    }
    if wanted(&options.parts, "hold") {
        hold::run(name, home, held).await;
    }
    if wanted(&options.parts, "stay") {
        stay::run(name, home, many, minutes).await;
    }
}
