//! A disk that can be filled, and a folder whose content can be taken away: file systems in memory, for which a test has to
//! be allowed to mount.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Room for the records, artifacts, caches and spools of a run of some 400 faults: 200 leave 220 MiB.
const SIZE: &str = "size=512m";

/// A file system of this test alone.
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts one, where that is allowed.
    pub(crate) fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        mount(path, SIZE).then(|| Self { path: path.to_owned() })
    }

    /// Leaves no room, until [`Disk::free`].
    pub(crate) fn fill(&self) {
        let ballast = fs::File::create(self.path.join("ballast")).unwrap();
        let zeros = vec![0; 1 << 20];
        // Until it is full, and then the last pages.
        while std::io::Write::write_all(&mut &ballast, &zeros).is_ok() {}
        while std::io::Write::write_all(&mut &ballast, &zeros[..512]).is_ok() {}
    }

    pub(crate) fn free(&self) {
        fs::remove_file(self.path.join("ballast")).unwrap();
    }

    /// Puts an empty, read-only file system before a folder: what was in it is not there, and nothing can be written.
    pub(crate) fn hide(folder: &Path) {
        assert!(mount(folder, "ro,size=4k"));
    }

    pub(crate) fn show(folder: &Path) {
        unmount(folder);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}

fn mount(path: &Path, options: &str) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

fn unmount(path: &Path) {
    // Lazily: whoever has a file open there keeps it.
    let _ = Command::new("umount").arg("-l").arg(path).stderr(Stdio::null()).status();
}
