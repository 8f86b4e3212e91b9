//! Commands, one file each; a new one is a file, a line in `args::Command` and a line in [`run`].

pub(crate) mod completions;
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
pub(crate) mod up;
pub(crate) mod watch;
pub(crate) mod workers;

use crate::{
    args::{Args, Command},
    client::Client,
    error::Failure,
    output::Printer,
};
use std::{path::Path, process::ExitCode};

/// What every command gets: where to connect, where to print.
pub(crate) struct Context<'a> {
    /// The address given, if any.
    pub(crate) coordinator: Option<String>,
    /// Output.
    pub(crate) printer: &'a Printer,
}

impl Context<'_> {
    /// Connects to the coordinator.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        Client::connect(self.coordinator.as_deref()).await
    }
}

/// Runs the command that was typed.
pub(crate) async fn run(args: Args, printer: &Printer) -> anyhow::Result<ExitCode> {
    let context = Context { coordinator: args.coordinator, printer };
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
        Command::Completions(command) => command.run(context),
    }
}

/// A sweep file's text.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::Input(format!("cannot read the sweep file `{}`: {e}", path.display())).into())
}

/// A sweep file's text, refused with every mistake in it before anything is sent.
pub(crate) fn read_sweep(path: &Path) -> anyhow::Result<String> {
    let text = read_file(path)?;
    match tombola_core::sweep::load(&text) {
        Ok(_) => Ok(text),
        Err(mistakes) => Err(Failure::Input(mistakes.show(&path.display().to_string())).into()),
    }
}
