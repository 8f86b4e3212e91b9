//! `cargo xtask bench`: the benchmarks, each in release mode, with the machine named first.

use std::fs;
use std::process::Command;

use crate::args::Args;
use crate::paths::Paths;
use crate::postgres::Postgres;
use crate::python;
use crate::setup::{self, Wanted};
use crate::shell::{self, Failure, Result, report, say};
use crate::tools;

pub(crate) const HELP: &str = "\
Run the benchmarks, built in release mode. They print tables of figures and fail only if they cannot run.

Usage: cargo xtask bench [scheduler|store|dispatch|load|gap|engine|density|peers|all]... [-- OPTIONS]

  scheduler  expansion and scheduling at 200,000 jobs
  store      lease + full commit per second, SQLite and Postgres (a throw-away one)
  dispatch   latency from a ready job to a warm idle worker, SQLite and Postgres
  load       a coordinator under load: workers over gRPC that run job after job or flood it with metrics, its death while 2,000
             work, 200,000 open jobs; jobs and metric points per second, memory, time until all work again
  gap        how long a worker's slot has nothing to do between two jobs
  engine     a training step against the measured matmul floor
  density    a training step at each density of an experiment, with all weights and with the living ones alone
  peers      training steps of four networks beside PyTorch's: by the Python that TOMBOLA_TEST_TORCH names, else by an
             environment with PyTorch, made once (3 GB to fetch)
  all        each of them but `peers`; so does naming none

OPTIONS go to the benchmark itself: `cargo xtask bench engine -- --device cuda`.

The machine is printed first: a figure without it says nothing. Close other programs, and compare ratios.";

/// A benchmark: its name here, its crate, its target, and whether it wants Postgres, libtorch, or a Python with PyTorch.
struct Bench {
    name: &'static str,
    package: &'static str,
    target: &'static str,
    postgres: bool,
    libtorch: bool,
    torch: bool,
}

const fn bench(name: &'static str, package: &'static str, target: &'static str) -> Bench {
    Bench { name, package, target, postgres: false, libtorch: false, torch: false }
}

const BENCHES: &[Bench] = &[
    bench("scheduler", "tombola-core", "scheduler"),
    Bench { postgres: true, ..bench("store", "tombola-server", "store") },
    Bench { postgres: true, ..bench("dispatch", "tombola-server", "dispatch") },
    Bench { postgres: true, ..bench("load", "tombola-server", "load") },
    Bench { libtorch: true, ..bench("gap", "tombola-worker", "gap") },
    Bench { libtorch: true, ..bench("engine", "tombola-engine", "step") },
    Bench { libtorch: true, ..bench("density", "tombola-engine", "density") },
    Bench { libtorch: true, torch: true, ..bench("peers", "tombola-engine", "peers") },
];

/// Those that run unless others are named.
fn usual() -> impl Iterator<Item = &'static Bench> {
    BENCHES.iter().filter(|bench| !bench.torch)
}

pub(crate) fn run(args: Args) -> Result<()> {
    let (chosen, options) = parse(args)?;
    let paths = Paths::new()?;
    if chosen.iter().any(|bench| bench.libtorch) {
        setup::set_up(&paths, &Wanted::default())?;
    }
    if chosen.iter().any(|bench| bench.postgres) {
        tools::require(&[&tools::POSTGRES])?;
    }
    if chosen.iter().any(|bench| bench.torch) {
        tools::require(&[&tools::VENV])?;
    }
    name_the_machine();
    chosen.into_iter().try_for_each(|bench| measure(&paths, bench, &options))
}

