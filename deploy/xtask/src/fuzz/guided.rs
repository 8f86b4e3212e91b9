//! `cargo xtask fuzz --guided`: libFuzzer on the targets of `deploy/fuzz/guided`.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::tally::{self, Tally};
use crate::paths::Paths;
use crate::shell::{self, Failure, Result, at};

/// What `cargo fuzz` builds with: edges counted in one byte each, and comparisons seen. It needs no nightly toolchain. Code in
/// few pieces is faster.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=4";
/// A target's turn. Long enough that reading its inputs anew does not matter.
const SLICE: Duration = Duration::from_secs(120);
/// An input that takes so long hangs.
const LONGEST: [&str; 2] = ["-timeout=30", "-report_slow_units=30"];
/// Memory that no input may take.
const MEMORY: &str = "-rss_limit_mb=4096";
/// A target that crashed so often is left out: it finds the same again and again.
const MANY: u64 = 10;

/// What is needed to run a target.
struct Fuzzer {
    /// `target/fuzz`.
    folder: PathBuf,
    program: PathBuf,
    slice: Duration,
    end: Instant,
}

/// Runs these targets, or all, for so long.
pub(super) fn run(paths: &Paths, wanted: &[String], time: Duration, jobs: u64) -> Result<()> {
    let folder = paths.repo.join("target/fuzz");
    at(&folder, fs::create_dir_all(&folder))?;
    let mut crashed = Vec::new();
    if !time.is_zero() {
        let program = build(paths, &folder)?;
        let targets = chosen(&lay_out(&program, &folder)?, wanted)?;
        let turns = u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
        let share = time * u32::try_from(jobs).unwrap_or(u32::MAX) / turns;
        let slice = share.clamp(Duration::from_secs(5), SLICE);
        let fuzzer = Fuzzer { folder: folder.clone(), program, slice, end: Instant::now() + time };
        let this_run;
        (this_run, crashed) = fuzzer.take_turns(targets, jobs)?;
        shell::say(&format!("\nThis run:\n{}", tally::table(&this_run)));
    }
    let runs = fs::read_to_string(folder.join("runs.jsonl")).unwrap_or_default();
    shell::say(&format!("\nAll runs:\n{}", tally::table(&tally::all(&runs))));
    if crashed.is_empty() { Ok(()) } else { shell::fail(crashed.join("\n")) }
}

/// The targets with libFuzzer, instrumented.
fn build(paths: &Paths, folder: &Path) -> Result<PathBuf> {
    let version = shell::output(Command::new("rustc").arg("-vV").current_dir(&paths.repo))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let built = folder.join("build");
    let mut cargo = paths.cargo();
    cargo.args(["build", "--profile", "fuzz", "--package", "tombola-guided", "--features", "libfuzzer"]);
    // Named, so that the flags are not for what runs while it is built.
    cargo.args(["--target", host]).arg("--target-dir").arg(&built).env("RUSTFLAGS", FLAGS);
    if !paths.libtorch_link().exists() {
        shell::say("libtorch is not set up (`cargo xtask setup`): the engine's targets are left out");
        cargo.arg("--no-default-features");
    }
    shell::run(&mut cargo, "")?;
    Ok(built.join(host).join("fuzz/guided"))
}

/// Makes what libFuzzer begins with; names of all targets.
fn lay_out(program: &Path, folder: &Path) -> Result<Vec<String>> {
    let names = shell::output(Command::new(program).env("TOMBOLA_FUZZ_LAY_OUT", folder))?;
    Ok(names.lines().map(str::to_owned).collect())
}

fn chosen(all: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(word) = wanted.iter().find(|word| !all.contains(word)) {
        let all = all.join(", ");
        return Err(Failure::Usage(format!("there is no target `{word}`\nhint: the targets are {all}")));
    }
    Ok(if wanted.is_empty() { all.to_vec() } else { wanted.to_vec() })
}

/// Tallies by target, and what to do about each input that went wrong.
type Outcome = (BTreeMap<String, Tally>, Vec<String>);

