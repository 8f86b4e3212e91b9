//! The state folder: where SQLite may live, and who leads there.

use crate::store::{Result, StoreError};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::linux::fs::MetadataExt,
    path::{Path, PathBuf},
};

const DATABASE: &str = "tombola.db";
const LOG: &str = "tombola.db-wal";
const LOCK: &str = "tombola.lock";

/// A folder on a file system that keeps a write-ahead log safe.
pub(super) struct Folder {
    path: PathBuf,
}

/// The leadership of a folder. The kernel gives it up with the process that holds it, however that ends.
pub(super) struct Lock {
    _file: File,
}

impl Folder {
    /// Makes the folder if it is missing.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::open_on(&Machine, path)
    }

    fn open_on(mounts: &impl Mounts, path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        fs::create_dir_all(path).map_err(|error| folder.fault(&error))?;
        match carried_by(mounts, path).map_err(|error| folder.fault(&error))? {
            Some(kind) => Err(StoreError::Network { place: folder.place(), kind }),
            None => Ok(folder),
        }
    }

    /// For messages.
    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Length of the write-ahead log.
    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(self.path.join(LOG)).map_or(0, |log| log.len())
    }

    /// Takes the leadership.
    ///
    /// # Errors
    /// [`StoreError::Held`], naming the process that has it.
    pub(super) fn lock(&self) -> Result<Lock> {
        let fault = |error: io::Error| self.fault(&error);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path.join(LOCK))
            .map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { place: self.place(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(fault)?;
        writeln!(file, "{}", std::process::id()).map_err(fault)?;
        Ok(Lock { _file: file })
    }

    fn fault(&self, error: &io::Error) -> StoreError {
        let place = self.place();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly { place }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { place },
            _ => StoreError::Unavailable { place, why: error.to_string() },
        }
    }
}

/// The kind of network file system that holds `path`; `None` for a local one.
///
/// # Errors
/// Where there is no such file.
pub(crate) fn network_file_system(path: &Path) -> io::Result<Option<String>> {
    carried_by(&Machine, path)
}

fn carried_by(mounts: &impl Mounts, path: &Path) -> io::Result<Option<String>> {
    Ok(network(mounts.magic(path)?, || mounted_as(mounts, path)))
}

/// What the system says of file systems.
trait Mounts {
    /// The magic number of the one that holds `path`.
    fn magic(&self, path: &Path) -> io::Result<u64>;
    /// All of them, in the form of proc(5)'s `mountinfo`.
    fn table(&self) -> io::Result<String>;
}

struct Machine;

impl Mounts for Machine {
    fn magic(&self, path: &Path) -> io::Result<u64> {
        Ok(rustix::fs::statfs(path)?.f_type as u64)
    }

    fn table(&self) -> io::Result<String> {
        fs::read_to_string("/proc/self/mountinfo")
    }
}

/// ` (process 1234)`, or nothing while the holder is still writing its number.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!(" (process {process})"),
        _ => String::new(),
    }
}

/// Network file systems by the kernel's magic number (statfs(2), linux/magic.h, and the projects' own sources).
const NETWORK: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0xAAD7_AAEA, "PanFS"),
    (0x2003_0528, "OrangeFS"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564C, "NCP"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
];
const FUSE: u64 = 0x6573_5546;
/// What a FUSE mount calls itself when its files are on another machine. Most others are local (gocryptfs, mergerfs).
const NETWORK_FUSE: &[&str] = &[
    "sshfs",
    "s3fs",
    "glusterfs",
    "gcsfuse",
    "goofys",
    "juicefs",
    "ceph-fuse",
    "rclone",
    "davfs",
    "curlftpfs",
    "mfs",
    "moosefs",
    "lizardfs",
    "seaweedfs",
    "blobfuse",
    "blobfuse2",
    "cvmfs2",
    "fuse-nfs",
    "smbnetfs",
    "fuse_dfs",
];

/// The kind of network file system that has this magic number; `fuse` says what a FUSE mount calls itself.
fn network(magic: u64, fuse: impl FnOnce() -> Option<String>) -> Option<String> {
    // Some architectures sign-extend the number.
    let magic = magic & 0xFFFF_FFFF;
    if magic == FUSE {
        let name = fuse()?;
        let carried = name.strip_prefix("fuse.").unwrap_or(&name);
        return NETWORK_FUSE.contains(&carried).then_some(name);
    }
    NETWORK.iter().find(|(known, _)| *known == magic).map(|(_, kind)| (*kind).to_owned())
}

