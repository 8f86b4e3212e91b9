//! Where uploads lie that have not been checked yet: a room of its own for each process, because standbys share the folder.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

/// Folder of the rooms.
const INCOMING: &str = "incoming";
/// A room nothing came to for so long is nobody's, whatever machine made it.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A room of this process, while it lives.
#[derive(Debug)]
pub(super) struct Room {
    /// Its key.
    pub(super) key: String,
    /// Locked: the kernel tells other processes on this machine that it is somebody's.
    _held: Option<File>,
}

/// Removes what ended processes left unfinished, and makes a room for this one.
pub(super) fn open(folder: &Path) -> io::Result<Room> {
    let incoming = folder.join(INCOMING);
    fs::create_dir_all(&incoming)?;
    for room in fs::read_dir(&incoming)?.filter_map(Result::ok) {
        // Locked until it is gone: whoever has just made it and comes too late for its lock makes another.
        if let Some(_held) = left(&room) {
            let _ = fs::remove_dir_all(room.path()).or_else(|_| fs::remove_file(room.path()));
        }
    }
    // One process may open it several times, as tests do.
    let name = (0..).map(|number| format!("{}.{}.{number}", host(), std::process::id()));
    for name in name {
        let room = incoming.join(&name);
        match fs::create_dir(&room) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        if let Some(held) = take(&room)? {
            return Ok(Room { _held: held, key: format!("{INCOMING}/{name}") });
        }
    }
    Err(io::ErrorKind::QuotaExceeded.into())
}

/// Locks a room, if its file system has locks. `None`: it is somebody's, or gone, and what lies there is another.
fn take(room: &Path) -> io::Result<Option<Option<File>>> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) };
    let file = match File::open(room) {
        Ok(file) => file,
        Err(error) => return gone(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(_)) => return Ok(Some(None)),
    }
    let held = file.metadata()?.ino();
    match fs::metadata(room) {
        Ok(there) => Ok((there.ino() == held).then_some(Some(file))),
        Err(error) => gone(error),
    }
}

/// The lock of a room that was left: of this machine, if its lock is free; of any other, if it was also idle for long.
fn left(room: &fs::DirEntry) -> Option<File> {
    let ours = room.file_name().to_string_lossy().starts_with(&format!("{}.", host()));
    let idle = room.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
    if !ours && idle.is_none_or(|idle| idle <= ABANDONED) {
        return None;
    }
    take(&room.path()).ok().flatten().flatten()
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().replace(['/', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one process takes for left, another may just have made.
    #[test]
    fn no_room_is_cleared_away_under_whoever_has_just_made_it() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let room = open(folder.path()).unwrap();
                        std::thread::yield_now();
                        assert!(folder.path().join(&room.key).is_dir(), "{} is gone", room.key);
                    }
                });
            }
        });
    }
}
