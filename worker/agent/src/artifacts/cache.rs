//! Artifacts on this worker's disk: one file each, named by digest, the least recently used removed first. No network.

use crate::{
    disk,
    error::{AgentError, Result},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};
use tempfile::{NamedTempFile, TempPath};
use tombola_spec::{Digest, outcome::Artifact};

/// The files and what is known of them.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Bytes beyond which what nobody needs is removed.
    bound: u64,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    entries: BTreeMap<Digest, Entry>,
    bytes: u64,
    /// Counts uses.
    clock: u64,
    /// The clock when it was last asked for room. Whatever was used since may not be known to be needed yet.
    asked: u64,
    /// Files are being removed.
    trimming: bool,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl Cache {
    /// The artifacts in `folder`, made if missing. What an earlier process did not finish is removed.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(super) fn open(folder: PathBuf, bound: u64) -> Result<Self> {
        let incoming = folder.join("incoming");
        if incoming.exists() {
            fs::remove_dir_all(&incoming).map_err(AgentError::file(&incoming))?;
        }
        disk::make_folder(&folder).map_err(AgentError::file(&folder))?;
        fs::create_dir(&incoming).map_err(AgentError::file(&incoming))?;
        let mut found = scan(&folder).map_err(AgentError::file(&folder))?;
        found.sort_by_key(|(_, _, modified)| *modified);
        let mut index = Index::default();
        found.into_iter().for_each(|(digest, bytes, _)| index.put(digest, bytes));
        Ok(Self { folder, bound, index: Mutex::new(index) })
    }

    /// The file of an artifact that is here, whole.
    pub(super) fn get(&self, artifact: &Artifact) -> Option<PathBuf> {
        let mut index = self.lock();
        let path = self.path(&artifact.digest);
        let length =
            index.entries.get(&artifact.digest).and_then(|_| fs::metadata(&path).ok()).map(|m| m.len());
        if length == Some(artifact.bytes) {
            index.put(artifact.digest, artifact.bytes);
            return Some(path);
        }
        // A file that somebody cut short or removed is no artifact any more.
        index.remove(&artifact.digest);
        None
    }

    /// An empty file to be filled and given to [`Cache::keep`].
    pub(super) fn incoming(&self) -> Result<NamedTempFile> {
        let incoming = self.folder.join("incoming");
        NamedTempFile::new_in(&incoming).map_err(AgentError::file(incoming))
    }

    /// Takes in a file whose bytes have been checked against their name and are on disk.
    pub(super) fn keep(&self, file: TempPath, artifact: Artifact) -> Result<PathBuf> {
        let path = self.path(&artifact.digest);
        let folder = path.parent().unwrap_or(&self.folder);
        disk::make_folder(folder).map_err(AgentError::file(folder))?;
        file.persist(&path).map_err(|error| AgentError::file(&path)(error.error))?;
        disk::sync_folder(folder).map_err(AgentError::file(folder))?;
        self.lock().put(artifact.digest, artifact.bytes);
        Ok(path)
    }

    /// Takes in a file an engine wrote, under the digest of its bytes. Whoever wrote it may replace it afterwards, as
    /// long as that is done by renaming.
    pub(super) fn admit(&self, file: &Path) -> Result<Artifact> {
        // The name is reserved by a file, which the link then replaces.
        let ours = self.incoming()?.into_temp_path();
        fs::remove_file(&ours).map_err(AgentError::file(ours.to_path_buf()))?;
        // An engine's file is on disk when the engine speaks of it, a copy is not yet.
        if fs::hard_link(file, &ours).is_err() {
            fs::copy(file, &ours)
                .and_then(|_| File::open(&ours)?.sync_all())
                .map_err(AgentError::file(file))?;
        }
        let artifact = Artifact {
            digest: digest_of(&ours)?,
            bytes: fs::metadata(&ours).map_err(AgentError::file(file))?.len(),
        };
        if self.get(&artifact).is_none() {
            self.keep(ours, artifact)?;
        }
        Ok(artifact)
    }

    /// Removes a file that is not what its name says.
    pub(super) fn forget(&self, digest: &Digest) {
        self.lock().remove(digest);
        // What cannot be removed is overwritten when it comes again.
        let _ = fs::remove_file(self.path(digest));
    }

    /// Whether there is too much, and if so, up to which use files may go: those used later may be needed by what the
    /// caller does not know yet. [`Cache::trim`] is to follow.
    pub(super) fn too_much(&self) -> Option<u64> {
        let mut index = self.lock();
        let now = index.clock;
        let safe_from = std::mem::replace(&mut index.asked, now);
        let begins = index.bytes > self.bound && !index.trimming;
        index.trimming |= begins;
        begins.then_some(safe_from)
    }

    /// Removes what was not used since `safe_from`, the least recently used first, except what is needed, until the bound
    /// holds.
    pub(super) fn trim(&self, safe_from: u64, needed: &BTreeSet<Digest>) {
        let idle = |(digest, entry): &(&Digest, &Entry)| entry.used <= safe_from && !needed.contains(digest);
        let mut doomed: Vec<_> = {
            let index = self.lock();
            index.entries.iter().filter(idle).map(|(digest, entry)| (entry.used, *digest)).collect()
        };
        doomed.sort_unstable();
        // A lock a file, so that whoever wants another file waits no longer than one takes to be removed.
        doomed.into_iter().map_while(|(used, digest)| self.remove_idle(used, digest)).for_each(drop);
        self.lock().trimming = false;
    }

    /// Removes a file unless it was used again; `None` once the bound holds.
    fn remove_idle(&self, used: u64, digest: Digest) -> Option<()> {
        let mut index = self.lock();
        if index.bytes <= self.bound {
            return None;
        }
        if index.entries.get(&digest).is_some_and(|entry| entry.used == used) {
            index.remove(&digest);
            // A file that cannot be removed is found again at the next start.
            let _ = fs::remove_file(self.path(&digest));
        }
        Some(())
    }

    /// `ab/abcdef…`: folders stay small.
    fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(&name[..2]).join(name)
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        // The index is a memory of what the disk holds: where they differ, the disk is believed.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn put(&mut self, digest: Digest, bytes: u64) {
        self.clock += 1;
        self.bytes += bytes;
        if let Some(old) = self.entries.insert(digest, Entry { bytes, used: self.clock }) {
            self.bytes -= old.bytes;
        }
    }

    fn remove(&mut self, digest: &Digest) {
        if let Some(old) = self.entries.remove(digest) {
            self.bytes -= old.bytes;
        }
    }
}

