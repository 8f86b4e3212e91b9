//! `tombola backup`, `restore`, `doctor`: what looks after a coordinator's state. The work is the coordinator's, which knows
//! where its state is and speaks SQL; no coordinator has to run.

use super::{Context, hand_over};
use std::{ffi::OsString, process::ExitCode};

/// Back up everything a coordinator keeps into a folder, while it works.
///
/// The records are those of one moment; masks, weights and checkpoints that they name are copied, each checked against its
/// digest. Into the folder of an earlier backup only what is new is copied, and the earlier one counts until the new one is
/// whole. Run it where the coordinator's folders are; settings are the coordinator's (--config, --state, --database,
/// TOMBOLA_COORDINATOR_*).
///   tombola backup /mnt/backup/tombola                            of the coordinator of this user
///   tombola backup /mnt/backup/lab --config /etc/tombola/coordinator.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backup {
    /// A folder: new, empty, or that of an earlier backup; and settings of the coordinator.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "FOLDER")]
    words: Vec<OsString>,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        look_after("backup", self.words, context).await
    }
}

/// Lay a backup out where there is no state yet, on SQLite or Postgres, whatever it was.
///
/// Everything is checked against its digest, and the records go in whole or not at all. Jobs that ran when the backup was
/// taken go on from their last checkpoint in it. Workers of the old coordinator come to the new one as strangers and drop what
/// they hold: the restored state is one of its own.
///   tombola restore /mnt/backup/tombola --check                   read it whole, write nothing
///   tombola restore /mnt/backup/tombola --state /srv/tombola      into a new state folder
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Restore {
    /// The folder that `tombola backup` was given; --check; and settings of the coordinator.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "FOLDER")]
    words: Vec<OsString>,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        look_after("restore", self.words, context).await
    }
}

/// Examine everything a coordinator stands on: database, records, artifacts, clocks, versions, folders, disks.
///
/// Beside a coordinator at work or without, without harm: nothing is changed unless --repair is given, which no coordinator
/// may be at work for. Says of each finding what it means and what to do. Exit code 0: nothing is wrong; 1: something is.
///   tombola doctor                                    of the coordinator of this user
///   tombola doctor --quick                            without reading every artifact
///   tombola doctor --repair --from /mnt/backup/tombola   mend what can be; lost artifacts come from a backup
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Doctor {
    /// --quick, --repair, --from BACKUP; and settings of the coordinator (--config, --state, --database).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    words: Vec<OsString>,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        look_after("doctor", self.words, context).await
    }
}

/// Starts the coordinator beside this binary with this command.
async fn look_after(command: &str, words: Vec<OsString>, context: &Context<'_>) -> anyhow::Result<ExitCode> {
    let mut all = vec![OsString::from(command)];
    all.extend(words);
    hand_over("tombola-coordinator", all, true, context).await
}
