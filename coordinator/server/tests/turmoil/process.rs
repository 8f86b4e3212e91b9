//! A run has a process of its own: what the process draws at random, and what its clocks say, follow from the seed alone.

use crate::world::{World, families};
use mad_turmoil::{rand::set_rng, time::SimClocksGuard};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

/// Set for a process that is one run: its seed.
pub(crate) const SEED_HERE: &str = "TOMBOLA_TURMOIL_SEED_HERE";
/// What the line of a good run begins with.
const COURSE: &str = "course ";

/// A number from the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// Runs seeds beside each other; what each came to.
pub(crate) fn abreast(seeds: &[u64]) -> Vec<String> {
    thread::scope(|scope| {
        let runs: Vec<_> = seeds.iter().map(|seed| scope.spawn(|| run(*seed))).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|why| std::panic::resume_unwind(why))).collect()
    })
}

/// Runs a seed in a process of its own; what it came to.
fn run(seed: u64) -> String {
    // Nothing here has to outlive a power loss.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .env(SEED_HERE, seed.to_string())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let course = said.lines().find(|line| line.starts_with(COURSE));
    match course {
        Some(course) if output.status.success() => course.to_owned(),
        _ => panic!(
            "seed {seed} failed\nagain, with what everybody said: TOMBOLA_TURMOIL_LOG=info TOMBOLA_TURMOIL_SEED={seed} \
             cargo nextest run -p tombola-server --test turmoil -E 'test(calm)'\n{said}\n{wrong}"
        ),
    }
}

static PANICKED: AtomicBool = AtomicBool::new(false);

/// Simulated time, where a host says something.
struct SimulatedTime;

impl FormatTime for SimulatedTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:>8.3} s ", turmoil::sim_elapsed().unwrap_or_default().as_secs_f64())
    }
}

/// The life of a process that is one run.
pub(crate) fn live(seed: u64) {
    if let Ok(words) = std::env::var("TOMBOLA_TURMOIL_LOG") {
        // Turmoil speaks where nobody may ask it for the time.
        let log = tracing_subscriber::fmt().with_env_filter(format!("{words},turmoil=off"));
        let log = log.with_timer(SimulatedTime);
        log.with_ansi(false).with_writer(std::io::stderr).init();
    }
    set_rng(StdRng::seed_from_u64(seed));
    let _clocks = SimClocksGuard::init();
    fastrand::seed(seed);
    // A task that panics is not to be overlooked, whoever catches it.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::Relaxed);
        usual(panic);
    }));
    let here = std::env::current_dir().unwrap();
    let calm = World::new(families(seed), 0, &here.join("calm")).run().unwrap();
    let mut world = World::new(families(seed), seed, &here.join("storm"));
    let ended = world.run();
    let story = || world.story.join("\n");
    let ended = ended.unwrap_or_else(|why| panic!("{why}\n{}", story()));
    assert_eq!(ended.results, calm.results, "other results than in a calm run\n{}", story());
    assert!(!PANICKED.load(Ordering::Relaxed), "something panicked\n{}", story());
    println!(
        "{COURSE}{} seed {seed}: {} changes, {} commits, {} attempts of {} jobs, {:.1} s simulated",
        ended.course,
        world.story.len(),
        ended.commits,
        ended.attempts,
        ended.results.len(),
        ended.simulated.as_secs_f64()
    );
}
