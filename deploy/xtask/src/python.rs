//! Python environments: of the tests, stock gRPC and safetensors, which prove that other people's clients work; and one with
//! PyTorch, to load tickets into torchvision's networks and to compare speeds with.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::{Paths, key};
use crate::shell::{self, Result, at, report};
use crate::view::remove;

/// What an environment is called, and what is installed there.
pub(crate) struct Needs {
    name: &'static str,
    requirements: &'static str,
}

/// What all tests need.
pub(crate) const TESTS: Needs =
    Needs { name: "test", requirements: include_str!("../test-requirements.txt") };

/// PyTorch: some gigabytes, so only where it is asked for.
const TORCH: Needs = Needs { name: "torch", requirements: include_str!("../torch-requirements.txt") };

/// Where tests and benchmarks find a Python that has PyTorch and torchvision.
pub(crate) const TORCH_PYTHON: &str = "TOMBOLA_TEST_TORCH";

/// That Python: the one named already, else one of an environment of our own.
pub(crate) fn with_torch(paths: &Paths) -> Result<PathBuf> {
    match env::var_os(TORCH_PYTHON).filter(|named| !named.is_empty()) {
        Some(named) => Ok(PathBuf::from(named)),
        None => Ok(Environment::ready(paths, &TORCH)?.program("python")),
    }
}

/// The environment's programs.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Made once per list of requirements; without its `complete` mark it is made again.
    pub(crate) fn ready(paths: &Paths, needs: &Needs) -> Result<Self> {
        let Needs { name, requirements } = needs;
        let folder = paths.cache.join(format!("{name}-venv-{}", key(requirements)));
        let complete = folder.join("complete");
        let environment = Self { folder };
        if complete.exists() && shell::succeeds(Command::new(environment.program("python")).arg("--version"))
        {
            report(&format!("{name} Python"), &format!("already there: {}", environment.folder.display()));
            return Ok(environment);
        }
        environment.make(requirements)?;
        at(&complete, fs::write(&complete, ""))?;
        report(&format!("{name} Python"), &format!("made: {}", environment.folder.display()));
        Ok(environment)
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    fn make(&self, requirements: &str) -> Result<()> {
        remove(&self.folder)?;
        let venv_hint = "`apt-get install python3-venv`";
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&self.folder), venv_hint)?;
        let list = Path::new(&self.folder).join("requirements.txt");
        at(&list, fs::write(&list, requirements))?;
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        shell::run(pip.arg(&list), "the network or pip's index may be at fault")
    }
}
