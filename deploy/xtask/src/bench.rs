//! `cargo xtask bench`: the benchmarks, each in release mode, with the machine named first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::Args;
use crate::gpu;
use crate::paths::Paths;
use crate::postgres::Postgres;
use crate::python;
use crate::setup::{self, Wanted};
use crate::shell::{self, Failure, Result, report, say};
use crate::tools;

pub(crate) const HELP: &str = "\
Run the benchmarks, built in release mode. They print tables of figures and fail only if they cannot run.

Usage: cargo xtask bench [scheduler|store|dispatch|load|gap|engine|density|cores|peers|gpu|all]... [-- OPTIONS]
       cargo xtask bench gpu [--libtorch DIR] [--carry DIR] [-- OPTIONS]

  scheduler  expansion and scheduling at 200,000 jobs
  store      lease + full commit per second, SQLite and Postgres (a throw-away one)
  dispatch   latency from a ready job to a warm idle worker, SQLite and Postgres
  load       a coordinator under load: workers over gRPC that run job after job or flood it with metrics, its death while 2,000
             work, 200,000 open jobs; jobs and metric points per second, memory, time until all work again
  gap        how long a worker's slot has nothing to do between two jobs
  engine     a training step against the measured matmul floor
  density    a training step at each density of an experiment, with all weights and with the living ones alone
  cores      a lane on each core against one lane on all of them, in f32 and bf16
  peers      training steps of four networks beside PyTorch's: by the Python that TOMBOLA_TEST_TORCH names, else by an
             environment with PyTorch, made once (3 GB to fetch)
  gpu        fused lanes on GPU 0 at each width, in f32, tf32 and bf16, beside PyTorch's loops on the same device, by the
             Python that `peers` uses. Does what `cargo xtask setup --cuda` does first, unless --libtorch DIR names a libtorch of
             this version with CUDA. --carry DIR measures nothing here, but puts all of it into a folder that runs by itself on a
             machine with a GPU and torch. `-- --device cpu --widths 1,2 --seconds 0.01 --without-torch` tries it out
  all        each of them but `peers` and `gpu`; so does naming none

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
    Bench { libtorch: true, ..bench("cores", "tombola-engine", "cores") },
    Bench { libtorch: true, torch: true, ..bench("peers", "tombola-engine", "peers") },
    Bench { libtorch: true, torch: true, ..bench("gpu", "tombola-engine", "gpu") },
];

/// Says that a benchmark is to do without PyTorch.
const WITHOUT_TORCH: &str = "--without-torch";

/// Those that run unless others are named.
fn usual() -> impl Iterator<Item = &'static Bench> {
    BENCHES.iter().filter(|bench| !bench.torch)
}

pub(crate) fn run(args: Args) -> Result<()> {
    let (chosen, Asked { options, carry, libtorch }) = parse(args)?;
    let torch = chosen.iter().any(|bench| bench.torch) && !options.iter().any(|word| word == WITHOUT_TORCH);
    let paths = Paths::new()?;
    // What is carried away finds its GPU and CUDA's libraries there.
    let on_gpu = is_gpu(&chosen) && carry.is_none() && gpu::wanted(&options);
    if on_gpu {
        gpu::require()?;
    }
    if chosen.iter().any(|bench| bench.libtorch) {
        setup::set_up(&paths, &Wanted { cuda: on_gpu && libtorch.is_none(), ..Wanted::default() })?;
    }
    if chosen.iter().any(|bench| bench.postgres) {
        tools::require(&[&tools::POSTGRES])?;
    }
    if let Some(folder) = carry {
        return gpu::carry(&paths, &folder);
    }
    if torch {
        tools::require(&[&tools::VENV])?;
    }
    name_the_machine();
    let libraries = libtorch.map(|folder| folder.join("lib"));
    chosen.into_iter().try_for_each(|bench| measure(&paths, bench, &options, torch, libraries.as_deref()))
}