impl Fuzzer {
    fn take_turns(&self, targets: Vec<String>, jobs: u64) -> Result<Outcome> {
        let queue = Mutex::new(VecDeque::from(targets));
        let outcome: Mutex<Outcome> = Mutex::default();
        let taken = || queue.lock().map_or(None, |mut queue| queue.pop_front());
        let work = || {
            while let Some(target) = taken().filter(|_| Instant::now() < self.end) {
                let (tally, log) = self.take_turn(&target)?;
                if note(&outcome, &target, &tally, &log)
                    && let Ok(mut queue) = queue.lock()
                {
                    queue.push_back(target);
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| shell::fail("a thread of xtask panicked"))
            })
        })?;
        outcome.into_inner().or_else(|_| shell::fail("a thread of xtask panicked"))
    }

    /// One slice of a target; what it came to, and libFuzzer's log.
    fn take_turn(&self, target: &str) -> Result<(Tally, String)> {
        let (own, log) = (self.folder.join(target), self.folder.join(target).join("log"));
        let crashes = own.join("crashes");
        at(&crashes, fs::create_dir_all(&crashes))?;
        let scratch = scratch(&own, target);
        at(&scratch, fs::create_dir_all(&scratch))?;
        let left = self.end.saturating_duration_since(Instant::now()).as_secs();
        let time = self.slice.as_secs().min(left).max(1);
        let begin = Instant::now();
        let status = self
            .libfuzzer(target, &own, time)?
            .env("TMPDIR", &scratch)
            .stderr(at(&log, File::create(&log))?)
            .status();
        let _ = fs::remove_dir_all(&scratch);
        status.map_err(|error| {
            Failure::Failed(format!("cannot start `{}`: {error}", self.program.display()))
        })?;
        let log = String::from_utf8_lossy(&at(&log, fs::read(&log))?).into_owned();
        let tally = Tally::of_log(&log, begin.elapsed().as_secs());
        if tally.executions == 0 && tally.crashes == 0 {
            return shell::fail(format!("`{target}` did not run:\n{log}"));
        }
        self.write_down(target, &tally)?;
        Ok((tally, log))
    }

    fn libfuzzer(&self, target: &str, own: &Path, time: u64) -> Result<Command> {
        let options = own.join("options");
        let mut command = Command::new(&self.program);
        command.env("TOMBOLA_FUZZ_TARGET", target).stdin(Stdio::null()).stdout(Stdio::null());
        command.arg(own.join("corpus")).args(at(&options, fs::read_to_string(&options))?.lines());
        command.arg(format!("-dict={}", own.join("dictionary").display()));
        command.arg(format!("-artifact_prefix={}/", own.join("crashes").display()));
        command.args(LONGEST).args([MEMORY, "-print_final_stats=1"]).arg(format!("-max_total_time={time}"));
        Ok(command)
    }

    fn write_down(&self, target: &str, tally: &Tally) -> Result<()> {
        let path = self.folder.join("runs.jsonl");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut file = at(&path, OpenOptions::new().create(true).append(true).open(&path))?;
        at(&path, writeln!(file, "{}", tally.line(target, now)))
    }
}

/// A folder in memory, where there is one: what is fuzzed writes small files, and waits for them to be on the disk.
fn scratch(own: &Path, target: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let name = format!("tombola-fuzz-{}-{target}", std::process::id());
    if memory.is_dir() { memory.join(name) } else { own.join("scratch") }
}

/// Tells of a slice. Whether the target is to go on.
fn note(outcome: &Mutex<Outcome>, target: &str, tally: &Tally, log: &str) -> bool {
    let Ok(mut outcome) = outcome.lock() else { return false };
    let (tallies, crashed) = &mut *outcome;
    let sum = tallies.entry(target.to_owned()).or_default();
    sum.add(tally);
    let Tally { seconds, executions, edges, inputs, .. } = tally;
    shell::say(&format!("{target}: {executions} executions in {seconds} s, {edges} edges, {inputs} inputs"));
    for path in tally::written(log) {
        let replay = format!("cargo run -p tombola-guided -- {target} {path}");
        shell::say(&format!("{target} went wrong; once more: {replay}"));
        crashed.push(format!("`{target}` went wrong\nhint: {replay}"));
    }
    sum.crashes < MANY
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// libFuzzer as its log shows it, for a target that crashes each time.
    const CRASHES: &str = "#!/bin/sh
echo '#2  pulse  cov: 30 ft: 40 corp: 17/1200b lim: 4' >&2
echo \"artifact_prefix='x/'; Test unit written to x/crash-$TOMBOLA_FUZZ_TARGET\" >&2
echo 'stat::number_of_executed_units: 100' >&2
exit 77
";

    #[test]
    fn a_target_that_crashes_again_and_again_is_left_out_and_each_crash_is_told() {
        let folder = std::env::temp_dir().join(format!("xtask-guided-{}", std::process::id()));
        fs::create_dir_all(folder.join("spool")).unwrap();
        fs::write(folder.join("spool/options"), "-max_len=9\n").unwrap();
        let program = folder.join("guided");
        fs::write(&program, CRASHES).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let end = Instant::now() + Duration::from_secs(600);
        let fuzzer = Fuzzer { folder: folder.clone(), program, slice: Duration::from_secs(5), end };
        let (tallies, crashed) = fuzzer.take_turns(vec!["spool".to_owned()], 2).unwrap();
        let kept = fs::read_to_string(folder.join("runs.jsonl")).unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!((tallies["spool"].crashes, tallies["spool"].executions), (MANY, 100 * MANY));
        assert_eq!((crashed.len() as u64, kept.lines().count() as u64), (MANY, MANY));
        assert!(crashed[0].ends_with("tombola-guided -- spool x/crash-spool"), "{}", crashed[0]);
    }
}