/// The digest of a file's bytes.
pub(super) fn digest_of(file: &Path) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    File::open(file)
        .and_then(|open| io::copy(&mut io::BufReader::with_capacity(1 << 18, open), &mut hasher))
        .map_err(AgentError::file(file))?;
    Ok(Digest(*hasher.finalize().as_bytes()))
}

fn scan(folder: &Path) -> io::Result<Vec<(Digest, u64, SystemTime)>> {
    let mut found = Vec::new();
    for group in fs::read_dir(folder)?.flatten().filter(|group| group.file_name().len() == 2) {
        for file in fs::read_dir(group.path())?.flatten() {
            let digest = file.file_name().to_str().and_then(|name| name.parse().ok());
            if let (Some(digest), Ok(metadata)) = (digest, file.metadata()) {
                let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                found.push((digest, metadata.len(), modified));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rig {
        folder: tempfile::TempDir,
        cache: Cache,
    }

    impl Rig {
        fn new(bound: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::open(folder.path().join("artifacts"), bound).unwrap();
            Self { folder, cache }
        }

        fn admit(&self, bytes: &[u8]) -> Artifact {
            let file = self.folder.path().join("output");
            // As engines write: a new file under the old name.
            fs::write(self.folder.path().join("fresh"), bytes).unwrap();
            fs::rename(self.folder.path().join("fresh"), &file).unwrap();
            self.cache.admit(&file).unwrap()
        }

        fn trim(&self, needed: &[Digest]) {
            if let Some(safe_from) = self.cache.too_much() {
                self.cache.trim(safe_from, &needed.iter().copied().collect());
            }
        }

        fn has(&self, artifact: &Artifact) -> bool {
            self.cache.get(artifact).is_some()
        }
    }

    #[test]
    fn a_file_is_taken_in_under_its_digest_and_stays_when_the_engine_writes_the_next() {
        let rig = Rig::new(1 << 20);
        let first = rig.admit(b"checkpoint at 100");
        let second = rig.admit(b"checkpoint at 200");
        assert_eq!(first, Artifact { digest: Digest::of(b"checkpoint at 100"), bytes: 17 });
        assert_eq!(fs::read(rig.cache.get(&first).unwrap()).unwrap(), b"checkpoint at 100");
        assert!(rig.has(&second));
        assert_eq!(fs::read_dir(rig.folder.path().join("artifacts/incoming")).unwrap().count(), 0);
    }

    #[test]
    fn artifacts_survive_a_restart_and_cut_ones_do_not_count() {
        let rig = Rig::new(1 << 20);
        let (whole, cut) = (rig.admit(b"whole"), rig.admit(b"cut short"));
        fs::write(rig.cache.path(&cut.digest), b"cut").unwrap();
        let folder = rig.folder.path().join("artifacts");
        fs::write(folder.join("incoming/half"), b"half").unwrap();
        let cache = Cache::open(folder.clone(), 1 << 20).unwrap();
        assert!(cache.get(&whole).is_some() && cache.get(&cut).is_none());
        assert!(!folder.join("incoming/half").exists());
    }

    #[test]
    fn the_least_recently_used_go_first_and_the_needed_never() {
        let rig = Rig::new(20);
        let [a, b, c, d] =
            ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"].map(|text| rig.admit(text.as_bytes()));
        rig.trim(&[a.digest]);
        assert!([a, b, c, d].iter().all(|artifact| rig.has(artifact)), "what is fresh is spared once");
        rig.trim(&[]);
        assert!(rig.has(&b));
        rig.trim(&[a.digest]);
        rig.trim(&[a.digest]);
        assert!(rig.has(&a) && rig.has(&b) && !rig.has(&c) && !rig.has(&d));
    }

    /// Room is made beside other work, which may want a file again meanwhile.
    #[test]
    fn a_file_that_is_used_after_room_was_asked_for_stays() {
        let rig = Rig::new(10);
        let [a, b] = ["aaaaaaaaaa", "bbbbbbbbbb"].map(|text| rig.admit(text.as_bytes()));
        rig.trim(&[]);
        let safe_from = rig.cache.too_much().unwrap();
        assert_eq!(rig.cache.too_much(), None, "one at a time");
        assert!(rig.has(&a));
        rig.cache.trim(safe_from, &BTreeSet::new());
        assert!(rig.has(&a) && !rig.has(&b));
    }
}
