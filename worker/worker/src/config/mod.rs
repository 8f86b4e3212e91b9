//! Configuration: defaults, then a TOML file, then `TOMBOLA_WORKER_*`, then flags.
//!
//! Every mistake is collected, so that one start shows all of them. Read once; nothing reads the environment later.

mod values;

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    time::{Duration, SystemTime},
};
use tombola_agent::{Limits, Options, SlotSpec};
use tombola_settings::{Bytes, ConfigError, Log, LogFormat, Reader, Span, folders};
use values::{Coordinators, default_name};

/// Prefix of the environment's variables.
const PREFIX: &str = "TOMBOLA_WORKER_";

/// Everything that can be set. `deploy/worker.toml` explains each setting with its default.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Addresses of the coordinator and its standbys.
    pub(crate) coordinators: Vec<String>,
    /// Name for people, unique per coordinator.
    pub(crate) name: String,
    /// Folder of everything the worker keeps.
    pub(crate) dir: PathBuf,
    /// Folder of the data sets, one folder each.
    pub(crate) data: PathBuf,
    /// Its slots.
    pub(crate) slots: Vec<SlotSpec>,
    /// Sizes and times.
    pub(crate) limits: Limits,
    /// How engines work.
    pub(crate) engine: Engine,
    /// The log.
    pub(crate) log: Log,
}

/// How engines work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Intra-op threads of a lane.
    pub(crate) threads: NonZeroU32,
    /// Least time between checkpoints.
    pub(crate) checkpoint_every: Span,
    /// Checkpoint instead whenever a job's iteration is a multiple of this.
    pub(crate) checkpoint_every_iterations: Option<NonZeroU64>,
}

/// Settings given on the command line; they win over all others.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(crate) struct Flags {
    /// Configuration file (TOML); deploy/worker.toml shows every setting
    #[arg(long, value_name = "FILE", env = "TOMBOLA_WORKER_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Coordinator, HOST:PORT; several, separated by commas, are tried in turn [default: 127.0.0.1:7654]
    #[arg(long, value_name = "ADDRESS", global = true)]
    pub(crate) coordinator: Option<String>,
    /// Name for people, unique per coordinator [default: this host's name]
    #[arg(long, global = true)]
    pub(crate) name: Option<String>,
    /// Folder of everything the worker keeps, its own alone [default: $STATE_DIRECTORY, else `tombola-worker` in
    /// $XDG_STATE_HOME, else in ~/.local/state]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,
    /// Folder of data sets, one sub-folder each [default: `tombola/data` in $XDG_DATA_HOME, else in
    /// ~/.local/share]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Slots: `cpu`, `2xcpu`, `cpu=4` (4 lanes), `cuda:0=32` (GPU 0, 32 lanes), separated by commas [default: cpu]
    #[arg(long, global = true)]
    pub(crate) slots: Option<String>,
    /// Be gone after so long, such as 4h: jobs are checkpointed and given back before [default: under Slurm, the job's time
    /// limit]
    #[arg(long, value_name = "TIME")]
    pub(crate) time_limit: Option<String>,
    /// Form of log lines; `auto` is text on a terminal and JSON, in which `\n` stands for a new line, elsewhere [default:
    /// auto]
    #[arg(long, value_name = "FORMAT", global = true)]
    pub(crate) log_format: Option<LogFormat>,
}

impl Flags {
    /// What was typed, by the setting it sets.
    fn typed(&self) -> [(&'static str, Option<serde_json::Value>); 7] {
        // Every field is named, so that a new flag cannot be forgotten.
        let Self { config: _, coordinator, name, dir, data, slots, time_limit, log_format } = self;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into());
        [
            ("coordinator", coordinator.clone().map(Into::into)),
            ("name", name.clone().map(Into::into)),
            ("dir", path(dir)),
            ("data", path(data)),
            ("slots", slots.clone().map(Into::into)),
            ("time_limit", time_limit.clone().map(Into::into)),
            ("log", log_format.map(LogFormat::typed)),
        ]
    }
}

impl Config {
    /// Reads all layers and checks them together.
    ///
    /// # Errors
    /// All mistakes of all layers at once.
    pub(crate) fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(flags.config.as_deref(), PREFIX, flags.typed());
        let config = Self::read(&mut reader);
        if let Some(limit) =
            config.limits.time_limit.map(Span).filter(|limit| limit.0 <= config.limits.drain_within * 2)
        {
            let least = Span(config.limits.drain_within * 2);
            reader.mistake(format!(
                "`time_limit` leaves {limit}, and two times `limits.drain_within` ({least}) before the end nothing is begun any \
                 more\nhint: allow more time, or lower `limits.drain_within`"
            ));
        }
        reader.finish().map(|()| config)
    }

    fn read(reader: &mut Reader) -> Self {
        Self {
            coordinators: reader.get("coordinator", Coordinators::default()).0,
            name: reader.get("name", default_name()),
            dir: reader.get("dir", folders::service_state("tombola-worker")),
            data: reader.get("data", folders::user_data()),
            slots: slots(reader),
            limits: Limits { time_limit: time_limit(reader), ..limits(reader) },
            engine: engine(reader),
            log: Log::read(reader),
        }
    }

    /// What the agent is told.
    pub(crate) fn options(&self) -> Options {
        let slots = self.slots.clone();
        let options = Options::new(self.coordinators.clone(), &self.name, self.dir.clone(), slots);
        let folder = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        Options { data_folder: folder.display().to_string(), limits: self.limits, ..options }
    }
}

