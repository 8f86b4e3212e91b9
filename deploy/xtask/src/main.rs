//! `cargo xtask`: set-up, tests, demo and benchmarks of this repository. A command is one file and one line in
//! [`COMMANDS`]. No dependencies: this crate must compile in a second on a machine that has nothing else yet.

#![forbid(unsafe_code)]

mod apt;
mod args;
mod bench;
mod chaos;
mod ci;
mod data;
mod demo;
mod fuzz;
mod gpu;
mod libtorch;
mod paths;
mod postgres;
mod python;
mod setup;
mod shell;
mod stopwatch;
mod test;
mod tools;
mod view;
mod wheels;

use std::process::ExitCode;

use args::Args;
use shell::{Failure, Result};

/// One command: its name, its line in the overview, its own help, and what it does.
struct Command {
    name: &'static str,
    about: &'static str,
    help: &'static str,
    run: fn(Args) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "setup",
        about: "Fetch and link what a build needs: libtorch, Fashion-MNIST",
        help: setup::HELP,
        run: setup::run,
    },
    Command {
        name: "demo",
        about: "Run the main job, sweep file to report, on two local workers",
        help: demo::HELP,
        run: demo::run,
    },
    Command {
        name: "test",
        about: "Run every test, with a throw-away Postgres and Python",
        help: test::HELP,
        run: test::run,
    },
    Command {
        name: "bench",
        about: "Run the benchmarks in release mode",
        help: bench::HELP,
        run: bench::run,
    },
    Command {
        name: "chaos",
        about: "Run a sweep while everything fails in turn, and compare",
        help: chaos::HELP,
        run: chaos::run,
    },
    Command {
        name: "fuzz",
        about: "Fuzz what comes from outside, for minutes or hours",
        help: fuzz::HELP,
        run: fuzz::run,
    },
    Command { name: "ci", about: "Check format and lints, then `test`", help: ci::HELP, run: ci::run },
];

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            shell::complain(&failure);
            failure.exit_code()
        }
    }
}

fn dispatch(mut words: Vec<String>) -> Result<()> {
    if words.is_empty() || is_help(&words[0]) {
        shell::say(&overview());
        return Ok(());
    }
    let name = words.remove(0);
    let command = COMMANDS.iter().find(|command| command.name == name).ok_or_else(|| unknown(&name))?;
    if words.iter().take_while(|word| *word != "--").any(|word| is_help(word)) {
        shell::say(command.help);
        return Ok(());
    }
    (command.run)(Args::new(command.name, words))
}

fn is_help(word: &str) -> bool {
    matches!(word, "-h" | "--help" | "help")
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    Failure::Usage(format!(
        "unknown command `{name}`\nhint: the commands are {}; `cargo xtask --help` says what each does",
        names.join(", ")
    ))
}

fn overview() -> String {
    let mut text = String::from("Usage: cargo xtask <COMMAND> [OPTIONS]\n\nCommands:\n");
    for command in COMMANDS {
        text += &format!("  {:<7}{}\n", command.name, command.about);
    }
    text += "\n`cargo xtask <COMMAND> --help` explains one. New here? `cargo xtask demo` sets everything up and\n\
             shows the whole product in a few minutes.\n\n\
             Exit codes: 0 done, 1 something failed, 2 the command line makes no sense.";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_names_the_known_ones() {
        let Err(Failure::Usage(message)) = dispatch(words("setpu")) else { panic!("must be refused") };
        assert!(message.contains("`setpu`") && message.contains("setup, demo, test"), "{message}");
    }

    #[test]
    fn an_unknown_flag_is_a_usage_error_in_every_command_with_flags_of_its_own() {
        for command in ["setup", "demo", "bench", "chaos", "ci"] {
            let Err(failure) = dispatch(words(&format!("{command} --frobnicate"))) else {
                panic!("`{command}` must refuse it")
            };
            assert!(matches!(failure, Failure::Usage(_)), "{command}");
        }
    }

    #[test]
    fn every_command_teaches_its_usage() {
        for command in COMMANDS {
            assert!(
                command.help.contains(&format!("Usage: cargo xtask {}", command.name)),
                "{}",
                command.name
            );
            assert!(overview().contains(command.about), "{}", command.name);
        }
    }
}
