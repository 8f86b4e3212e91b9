//! Where uploads lie that have not been checked yet: a room of its own for each process, because standbys share the folder.

use std::{fs, io, path::Path, time::Duration};

/// Folder of the rooms.
const INCOMING: &str = "incoming";
/// A room nothing came to for so long is nobody's, whatever machine made it.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Removes what ended processes left unfinished, and makes a room for this one: its key.
pub(super) fn open(folder: &Path) -> io::Result<String> {
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
            Ok(()) => return Ok(format!("{INCOMING}/{name}")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::QuotaExceeded.into())
}

fn is_nobodys(room: &fs::DirEntry) -> bool {
    let name = room.file_name().to_string_lossy().into_owned();
    let process = name
        .strip_prefix(&format!("{}.", host()))
        .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    let ended = process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists());
    let idle = room.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
    ended || idle.is_some_and(|idle| idle > ABANDONED)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().replace(['/', '.'], "-")
}
