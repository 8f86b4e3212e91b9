//! The Python environment of the tests: stock gRPC and safetensors, which prove that other people's clients work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::{Paths, key};
use crate::shell::{self, Result, at, report};
use crate::view::remove;

const REQUIREMENTS: &str = include_str!("../test-requirements.txt");

/// The environment's programs.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Made once per list of requirements; without its `complete` mark it is made again.
    pub(crate) fn ready(paths: &Paths) -> Result<Self> {
        let folder = paths.cache.join(format!("test-venv-{}", key(REQUIREMENTS)));
        let complete = folder.join("complete");
        let environment = Self { folder };
        if complete.exists() && shell::succeeds(Command::new(environment.program("python")).arg("--version"))
        {
            report("test Python", &format!("already there: {}", environment.folder.display()));
            return Ok(environment);
        }
        environment.make()?;
        at(&complete, fs::write(&complete, ""))?;
        report("test Python", &format!("made: {}", environment.folder.display()));
        Ok(environment)
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    fn make(&self) -> Result<()> {
        remove(&self.folder)?;
        let venv_hint = "`apt-get install python3-venv`";
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&self.folder), venv_hint)?;
        let requirements = Path::new(&self.folder).join("requirements.txt");
        at(&requirements, fs::write(&requirements, REQUIREMENTS))?;
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        shell::run(pip.arg(&requirements), "the network or pip's index may be at fault")
    }
}
