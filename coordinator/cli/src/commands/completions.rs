//! `tombola completions`: shell completion.

use super::Context;
use crate::Args;
use clap::CommandFactory;
use std::process::ExitCode;

/// Print a shell's completion script.
///
/// For bash: tombola completions bash > "${XDG_DATA_HOME:-$HOME/.local/share}/bash-completion/completions/tombola"
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Your shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(&self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Args::command(), "tombola", &mut script);
        context.printer.data(&String::from_utf8(script)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
