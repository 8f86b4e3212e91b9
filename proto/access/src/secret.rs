//! Files that hold secrets.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Writes a file that nobody else may read, not for a moment; a reader sees all of it or nothing.
///
/// # Errors
/// When it cannot be written.
pub fn write_secret(path: &Path, content: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    // One that was left behind may have other rights.
    let _ = fs::remove_file(&draft);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_its_owners_alone_whatever_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for left in [path.clone(), path.with_extension("new")] {
            fs::write(&left, "old").unwrap();
            fs::set_permissions(&left, fs::Permissions::from_mode(0o666)).unwrap();
        }
        write_secret(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!path.with_extension("new").exists());
    }
}
