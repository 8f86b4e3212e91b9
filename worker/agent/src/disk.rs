//! Names that survive a power loss. A file's bytes are synced before it is renamed, its folder after: a name that was
//! given is there after the power is back, and whole.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::Path,
};

/// Waits until the names in a folder are on disk.
///
/// # Errors
/// When the disk is broken.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder in one that exists, unless it is there.
///
/// # Errors
/// When the disk is full or broken.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Replaces a file by what `write` writes: whatever happens, the old one is there or the new one, whole. Returns the new
/// one, open for writing at its end.
///
/// # Errors
/// When the disk is full or broken; the old file stays.
pub(crate) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<(File, T)> {
    let mut name = OsString::from(path);
    name.push(".new");
    let fresh = Path::new(&name);
    let replaced = File::create(fresh).and_then(|mut file| {
        let written = write(&mut file)?;
        file.sync_all()?;
        fs::rename(fresh, path)?;
        Ok((file, written))
    });
    if replaced.is_err() {
        // Half a file is of no use and may be what fills the disk; failing to remove it changes nothing.
        let _ = fs::remove_file(fresh);
    }
    let replaced = replaced?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("worker");
        replace(&path, |file| file.write_all(b"first")).unwrap();
        let (mut file, ()) = replace(&path, |file| file.write_all(b"second")).unwrap();
        file.write_all(b" and more").unwrap();
        let broken = replace(&path, |file| {
            file.write_all(b"half")?;
            Err::<(), _>(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "second and more");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_made_once() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("ab");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        assert!(folder.is_dir());
        assert!(make_folder(&home.path().join("no/where")).is_err());
    }
}
