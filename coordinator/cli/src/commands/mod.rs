//! Commands, one file each; a new one is a file, a line in `args::Command` and a line in [`run`].

pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod diff;
pub(crate) mod drain;
pub(crate) mod explain;
pub(crate) mod extend;
pub(crate) mod failures;
pub(crate) mod fetch;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod results;
pub(crate) mod retry;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod steer;
pub(crate) mod submit;
pub(crate) mod token;
pub(crate) mod up;
pub(crate) mod upkeep;
pub(crate) mod watch;
pub(crate) mod workers;

use crate::{
    args::{Args, Command},
    client::Client,
    error::Failure,
    files::{self, Local},
    output::{Format, Printer},
    up::program,
};
use anyhow::Context as _;
use std::{ffi::OsString, path::Path, process::ExitCode};
use tombola_access::Settings;
use tombola_core::{
    plan::Plan,
    sweep::{self, SweepFile},
};

/// What every command gets: where to connect, where to print.
pub(crate) struct Context<'a> {
    /// The addresses given, if any.
    pub(crate) coordinator: Option<String>,
    /// What was given to get in.
    pub(crate) access: Settings,
    /// Output.
    pub(crate) printer: &'a Printer,
}

impl Context<'_> {
    /// Connects to the coordinator.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        Client::connect(self.coordinator.as_deref(), self.access.clone()).await
    }
}

/// Runs the command that was typed.
pub(crate) async fn run(args: Args, printer: &Printer) -> anyhow::Result<ExitCode> {
    let Args { coordinator, token_file, ca, client_cert, client_key, .. } = args;
    let access = Settings { token: token()?, token_file, ca, client_cert, client_key };
    let context = Context { coordinator, access, printer };
    let context = &context;
    match args.command {
        Command::Up(command) => command.run(context).await,
        Command::Plan(command) => command.run(context).await,
        Command::Diff(command) => command.run(context).await,
        Command::Submit(command) => command.run(context).await,
        Command::Extend(command) => command.run(context).await,
        Command::List(command) => command.run(context).await,
        Command::Show(command) => command.run(context).await,
        Command::Watch(command) => command.run(context).await,
        Command::Results(command) => command.run(context).await,
        Command::Failures(command) => command.run(context).await,
        Command::Report(command) => command.run(context).await,
        Command::Sql(command) => command.run(context).await,
        Command::Pause(command) => command.run(context).await,
        Command::Resume(command) => command.run(context).await,
        Command::Stop(command) => command.run(context).await,
        Command::Cancel(command) => command.run(context).await,
        Command::Retry(command) => command.run(context).await,
        Command::Explain(command) => command.run(context).await,
        Command::Workers(command) => command.run(context).await,
        Command::Drain(command) => command.run(context).await,
        Command::Fetch(command) => command.run(context).await,
        Command::Token(command) => command.run(context).await,
        Command::Data(command) => command.run(context).await,
        Command::Backup(command) => command.run(context).await,
        Command::Restore(command) => command.run(context).await,
        Command::Doctor(command) => command.run(context).await,
        Command::Completions(command) => command.run(context),
    }
}

/// The token in the environment: never a flag, which others on this machine can see.
fn token() -> Result<Option<tombola_access::Token>, Failure> {
    let Ok(text) = std::env::var("TOMBOLA_TOKEN") else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|error| Failure::Input(format!("TOMBOLA_TOKEN: {error}")))
}

/// Runs a binary beside this one in place of this command; `answers`: it has an answer for scripts, too.
async fn hand_over(
    binary: &str,
    words: Vec<OsString>,
    answers: bool,
    context: &Context<'_>,
) -> anyhow::Result<ExitCode> {
    let program = program(binary)?;
    let mut command = tokio::process::Command::new(&program);
    command.args(words);
    if answers && context.printer.format() == Format::Json {
        command.args(["--output", "json"]);
    }
    let status = command.status().await.with_context(|| format!("cannot start `{}`", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A sweep file that can be submitted.
pub(crate) struct Sweep {
    /// What is written in it.
    pub(crate) text: String,
    /// What it says.
    pub(crate) file: SweepFile,
    /// What it amounts to.
    pub(crate) plan: Plan,
    /// Files it names, which are sent before it.
    pub(crate) files: Vec<Local>,
}

/// A sweep file, refused with every mistake in it before anything is sent.
pub(crate) fn read_sweep(path: &Path) -> anyhow::Result<Sweep> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::Input(format!("cannot read the sweep file `{}`: {e}", path.display())))?;
    let (text, files) = files::listed(path, text)?;
    Ok(Sweep { files, ..check_sweep(&path.display().to_string(), text)? })
}

/// The text of a sweep; `origin` stands before each mistake in it.
pub(crate) fn check_sweep(origin: &str, text: String) -> anyhow::Result<Sweep> {
    let read = sweep::parse(&text).and_then(|file| sweep::expand(&file).map(|plan| (file, plan)));
    let (file, plan) = read.map_err(|mistakes| Failure::Input(mistakes.show(origin)))?;
    Ok(Sweep { text, file, plan, files: Vec::new() })
}
