//! The command line: what can be typed, and the help that teaches it.

use crate::{calibrate, config::Flags, data};
use clap::{Parser, Subcommand, ValueEnum};

const HELP: &str = "\
Exit codes:
  0    drained; with `check`: every slot can work; with `calibrate`: measured; with `data`: all is well
  1    a slot cannot work, or something else keeps the worker from going on; a data set is not there or wrong
  2    the configuration cannot be used
  3    the coordinator refuses this worker for good, such as one of another release; what may pass (another
       worker of its name is connected) is told and tried again
  4    draining took too long; the rest is handed in at the next start
  130  left at once, after a second SIGTERM or Ctrl-C

Start with:
  tombola-worker check                        what this machine has to offer
  tombola-worker --coordinator lab:7654       one CPU slot, as many lanes as cores
  tombola-worker --slots cuda:0,cuda:1        two GPUs for the coordinator on this machine
  tombola-worker calibrate --slots cuda:0     once on a new GPU: how many lanes are best
  tombola-worker --config worker.toml         deploy/worker.toml explains every setting";

/// Takes jobs from a coordinator and trains them on this machine.
///
/// Settings come from a file (--config), then from TOMBOLA_WORKER_* (sections cut off by two underscores, as in
/// TOMBOLA_WORKER_LIMITS__SPOOL=1GiB), then from flags; later ones win. SIGTERM or Ctrl-C drains: running jobs are
/// checkpointed and given back, then the worker leaves; a second one makes it leave at once. SIGUSR1 drains too: under Slurm,
/// `--signal=USR1@120` or the job's own time limit (SLURM_JOB_END_TIME) make a worker leave in time. A worker that loses its
/// coordinator trains on, keeps its reports on disk, and hands them in when the coordinator is back.
#[derive(Debug, Parser)]
#[command(name = "tombola-worker", version, after_help = HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of working.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start every slot's engine, show devices and data sets as a coordinator would see them, and leave.
    Check {
        /// What standard output holds.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Measure how the slots' devices train fastest, and keep it in the worker's folder.
    Calibrate {
        #[command(flatten)]
        options: calibrate::Options,
    },
    /// Look after the data sets of this machine; `tombola data` is the same.
    Data {
        /// What to do.
        #[command(subcommand)]
        command: data::Command,
    },
    /// The engine of a slot, which the worker starts by itself; speaks over standard input and output.
    #[command(hide = true)]
    Engine {
        /// As JSON.
        settings: String,
    },
}

/// Form of what `check` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}
