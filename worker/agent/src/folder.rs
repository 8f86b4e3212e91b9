//! A worker's folder: one worker at a time, its identity, and where everything else lies.

use crate::{
    disk,
    error::{AgentError, Result},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

/// The note of a process that left with work in hand.
const LEFT: &str = "left";

/// A folder this process alone works in, until dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Holds the lock; the kernel lets go of it when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, locks it, and removes what engines of an earlier process left unfinished.
    ///
    /// # Errors
    /// When it cannot be written to, or another worker works in it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(AgentError::file(path))?;
        let path = path.canonicalize().map_err(AgentError::file(path))?;
        let lock_file = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_file);
        let lock = lock.map_err(AgentError::file(&lock_file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AgentError::FolderInUse(path)),
            Err(TryLockError::Error(error)) => return Err(AgentError::file(&lock_file)(error)),
        }
        let folder = Self { path, _lock: lock };
        let slots = folder.path.join("slots");
        match fs::remove_dir_all(&slots) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(AgentError::file(&slots)(error))
            }
            _ => Ok(folder),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder for the stages of a slot.
    pub(crate) fn slot(&self, slot: usize) -> PathBuf {
        self.path.join("slots").join(slot.to_string())
    }

    /// Notes that this process leaves because it was asked to, with work in hand.
    pub(crate) fn note_leaving(&self) {
        // Without the note its jobs count a loss, of which it takes several to matter.
        let _ = fs::write(self.path.join(LEFT), "");
    }

    /// Whether the process before left because it was asked to; the note is gone afterwards.
    pub(crate) fn was_left(&self) -> bool {
        fs::remove_file(self.path.join(LEFT)).is_ok()
    }

    /// How often a worker was started in this folder, this time included; `None` if that cannot be kept.
    pub(crate) fn count_start(&self) -> Option<u64> {
        let path = self.path.join("starts");
        let before: u64 =
            fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let starts = before.saturating_add(1);
        match disk::replace(&path, |file| writeln!(file, "{starts}")) {
            Ok(_) => Some(starts),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "worker.starts: not counted; links are not numbered");
                None
            }
        }
    }

    /// The identity given by a coordinator to an earlier process. One that cannot be read is none.
    pub(crate) fn identity(&self) -> Option<String> {
        let text = fs::read_to_string(self.path.join("worker")).ok()?;
        Some(text.trim().to_owned()).filter(|identity| !identity.is_empty())
    }

    /// Keeps an identity for the next process.
    ///
    /// # Errors
    /// When the disk is full or broken; the old identity stays.
    pub(crate) fn remember(&self, worker: &str) -> Result<()> {
        let path = self.path.join("worker");
        disk::replace(&path, |file| writeln!(file, "{worker}")).map_err(AgentError::file(&path))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_one_worker_and_keeps_its_identity() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("workers/one");
        let folder = Folder::open(&path).unwrap();
        assert_eq!(folder.identity(), None);
        folder.remember("w7@lab").unwrap();
        assert_eq!(folder.count_start(), Some(1));
        fs::create_dir_all(folder.slot(0).join("3")).unwrap();

        let error = Folder::open(&path).unwrap_err().to_string();
        assert!(error.contains("another worker runs in") && error.contains("--dir"), "{error}");

        drop(folder);
        let folder = Folder::open(&path).unwrap();
        assert_eq!(folder.identity().as_deref(), Some("w7@lab"));
        assert_eq!(folder.count_start(), Some(2));
        assert!(!folder.slot(0).exists(), "unfinished stages of a dead engine are of no use");
    }

    #[test]
    fn a_folder_that_cannot_be_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Folder::open(&file).unwrap_err().to_string();
        assert!(error.contains("file") && error.contains("--dir"), "{error}");
    }
}
