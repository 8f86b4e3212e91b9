//! `cargo xtask demo`: the main job, from one sweep file to a report, with nothing set up beforehand.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::args::Args;
use crate::paths::Paths;
use crate::setup::{self, Wanted};
use crate::shell::{self, Failure, Result, at, report, say};
use crate::stopwatch::human;
use crate::view::remove;

pub(crate) const HELP: &str = "\
Run the main job: LeNet-300-100 on Fashion-MNIST, three seeds, twenty rounds of pruning, with random-reinit and
random-mask controls, on a coordinator with two workers on this machine. Ends with a table, the SQL behind it, and
report.html.

Usage: cargo xtask demo [--keep DIR] [--steps N] [--data DIR] [--device cpu|cuda] [--fresh]

Options:
  --keep DIR         keep state and report in DIR instead of tombola-state/demo
  --steps N          train N steps a round instead of the sweep file's number; fewer are quicker and blur the gap
  --data DIR         take Fashion-MNIST from DIR (see `cargo xtask setup --help`)
  --device cpu|cuda  what the workers compute on (cpu); cuda also fetches the libraries for it
  --fresh            delete the state of an earlier demo first

A demo that was stopped, Ctrl-C or power cut, goes on where it was when run again; a finished one trains nothing again.";

/// Marks a state folder as a demo's: `--fresh` deletes no other.
const MARK: &str = ".tombola-demo";
/// The sweep files that a demo began with, and that it has finished.
const BEGUN: &str = "begun.toml";
const FINISHED: &str = "finished.toml";

#[derive(Debug, Default, PartialEq)]
struct Options {
    keep: Option<PathBuf>,
    steps: Option<u64>,
    data: Option<PathBuf>,
    cuda: bool,
    fresh: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let options = parse(args)?;
    let paths = Paths::new()?;
    let wanted = Wanted { data: options.data.clone(), cuda: options.cuda, ..Wanted::default() };
    setup::set_up(&paths, &wanted)?;
    if !paths.target()?.join("release/tombola").exists() {
        say("building Tombola in release mode: some 330 crates, 7 minutes on 2 idle cores");
    }
    shell::run(paths.cargo().args(["build", "--release", "--workspace"]), "")?;

    let state = options.keep.clone().unwrap_or_else(|| paths.repo.join("tombola-state/demo"));
    prepare(&state, options.fresh)?;
    let sweep = sweep_file(&paths, &state, options.steps)?;
    let text = at(&sweep, fs::read_to_string(&sweep))?;
    begin(&state, &text)?;
    if fs::read_to_string(state.join(FINISHED)).is_ok_and(|finished| finished == text) {
        say(
            "This demo is finished already: its sweep is submitted again and nothing is trained again. `--fresh` starts over.",
        );
    }
    let start = Instant::now();
    up(&paths, &state, &sweep, options.cuda)?;
    at(&state, fs::write(state.join(FINISHED), text))?;
    report("report", &state.join("report.html").display().to_string());
    let again = format!("`target/release/tombola up --workers 0 --state {}` serves it", state.display());
    report("results", &format!("stay for `tombola results`, `sql`, `fetch`: {again}"));
    report("wall time", &format!("{} without set-up and compilation", human(start.elapsed())));
    Ok(())
}

fn parse(mut args: Args) -> Result<Options> {
    let mut options = Options::default();
    while let Some(word) = args.next() {
        match word.as_str() {
            "--keep" => options.keep = Some(args.folder("--keep")?),
            "--data" => options.data = Some(args.folder("--data")?),
            "--steps" => options.steps = Some(steps(&args.value("--steps", "a number")?)?),
            "--device" => options.cuda = is_cuda(&args.value("--device", "a device")?)?,
            "--fresh" => options.fresh = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    Ok(options)
}

fn steps(text: &str) -> Result<u64> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        Failure::Usage(format!("`--steps {text}`: not a number of steps, as in `--steps 3000`"))
    })
}

fn is_cuda(text: &str) -> Result<bool> {
    match text {
        "cpu" => Ok(false),
        "cuda" => Ok(true),
        _ => Err(Failure::Usage(format!("`--device {text}`: the devices are `cpu` and `cuda`"))),
    }
}

/// Makes the state folder; deletes an earlier demo's if asked to, and nothing else ever: only a folder that was empty is
/// marked as a demo's.
fn prepare(state: &Path, fresh: bool) -> Result<()> {
    at(state, fs::create_dir_all(state))?;
    let mark = state.join(MARK);
    let empty = at(state, fs::read_dir(state))?.next().is_none();
    if !empty && !mark.exists() {
        return shell::fail(format!(
            "`{}` holds something that no demo made; it is left as it is\nhint: name another folder with `--keep`",
            state.display()
        ));
    }
    if fresh {
        remove(state)?;
        at(state, fs::create_dir_all(state))?;
    }
    at(&mark, fs::write(&mark, ""))
}

