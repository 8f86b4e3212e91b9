//! Running other programs and talking to the person at the terminal.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Why a command stops; the variant decides the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// Something did not work.
    Failed(String),
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(message) | Self::Failed(message)) = self;
        out.write_str(message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A failure with its message; saves the `Failure::Failed(format!(…))` around every one.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Failure::Failed(message.into()))
}

/// Names the file or folder in an input/output error: "permission denied" alone helps nobody.
pub(crate) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| Failure::Failed(format!("`{}`: {error}", path.display())))
}

/// Prints a line. A closed pipe is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line about one part of the set-up, aligned with the others.
pub(crate) fn report(part: &str, state: &str) {
    say(&format!("{part:<15} {state}"));
}

/// Prints why a command stopped.
pub(crate) fn complain(failure: &Failure) {
    let _ = writeln!(io::stderr().lock(), "error: {failure}");
}

/// Shows the command, runs it with the terminal's streams, and fails with the hint when it fails.
pub(crate) fn run(command: &mut Command, hint: &str) -> Result<()> {
    say(&format!("$ {}", shown(command)));
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    let hint = if hint.is_empty() { String::new() } else { format!("\nhint: {hint}") };
    fail(format!("`{}` ended with {status}{hint}", shown(command)))
}

/// Runs the command unseen and returns its standard output; its standard error becomes the failure.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    fail(format!("`{}` ended with {}\n{}", shown(command), output.status, said.trim_end()))
}

/// Whether the command starts and succeeds; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok()
}

fn cannot_start(command: &Command, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot start `{}`: {error}", command.get_program().display()))
}

/// The command as one would type it: the program without its folder, scripts left out.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| shorten(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn shorten(word: &str) -> String {
    match word {
        script if script.contains('\n') => "'…'".to_owned(),
        words if words.contains(' ') => format!("'{words}'"),
        word => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_reported_with_its_words_and_the_hint() {
        let Err(failure) = run(Command::new("sh").args(["-c", "exit 3"]), "install it") else {
            panic!("must fail")
        };
        assert_eq!(failure.to_string(), "`sh -c 'exit 3'` ended with exit status: 3\nhint: install it");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = run(&mut Command::new("no-such-program-here"), "").unwrap_err();
        assert!(failure.to_string().starts_with("cannot start `no-such-program-here`"), "{failure}");
    }
}