/// The type of the mount that holds `path`, such as `fuse.sshfs`.
fn mounted_as(mounts: &impl Mounts, path: &Path) -> Option<String> {
    let device = fs::metadata(path).ok()?.st_dev();
    mount_type(&mounts.table().ok()?, device)
}

/// The type of a device's mount; the table is proc(5)'s: `36 35 98:0 / /mnt rw - fuse.sshfs host: rw`.
fn mount_type(mounts: &str, device: u64) -> Option<String> {
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&device))?;
    let (_, source) = line.split_once(" - ")?;
    source.split(' ').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_fuse() -> Option<String> {
        panic!("only FUSE is asked for its name")
    }

    #[test]
    fn network_file_systems_are_known_by_their_magic() {
        for (magic, kind) in
            [(0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0x0102_1997, "9P"), (0x0BD0_0BD0, "Lustre")]
        {
            assert_eq!(network(magic, no_fuse).as_deref(), Some(kind));
        }
        assert_eq!(network(0xFFFF_FFFF_FF53_4D42, no_fuse).as_deref(), Some("CIFS"));
    }

    #[test]
    fn local_file_systems_pass() {
        let (ext4, xfs, btrfs, zfs, tmpfs, overlay) =
            (0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0x0102_1994, 0x794C_7630);
        for magic in [ext4, xfs, btrfs, zfs, tmpfs, overlay] {
            assert_eq!(network(magic, no_fuse), None);
        }
    }

    #[test]
    fn fuse_is_judged_by_what_it_carries() {
        let fuse = |name: &str| network(FUSE, || Some(name.to_owned()));
        assert_eq!(fuse("fuse.sshfs").as_deref(), Some("fuse.sshfs"));
        assert_eq!(fuse("fuse.glusterfs").as_deref(), Some("fuse.glusterfs"));
        assert_eq!(fuse("fuseblk"), None);
        assert_eq!(fuse("fuse.unionfs"), None);
    }

    /// A file system of this magic number; the table has every device as this type.
    struct Carries(u64, &'static str, u64);

    impl Mounts for Carries {
        fn magic(&self, _: &Path) -> io::Result<u64> {
            Ok(self.0)
        }

        fn table(&self) -> io::Result<String> {
            let (major, minor) = (rustix::fs::major(self.2), rustix::fs::minor(self.2));
            Ok(format!("40 22 {major}:{minor} / /mnt/lab rw - {} lab:/data rw\n", self.1))
        }
    }

    #[test]
    fn a_state_folder_on_a_network_file_system_is_refused_with_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let device = fs::metadata(folder.path()).unwrap().st_dev();
        let open = |magic, carried| Folder::open_on(&Carries(magic, carried, device), folder.path());
        for (magic, carried, kind) in [(0x6969, "nfs4", "NFS"), (FUSE, "fuse.sshfs", "fuse.sshfs")] {
            let refused = open(magic, carried).err().unwrap();
            assert!(
                matches!(&refused, StoreError::Network { kind: found, .. } if found == kind),
                "{refused}"
            );
            assert!(refused.to_string().contains("hint: use a local disk, or Postgres"), "{refused}");
        }
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was written there");
        assert!(open(FUSE, "fuse.gocryptfs").is_ok());
    }

    #[test]
    fn a_mount_is_found_by_its_device() {
        let mounts = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
                      40 22 0:52 / /mnt/lab rw,nosuid shared:7 - fuse.sshfs lab:/data rw,user_id=0\n";
        assert_eq!(mount_type(mounts, rustix::fs::makedev(0, 52)).as_deref(), Some("fuse.sshfs"));
        assert_eq!(mount_type(mounts, rustix::fs::makedev(254, 1)).as_deref(), Some("ext4"));
        assert_eq!(mount_type(mounts, rustix::fs::makedev(9, 9)), None);
    }

    #[test]
    fn faults_of_the_disk_are_recognized() {
        let folder = Folder { path: "state".into() };
        let fault = |kind: io::ErrorKind| folder.fault(&kind.into());
        assert!(matches!(fault(io::ErrorKind::StorageFull), StoreError::Full { .. }));
        assert!(matches!(fault(io::ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly { .. }));
        assert!(matches!(fault(io::ErrorKind::PermissionDenied), StoreError::ReadOnly { .. }));
        assert!(matches!(fault(io::ErrorKind::NotADirectory), StoreError::Unavailable { .. }));
    }
}