/// One folder holds one demo: the coordinator would refuse another sweep of the same name.
fn begin(state: &Path, sweep: &str) -> Result<()> {
    let begun = state.join(BEGUN);
    match fs::read_to_string(&begun) {
        Ok(earlier) if earlier != sweep => shell::fail(format!(
            "`{}` holds a demo of another sweep, perhaps with other `--steps`\nhint: `--fresh` deletes it and starts \
             over, `--keep DIR` takes another folder",
            state.display()
        )),
        Ok(_) => Ok(()),
        Err(_) => at(&begun, fs::write(&begun, sweep)),
    }
}

/// The demo's sweep; with other steps, a copy in the state folder.
fn sweep_file(paths: &Paths, state: &Path, steps: Option<u64>) -> Result<PathBuf> {
    let original = paths.repo.join("deploy/sweeps/demo.toml");
    let Some(steps) = steps else { return Ok(original) };
    let text = at(&original, fs::read_to_string(&original))?;
    let text = with_steps(&text, steps).ok_or_else(|| {
        Failure::Failed(format!("`{}`: found no line with one `steps = \"…\"` to change", original.display()))
    })?;
    let copy = state.join("demo.toml");
    at(&copy, fs::write(&copy, text))?;
    Ok(copy)
}

/// The text with its only `steps = "…"` changed; none if it is not the only one.
fn with_steps(text: &str, steps: u64) -> Option<String> {
    const KEY: &str = " steps = \"";
    let start = text.find(KEY)? + KEY.len();
    let end = start + text[start..].find('"')?;
    (!text[end..].contains(KEY)).then(|| format!("{}{steps}it{}", &text[..start], &text[end..]))
}

fn up(paths: &Paths, state: &Path, sweep: &Path, cuda: bool) -> Result<()> {
    let mut tombola = std::process::Command::new(paths.target()?.join("release/tombola"));
    tombola.current_dir(&paths.repo).arg("up").arg("--state").arg(state).args(["--workers", "2"]);
    tombola.arg("--data").arg(&paths.data).arg("--run").arg(sweep);
    tombola.arg("--report").arg(state.join("report.html"));
    if cuda {
        tombola.args(["--device", "cuda"]);
    }
    shell::run(&mut tombola, "the same command again goes on where it stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        parse(Args::new("demo", line.split_whitespace().map(str::to_owned).collect()))
    }

    #[test]
    fn options_are_read_in_any_order() {
        let options = parsed("--fresh --device=cuda --steps 300").unwrap();
        assert_eq!(options, Options { steps: Some(300), cuda: true, fresh: true, ..Options::default() });
    }

    #[test]
    fn values_that_make_no_sense_are_usage_errors() {
        for line in ["--steps 0", "--steps many", "--device tpu", "--keep", "--stepz 3"] {
            assert!(matches!(parsed(line), Err(Failure::Usage(_))), "{line}");
        }
    }

    #[test]
    fn the_number_of_steps_is_changed_and_nothing_else() {
        let sweep = "seeds = \"1..=3\"\ntrain = { steps = \"3000it\", batch = 60 }\n";
        let changed = "seeds = \"1..=3\"\ntrain = { steps = \"250it\", batch = 60 }\n";
        assert_eq!(with_steps(sweep, 250).as_deref(), Some(changed));
        assert_eq!(with_steps("seeds = 3", 250), None);
        assert_eq!(with_steps(&sweep.repeat(2), 250), None);
    }

    #[test]
    fn a_folder_keeps_to_the_sweep_it_began_with() {
        let state = std::env::temp_dir().join(format!("xtask-begun-{}", std::process::id()));
        fs::create_dir_all(&state).unwrap();
        begin(&state, "steps = 300").unwrap();
        begin(&state, "steps = 300").unwrap();
        assert!(begin(&state, "steps = 3000").unwrap_err().to_string().contains("--fresh"));
        fs::remove_dir_all(&state).unwrap();
    }

    #[test]
    fn only_a_demos_own_folder_is_deleted() {
        let home = std::env::temp_dir().join(format!("xtask-demo-{}", std::process::id()));
        let (mine, state) = (home.join("mine"), home.join("state"));
        fs::create_dir_all(&mine).unwrap();
        fs::write(mine.join("thesis.tex"), "").unwrap();
        // Neither by a first demo nor by one that follows it.
        assert!(prepare(&mine, false).is_err());
        assert!(prepare(&mine, true).is_err() && mine.join("thesis.tex").exists());

        prepare(&state, true).unwrap();
        fs::write(state.join("tombola.db"), "").unwrap();
        prepare(&state, false).unwrap();
        assert!(state.join("tombola.db").exists());
        prepare(&state, true).unwrap();
        assert!(!state.join("tombola.db").exists() && state.join(MARK).exists());
        fs::remove_dir_all(&home).unwrap();
    }
}