/// The benchmarks named, none or `all` being the usual ones, and the words after `--`.
fn parse(mut args: Args) -> Result<(Vec<&'static Bench>, Vec<String>)> {
    let mut chosen: Vec<&Bench> = Vec::new();
    while let Some(word) = args.next() {
        match word.as_str() {
            "--" => break,
            "all" => chosen.extend(usual()),
            name => {
                let known = BENCHES.iter().find(|bench| bench.name == name);
                chosen.push(known.ok_or_else(|| args.unknown(name))?);
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(usual());
    }
    Ok((chosen, args.into_rest()))
}

fn measure(paths: &Paths, bench: &Bench, options: &[String]) -> Result<()> {
    say(&format!("\n== {}", bench.name));
    let mut cargo = paths.cargo();
    cargo.args(["bench", "--package", bench.package, "--bench", bench.target, "--"]);
    cargo.args(options);
    if bench.package == "tombola-worker" {
        // Cargo builds the binaries of the package alone, and this one runs beside the others.
        shell::run(paths.cargo().args(["build", "--release", "--workspace", "--bins"]), "")?;
    }
    let postgres = bench.postgres.then(Postgres::start).transpose()?;
    if let Some(server) = &postgres {
        cargo.env("TOMBOLA_TEST_POSTGRES", server.url());
    }
    if bench.torch {
        let _lock = paths.lock()?;
        cargo.env(python::TORCH_PYTHON, python::with_torch(paths)?);
    }
    shell::run(&mut cargo, "")
        .map_err(|failure| Failure::Failed(format!("benchmark `{}`: {failure}", bench.name)))
}

fn name_the_machine() {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    report("processor", &field(&read("/proc/cpuinfo"), "model name"));
    report("cores", &cores.to_string());
    report("memory", &field(&read("/proc/meminfo"), "MemTotal"));
    report("kernel", read("/proc/sys/kernel/osrelease").trim());
    report("load", read("/proc/loadavg").trim());
    report("rustc", shell::output(Command::new("rustc").arg("--version")).unwrap_or_default().trim());
}

/// The value of the first line `name: value`.
fn field(text: &str, name: &str) -> String {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    let value = pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned()).next();
    value.unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (Vec<&'static str>, Vec<String>) {
        let args = Args::new("bench", line.split_whitespace().map(str::to_owned).collect());
        let (chosen, options) = parse(args).unwrap();
        (chosen.into_iter().map(|bench| bench.name).collect(), options)
    }

    fn names(line: &str) -> Vec<&'static str> {
        parsed(line).0
    }

    #[test]
    fn naming_none_or_all_runs_every_benchmark_but_the_one_that_fetches_gigabytes() {
        assert_eq!(names(""), names("all"));
        assert_eq!(names("all").len(), BENCHES.len() - 1);
        assert_eq!(names("store engine peers"), ["store", "engine", "peers"]);
    }

    #[test]
    fn words_after_two_dashes_are_the_benchmarks_own() {
        let (names, options) = parsed("engine -- --device cuda");
        assert_eq!((names, options), (vec!["engine"], vec!["--device".to_owned(), "cuda".to_owned()]));
    }

    /// Package and target of every benchmark that a crate of the workspace declares.
    fn declared() -> Vec<(String, String)> {
        let name = |text: &str| text.split("name = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let crates =
            ["coordinator", "deploy", "proto", "worker"].map(|room| fs::read_dir(root.join(room)).unwrap());
        let manifests = crates.into_iter().flatten().map(|folder| folder.unwrap().path().join("Cargo.toml"));
        let texts = manifests.filter_map(|manifest| fs::read_to_string(manifest).ok());
        let mut declared: Vec<_> = texts
            .flat_map(|text| {
                let benches = text.split("[[bench]]").skip(1).map(|bench| (name(&text), name(bench)));
                benches.collect::<Vec<_>>()
            })
            .collect();
        declared.sort();
        declared
    }

    #[test]
    fn every_benchmark_of_every_crate_can_be_run_and_is_in_the_help() {
        let mut known: Vec<_> =
            BENCHES.iter().map(|bench| (bench.package.to_owned(), bench.target.to_owned())).collect();
        known.sort();
        assert_eq!(known, declared());
        assert!(BENCHES.iter().all(|bench| HELP.contains(&format!("\n  {:<10} ", bench.name))));
    }

    #[test]
    fn the_machines_fields_are_read_by_name() {
        assert_eq!(field("processor\t: 0\nmodel name\t: Xeon\nmodel name\t: Xeon\n", "model name"), "Xeon");
        assert_eq!(field("", "MemTotal"), "unknown");
    }
}