fn slots(reader: &mut Reader) -> Vec<SlotSpec> {
    let text = reader.get("slots", "cpu".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    SlotSpec::parse_list(&text, cores).unwrap_or_else(|error| {
        reader.mistake(format!("`slots`: {error}"));
        Vec::new()
    })
}

/// How long the worker may stay: as set, else until Slurm ends the job it runs in.
fn time_limit(reader: &mut Reader) -> Option<Duration> {
    let set = reader.get("time_limit", None::<Span>).map(|span| span.0);
    set.or_else(|| values::until_slurm_ends(&std::env::var("SLURM_JOB_END_TIME").ok()?, SystemTime::now()))
}

fn limits(reader: &mut Reader) -> Limits {
    let usual = Limits::default();
    let mut span = |key, usual: Duration| reader.get(key, Span(usual)).0;
    let stuck_after = span("limits.stuck_after", usual.stuck_after);
    let drain_within = span("limits.drain_within", usual.drain_within);
    let metrics_every = span("limits.metrics_every", usual.metrics_every);
    let spool_bytes = reader.get("limits.spool", Bytes(usual.spool_bytes)).0;
    let cache_bytes = reader.get("limits.cache", Bytes(usual.cache_bytes)).0;
    Limits { spool_bytes, cache_bytes, stuck_after, drain_within, metrics_every, ..usual }
}

fn engine(reader: &mut Reader) -> Engine {
    Engine {
        threads: reader.get("engine.threads", NonZeroU32::MIN),
        checkpoint_every: reader.get("engine.checkpoint_every", Span(Duration::from_secs(60))),
        checkpoint_every_iterations: reader.get("engine.checkpoint_every_iterations", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn annotated() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/worker.toml")
    }

    fn with_file(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(&Flags { config: Some(file), ..Flags::default() })
    }

    #[test]
    fn the_annotated_file_says_what_is_so_without_it() {
        let read = Config::load(&Flags { config: Some(annotated()), ..Flags::default() }).unwrap();
        assert_eq!(read, Config::load(&Flags::default()).unwrap());
    }

    #[test]
    fn the_annotated_file_explains_every_setting() {
        let text = std::fs::read_to_string(annotated()).unwrap();
        let mut reader = Reader::new(None, PREFIX, []);
        Config::read(&mut reader);
        for key in reader.asked() {
            let name = key.rsplit('.').next().unwrap();
            let explained = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
            assert!(text.lines().any(explained), "{key}");
        }
    }

    #[test]
    fn what_is_commented_out_can_be_set() {
        let text = std::fs::read_to_string(annotated()).unwrap();
        let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ") && !line.contains('.');
        let all: Vec<&str> =
            text.lines().map(|line| if is_setting(&line) { &line[2..] } else { line }).collect();
        let config = with_file(&all.join("\n")).unwrap();
        assert_eq!((config.name.as_str(), config.data.as_path()), ("gpu-3", Path::new("/srv/tombola/data")));
        assert_eq!(config.engine.checkpoint_every_iterations, NonZeroU64::new(10_000));
    }

    #[test]
    fn a_worker_has_to_have_the_time_to_leave() {
        let limit = |text: &str| with_file(&format!("time_limit = \"{text}\""));
        assert_eq!(limit("4h").unwrap().limits.time_limit, Some(Duration::from_secs(4 * 3600)));
        let told = limit("2min").unwrap_err().to_string();
        assert!(told.contains("`time_limit` leaves 2min") && told.contains("hint:"), "{told}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.toml");
        std::fs::write(&file, "coordinator = \"a:1, b:2\"\nname = \"file\"\nslots = \"2xcpu=3\"").unwrap();
        let flags = Flags { config: Some(file), name: Some("flag".to_owned()), ..Flags::default() };
        let config = Config::load(&flags).unwrap();
        assert_eq!(
            (config.coordinators.as_slice(), config.name.as_str()),
            (["a:1".to_owned(), "b:2".to_owned()].as_slice(), "flag")
        );
        assert_eq!(config.slots.iter().map(|slot| slot.lanes).collect::<Vec<_>>(), [3, 3]);
    }

    #[test]
    fn every_mistake_is_told_at_once_with_a_hint() {
        let text =
            "slots = \"gpu\"\ncoordinator = 7\nnames = \"x\"\n[limits]\nspool = 5\n[log]\nfilter = \"=,\"";
        let error = with_file(text).unwrap_err();
        let told = error.to_string();
        for part in
            ["`gpu` is not a slot", "coordinator", "`names` is not a setting", "limits.spool", "log.filter"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(error.mistakes.len(), 5, "{told}");
        assert!(told.matches("hint:").count() >= 3, "{told}");
        let missing = Flags { config: Some("/nowhere/worker.toml".into()), ..Flags::default() };
        assert!(
            Config::load(&missing).unwrap_err().to_string().contains("/nowhere/worker.toml` is not there")
        );
    }
}
