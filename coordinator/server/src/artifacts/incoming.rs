//! Where uploads lie that have not been checked yet: a room of its own for each process, because standbys share the folder.

use std::{
    fs::{self, File},
    io,
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
        if is_nobodys(&room) {
            // Another process may be at the same.
            let _ = fs::remove_dir_all(room.path()).or_else(|_| fs::remove_file(room.path()));
        }
    }
    // One process may open it several times, as tests do.
    let name = (0..).map(|number| format!("{}.{}.{number}", host(), std::process::id()));
    for name in name {
        match fs::create_dir(incoming.join(&name)) {
            Ok(()) => {
                return Ok(Room { _held: hold(&incoming.join(&name)), key: format!("{INCOMING}/{name}") });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::QuotaExceeded.into())
}

/// Locks a room, where its file system has locks, and nobody holds it.
fn hold(room: &Path) -> Option<File> {
    let file = File::open(room).ok()?;
    file.try_lock().ok().map(|()| file)
}

/// Whether a room was left: of this machine, if its lock is free; of any other, if it was also idle for long.
fn is_nobodys(room: &fs::DirEntry) -> bool {
    let ours = room.file_name().to_string_lossy().starts_with(&format!("{}.", host()));
    let idle = room.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
    (ours || idle.is_some_and(|idle| idle > ABANDONED)) && hold(&room.path()).is_some()
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().replace(['/', '.'], "-")
}
