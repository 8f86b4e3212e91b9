//! What keeps a collector and the readers of whole states apart, when they are processes of their own: a lock file in the
//! artifact folder. The kernel gives the lock up with the process that has it, however that ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
};

const FILE: &str = "collect.lock";

/// While it lives, nothing is collected, or nobody reads a whole state.
#[derive(Debug)]
pub(crate) struct Hold {
    _file: File,
}

impl Hold {
    /// Nothing is collected while it lives. Waits for a collector that is at it, a moment.
    pub(super) fn share(folder: &Path) -> io::Result<Self> {
        let file = open(folder)?;
        file.lock_shared()?;
        Ok(Self { _file: file })
    }

    /// For the collector; `None` while somebody reads.
    pub(super) fn alone(folder: &Path) -> io::Result<Option<Self>> {
        let file = open(folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(FILE))
}
