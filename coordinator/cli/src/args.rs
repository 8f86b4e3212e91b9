//! The command line: what can be typed, and the help that teaches it.

use crate::{commands, output::Format};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    refused, or the watched sweep has failed jobs
  2    wrong arguments, or a broken sweep file or statement
  3    no coordinator answers
  130  interrupted

Start with:
  tombola up                          a coordinator and workers on this machine, until Ctrl-C
  tombola plan sweep.toml             what a sweep would train, before it does
  tombola submit sweep.toml --watch   train it
  tombola results NAME                accuracy against density, ticket against controls
  tombola fetch NAME/1/10             the ticket of trial 1, round 10, as a folder PyTorch loads";

/// Heading of what every command takes; its own options stand before.
const GLOBAL: &str = "Global options";
const LAST: usize = 1000;

/// Lottery-ticket experiments at the scale of a lab.
#[derive(Debug, Parser)]
#[command(name = "tombola", version, after_help = EXIT_CODES)]
pub struct Args {
    /// The coordinator, or several with commas: the first that serves [default: that of `tombola up`, else
    /// 127.0.0.1:7654; env: TOMBOLA_COORDINATOR]
    #[arg(long, global = true, env = "TOMBOLA_COORDINATOR", hide_env = true, value_name = "HOST:PORT")]
    #[arg(help_heading = GLOBAL, display_order = LAST)]
    pub(crate) coordinator: Option<String>,
    /// File with the token of a coordinator that asks for one [env: TOMBOLA_TOKEN, the token itself]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL, display_order = LAST + 1)]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates of the authority that signed the coordinator's [env: TOMBOLA_CA]
    #[arg(long, global = true, env = "TOMBOLA_CA", hide_env = true, value_name = "FILE")]
    #[arg(help_heading = GLOBAL, display_order = LAST + 2)]
    pub(crate) ca: Option<PathBuf>,
    /// This client's certificate, where one is asked for [env: TOMBOLA_CLIENT_CERT]
    #[arg(long, global = true, env = "TOMBOLA_CLIENT_CERT", hide_env = true, value_name = "FILE")]
    #[arg(help_heading = GLOBAL, display_order = LAST + 3)]
    pub(crate) client_cert: Option<PathBuf>,
    /// The key of that certificate [env: TOMBOLA_CLIENT_KEY]
    #[arg(long, global = true, env = "TOMBOLA_CLIENT_KEY", hide_env = true, value_name = "FILE")]
    #[arg(help_heading = GLOBAL, display_order = LAST + 4)]
    pub(crate) client_key: Option<PathBuf>,
    /// What standard output holds: `table` for people, `json` for scripts [default: table]
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    #[arg(hide_possible_values = true, hide_default_value = true, help_heading = GLOBAL, display_order = LAST + 5)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One line per command; each is a file in `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(commands::up::Up),
    Plan(commands::plan::Plan),
    Diff(commands::diff::Diff),
    Submit(commands::submit::Submit),
    Extend(commands::extend::Extend),
    List(commands::list::List),
    Show(commands::show::Show),
    Watch(commands::watch::Watch),
    Results(commands::results::Results),
    Failures(commands::failures::Failures),
    Report(commands::report::Report),
    Sql(commands::sql::Sql),
    Pause(commands::steer::Pause),
    Resume(commands::steer::Resume),
    Stop(commands::steer::Stop),
    Cancel(commands::steer::Cancel),
    Retry(commands::retry::Retry),
    Explain(commands::explain::Explain),
    Workers(commands::workers::Workers),
    Drain(commands::drain::Drain),
    Fetch(commands::fetch::Fetch),
    Data(commands::data::Data),
    Token(commands::token::Token),
    Backup(commands::upkeep::Backup),
    Restore(commands::upkeep::Restore),
    Doctor(commands::upkeep::Doctor),
    Completions(commands::completions::Completions),
}
