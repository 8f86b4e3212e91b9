//! The words after a command's name. Parsing has no effects and fails only with a usage error.

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::shell::{Failure, Result};

/// The words that are left, taken from the front.
pub(crate) struct Args {
    command: &'static str,
    words: VecDeque<String>,
}

impl Args {
    pub(crate) fn new(command: &'static str, words: Vec<String>) -> Self {
        Self { command, words: words.into() }
    }

    /// The next flag or word; `--flag=value` arrives as two.
    pub(crate) fn next(&mut self) -> Option<String> {
        let word = self.words.pop_front()?;
        match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => {
                self.words.push_front(value.to_owned());
                Some(flag.to_owned())
            }
            _ => Some(word),
        }
    }

    /// All words, for a command that passes them on.
    pub(crate) fn into_rest(self) -> Vec<String> {
        self.words.into()
    }

    /// The value that must follow `flag`.
    pub(crate) fn value(&mut self, flag: &str, what: &str) -> Result<String> {
        match self.words.pop_front() {
            Some(word) if !word.starts_with("--") => Ok(word),
            _ => Err(Failure::Usage(format!("`{flag}` needs {what}, as in `{flag} {}`", what_to_word(what)))),
        }
    }

    /// The folder that must follow `flag`, made absolute: commands run in the repository, not where the user stands.
    pub(crate) fn folder(&mut self, flag: &str) -> Result<PathBuf> {
        Ok(std::path::absolute(self.value(flag, "a folder")?)?)
    }

    /// The complaint about a word that no option of this command matches.
    pub(crate) fn unknown(&self, word: &str) -> Failure {
        let kind = if word.starts_with('-') { "option" } else { "argument" };
        Failure::Usage(format!(
            "unknown {kind} `{word}` for `{command}`\nhint: `cargo xtask {command} --help` lists what there is",
            command = self.command
        ))
    }
}

fn what_to_word(what: &str) -> &str {
    match what {
        "a folder" => "DIR",
        "a number" => "3000",
        _ => "VALUE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new("demo", line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_value_may_follow_its_flag_or_an_equals_sign() {
        for line in ["--steps 300", "--steps=300"] {
            let mut args = args(line);
            assert_eq!(args.next().as_deref(), Some("--steps"));
            assert_eq!(args.value("--steps", "a number").unwrap(), "300");
            assert_eq!(args.next(), None);
        }
    }

    #[test]
    fn a_flag_is_never_taken_for_the_value_of_another() {
        let mut args = args("--data --fresh");
        args.next();
        let Err(Failure::Usage(message)) = args.value("--data", "a folder") else {
            panic!("must be refused")
        };
        assert_eq!(message, "`--data` needs a folder, as in `--data DIR`");
    }
}
