//! The programs that cannot be fetched into a cache: each missing one is named with the command that installs it,
//! all at once.

use std::env;
use std::process::Command;

use crate::shell::{self, Result};

/// A program this repository needs, how to see that it is there, and how to get it.
pub(crate) struct Tool {
    name: &'static str,
    why: &'static str,
    install: &'static str,
    present: fn() -> bool,
}

/// Compiles tch's C++ part.
pub(crate) const CXX: Tool = Tool {
    name: "a C++ compiler",
    why: "compiles the binding to libtorch",
    install: "apt-get install g++",
    present: || {
        let chosen = env::var_os("CXX").unwrap_or_else(|| "c++".into());
        shell::succeeds(Command::new(chosen).arg("--version"))
    },
};

/// Builds the coordinator's allocator.
pub(crate) const MAKE: Tool = Tool {
    name: "make",
    why: "builds the coordinator's allocator",
    install: "apt-get install make",
    present: || shell::succeeds(Command::new("make").arg("--version")),
};

/// Runs the small scripts of the set-up.
pub(crate) const PYTHON: Tool = Tool {
    name: "python3",
    why: "fetches and unpacks libtorch and the data",
    install: "apt-get install python3",
    present: || shell::succeeds(Command::new("python3").arg("--version")),
};

/// Downloads libtorch's wheels.
pub(crate) const PIP: Tool = Tool {
    name: "pip",
    why: "downloads libtorch",
    install: "apt-get install python3-pip",
    present: || shell::succeeds(Command::new("python3").args(["-m", "pip", "--version"])),
};

/// Makes the Python environment of the tests.
pub(crate) const VENV: Tool = Tool {
    name: "python3's venv",
    why: "holds the Python packages of the tests",
    install: "apt-get install python3-venv",
    present: || shell::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
};

/// The database server of the tests; where packages can be installed without asking, it is, later.
pub(crate) const POSTGRES: Tool = Tool {
    name: "PostgreSQL's server",
    why: "the tests start a throw-away one",
    install: "apt-get install postgresql",
    present: || crate::postgres::server_folder().is_some() || crate::apt::can_install(),
};

/// Fails with the list of the tools that are not there.
pub(crate) fn require(tools: &[&Tool]) -> Result<()> {
    let missing: Vec<&&Tool> = tools.iter().filter(|tool| !(tool.present)()).collect();
    if missing.is_empty() { Ok(()) } else { shell::fail(complaint(&missing)) }
}

fn complaint(missing: &[&&Tool]) -> String {
    let mut text = String::from("this machine lacks:");
    for tool in missing {
        text += &format!("\n  {:<20} {} (install: `{}`)", tool.name, tool.why, tool.install);
    }
    text
}

/// Whether the test runner is there; without it `cargo test` has to do.
pub(crate) fn has_nextest() -> bool {
    shell::succeeds(Command::new("cargo").args(["nextest", "--version"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: Tool =
        Tool { name: "frob", why: "frobs", install: "apt-get install frob", present: || false };
    const PRESENT: Tool = Tool { name: "sh", why: "runs", install: "", present: || true };

    #[test]
    fn all_missing_tools_are_named_at_once_with_their_commands() {
        let failure = require(&[&ABSENT, &PRESENT, &ABSENT]).unwrap_err().to_string();
        assert_eq!(failure.matches("apt-get install frob").count(), 2, "{failure}");
        assert!(!failure.contains("runs"), "{failure}");
    }

    #[test]
    fn nothing_is_said_where_nothing_is_missing() {
        assert!(require(&[&PRESENT]).is_ok());
    }
}
