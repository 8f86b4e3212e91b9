//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use tombola_server::config::Flags;

const EXIT_CODES: &str = "\
Exit codes: 0 stopped in order, or done; 1 could not start, go on, or be done; 2 the configuration cannot be used.";

/// Keeps sweeps, hands their jobs to workers, and answers `tombola`.
///
/// Settings come from a file (--config), then from TOMBOLA_COORDINATOR_* (sections cut off by two underscores, as in
/// TOMBOLA_COORDINATOR_WORKERS__TERM=30s), then from flags; later ones win. SIGTERM or Ctrl-C stops it in order:
/// what was begun is committed, workers train on and come back to the next coordinator on the same state.
#[derive(Debug, Parser)]
#[command(name = "tombola-coordinator", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do with the state that the settings name.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve it, as without a command.
    Serve,
    #[command(flatten)]
    Upkeep(Upkeep),
}

/// What looks after a state.
#[derive(Debug, Subcommand)]
pub(crate) enum Upkeep {
    /// Back it up into a folder, while a coordinator serves it or not.
    ///
    /// The records are those of one moment; artifacts that they name are copied, each checked against its digest. Into
    /// the folder of an earlier backup only what is new is copied; that one counts until this one is whole. The folder
    /// holds all that the database holds: keep it as safe, and on another disk.
    Backup {
        /// The folder: new, empty, or that of an earlier backup of the same state.
        folder: PathBuf,
        /// What standard output holds.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Lay a backup out here, where there is no state yet; SQLite or Postgres, whatever it was.
    ///
    /// Everything is checked against its digest, and the records go in whole or not at all. The restored state is a state of
    /// its own: workers of the old coordinator come to it as strangers, drop what they hold, and jobs that ran go on from
    /// the last checkpoint in the backup.
    Restore {
        /// The folder that `backup` was given.
        folder: PathBuf,
        /// Read the backup whole and say whether it could be restored; write nothing.
        #[arg(long)]
        check: bool,
        /// What standard output holds.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Examine database, records, artifacts, clocks, versions, folders and disks, beside a coordinator at work or without.
    ///
    /// Changes nothing unless it is told to, and says of each finding what it means and what to do. Exit code 0: nothing is
    /// wrong, or nothing any more; 1: something is.
    Doctor {
        /// Only see whether artifacts are there and how long they are; do not read them
        #[arg(long)]
        quick: bool,
        /// Repair what can be; only while no coordinator is at work
        #[arg(long)]
        repair: bool,
        /// With --repair: a backup to take missing artifacts from
        #[arg(long, value_name = "BACKUP", requires = "repair")]
        from: Option<PathBuf>,
        /// What standard output holds.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

/// Form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For scripts: one JSON value.
    Json,
}