/// What else was typed.
#[derive(Debug, Default)]
struct Asked {
    /// The words after `--`.
    options: Vec<String>,
    /// Where to put the GPU benchmark instead of running it.
    carry: Option<PathBuf>,
    /// A libtorch with CUDA.
    libtorch: Option<PathBuf>,
}

/// The benchmarks named, none or `all` being the usual ones.
fn parse(mut args: Args) -> Result<(Vec<&'static Bench>, Asked)> {
    let (mut chosen, mut asked): (Vec<&Bench>, _) = (Vec::new(), Asked::default());
    while let Some(word) = args.next() {
        match word.as_str() {
            "--" => break,
            "all" => chosen.extend(usual()),
            "--carry" => asked.carry = Some(args.folder("--carry")?),
            "--libtorch" => asked.libtorch = Some(args.folder("--libtorch")?),
            name => {
                let known = BENCHES.iter().find(|bench| bench.name == name);
                chosen.push(known.ok_or_else(|| args.unknown(name))?);
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(usual());
    }
    let wrong = match (&asked.carry, &asked.libtorch) {
        (Some(_), Some(_)) => {
            Some("`--libtorch` is for a benchmark that runs here, `--carry` for one that does not")
        }
        (Some(_), None) | (None, Some(_)) if !is_gpu(&chosen) => {
            Some("`--carry` and `--libtorch` are for `gpu` alone")
        }
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(Failure::Usage(format!("{wrong}\nhint: `cargo xtask bench --help`")));
    }
    asked.options = args.into_rest();
    Ok((chosen, asked))
}

/// Whether the GPU benchmark alone was named.
fn is_gpu(chosen: &[&Bench]) -> bool {
    matches!(chosen, [bench] if bench.name == "gpu")
}

fn measure(
    paths: &Paths,
    bench: &Bench,
    options: &[String],
    torch: bool,
    libraries: Option<&Path>,
) -> Result<()> {
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
    if let Some(libraries) = libraries {
        cargo.env("LD_LIBRARY_PATH", libraries).env("TOMBOLA_CUDA_LIBS", libraries);
    }
    // Of cuBLAS: products of the same bits each time, as engines on a GPU have them.
    cargo.env("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
    if bench.torch && torch {
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
        let (chosen, Asked { options, .. }) = parse(args).unwrap();
        (chosen.into_iter().map(|bench| bench.name).collect(), options)
    }

    fn names(line: &str) -> Vec<&'static str> {
        parsed(line).0
    }

    #[test]
    fn naming_none_or_all_runs_every_benchmark_but_the_one_that_fetches_gigabytes() {
        assert_eq!(names(""), names("all"));
        assert_eq!(names("all").len(), BENCHES.len() - 2);
        assert_eq!(names("store engine peers"), ["store", "engine", "peers"]);
    }

    #[test]
    fn the_gpu_benchmark_alone_can_be_carried_away() {
        let parse =
            |line: &str| parse(Args::new("bench", line.split_whitespace().map(str::to_owned).collect()));
        assert_eq!(parse("gpu --carry /tmp/away").unwrap().1.carry, Some("/tmp/away".into()));
        let (_, asked) = parse("gpu --libtorch=/opt/libtorch -- --turns 1").unwrap();
        assert_eq!((asked.libtorch, asked.options.len()), (Some("/opt/libtorch".into()), 2));
        let both = "gpu --carry /tmp/away --libtorch /opt/libtorch";
        for refused in ["engine --carry /tmp/away", "--carry /tmp/away", "gpu --carry /tmp/away engine", both]
        {
            assert!(matches!(parse(refused), Err(Failure::Usage(_))), "{refused}");
        }
    }

    #[test]
    fn words_after_two_dashes_are_the_benchmarks_own() {
        let (names, options) = parsed("engine -- --device cuda");
        assert_eq!((names, options), (vec!["engine"], vec!["--device".to_owned(), "cuda".to_owned()]));
    }

    /// Package and target of every benchmark that a crate of the workspace declares.
    fn declared() -> Vec<(String, String)> {
        let name = |text: &str| text.split("name = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
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
