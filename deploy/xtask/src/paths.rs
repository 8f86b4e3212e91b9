//! Where things are: the repository, the per-user cache and data folders. Nothing here touches the disk but the lock.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, Result, at};

/// The folders that set-up reads and writes.
pub(crate) struct Paths {
    /// The checkout this xtask was started in.
    pub(crate) repo: PathBuf,
    /// `~/.cache/tombola`: what can be fetched again.
    pub(crate) cache: PathBuf,
    /// `~/.local/share/tombola/data`: data sets, one folder each; the worker's default.
    pub(crate) data: PathBuf,
}

impl Paths {
    pub(crate) fn new() -> Result<Self> {
        let crate_dir =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let repo = Path::new(&crate_dir).ancestors().nth(2).map(Path::to_path_buf);
        let repo = repo.ok_or_else(|| Failure::Failed("xtask must be run by `cargo xtask`".into()))?;
        Ok(Self {
            repo,
            cache: base("XDG_CACHE_HOME", ".cache")?.join("tombola"),
            data: base("XDG_DATA_HOME", ".local/share")?.join("tombola/data"),
        })
    }

    /// The git-ignored link that `.cargo/config.toml` names as `LIBTORCH`.
    pub(crate) fn libtorch_link(&self) -> PathBuf {
        self.repo.join(".libtorch")
    }

    /// Cargo, in the repository, building against the link whatever `LIBTORCH` the shell has: the link leads to a
    /// view without CUDA, and the worker must not be linked against CUDA.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.repo).env("LIBTORCH", self.libtorch_link());
        cargo
    }

    /// Held while set-up works: two set-ups at once would download and unpack over each other.
    pub(crate) fn lock(&self) -> Result<File> {
        at(&self.cache, fs::create_dir_all(&self.cache))?;
        let path = self.cache.join("setup.lock");
        let file = at(&path, File::create(&path))?;
        at(&path, file.lock())?;
        Ok(file)
    }

    /// The folder cargo builds into: this very binary lies in one of its profiles.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let exe = env::current_exe()?;
        let target = exe.ancestors().nth(2).map(Path::to_path_buf);
        target.ok_or_else(|| Failure::Failed(format!("`{}` is in no target folder", exe.display())))
    }
}

/// A base folder of the XDG specification: relative values are to be ignored.
fn base(variable: &str, below_home: &str) -> Result<PathBuf> {
    match env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok(path),
        _ => match env::var_os("HOME") {
            Some(home) if !home.is_empty() => Ok(Path::new(&home).join(below_home)),
            _ => Err(Failure::Failed(format!("neither `{variable}` nor `HOME` is set\nhint: set `HOME`"))),
        },
    }
}

/// A short stable name for a text (FNV-1a, 64 bits); `DefaultHasher` may change between Rust releases.
pub(crate) fn key(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_published_fnv_values() {
        assert_eq!(key(""), "cbf29ce484222325");
        assert_eq!(key("foobar"), "85944171f73967e8");
    }
}
