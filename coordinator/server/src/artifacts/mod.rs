//! Bytes named by their BLAKE3 digest. Nothing is visible under a digest before its bytes were checked.
//!
//! Knows no jobs and no database: who pins what is decided by its callers. Never overwrites; what is there stays.

mod fault;
mod hold;
mod incoming;
mod receive;
mod unnamed;

pub(crate) use hold::Hold;
pub(crate) use unnamed::LEAST;
pub use unnamed::Unnamed;

use crate::{Error, config::Bytes as Size};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path as Key};
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};
use tombola_core::record::Millis;
use tombola_spec::{Digest, outcome::Artifact};

/// File in the folder that names the state its artifacts belong to.
const STATE: &str = "state";

/// The artifacts of a state, which its coordinators share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
    folder: Arc<Path>,
    /// This process's unchecked uploads; none where artifacts are only read.
    incoming: Option<Arc<incoming::Room>>,
    /// Largest artifact.
    limit: Size,
    /// What has to stay free of the disk.
    free: Size,
    cramped: Arc<fault::Cramped>,
    /// What was uploaded and no record names.
    unnamed: Arc<Unnamed>,
    uploads: Arc<AtomicU64>,
}

impl Artifacts {
    /// Artifacts in a folder, made if missing. Unfinished uploads of processes that ended are removed.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(folder: &Path, limit: Size) -> Result<Self, Error> {
        let cannot = |error: std::io::Error| {
            Error::Unavailable(format!("cannot write to the artifact folder `{}`: {error}", folder.display()))
        };
        let incoming = Arc::new(incoming::open(folder).map_err(cannot)?);
        Ok(Self { incoming: Some(incoming), ..Self::beside(folder, limit)? })
    }

    /// The same artifacts to be read, beside the coordinator whose they are: unfinished uploads are left alone.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(crate) fn beside(folder: &Path, limit: Size) -> Result<Self, Error> {
        let local = LocalFileSystem::new_with_prefix(folder).map_err(fault::to_error)?;
        // An artifact is acknowledged by a commit soon after: its bytes have to be on the disk by then.
        let store = Arc::new(local.with_fsync(true));
        Ok(Self {
            store,
            folder: folder.into(),
            incoming: None,
            limit,
            free: Size(0),
            cramped: Arc::default(),
            unnamed: Arc::default(),
            uploads: Arc::default(),
        })
    }

    /// The same artifacts with their bytes in another store: the folder keeps what says whose they are.
    #[must_use]
    pub fn kept_in(self, store: Arc<dyn ObjectStore>) -> Self {
        Self { store, ..self }
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The state this folder was claimed for, if it was.
    pub(crate) fn claimed(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.folder.join(STATE)).ok()?;
        Some(text.trim().to_owned()).filter(|state| !state.is_empty())
    }

    /// Claims the folder for a state.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn claim(&self, state: &str) -> std::io::Result<()> {
        let draft = self.folder.join(format!("{STATE}.new"));
        std::fs::write(&draft, format!("{state}\n"))?;
        std::fs::rename(draft, self.folder.join(STATE))
    }

    /// The same, that takes nothing which would leave less than this free of the disk: others live there, the database
    /// perhaps.
    pub fn leaving(self, free: Size) -> Self {
        Self { free, ..self }
    }

    /// The same, that takes no more than this of any one holder of a token while no record names it.
    #[must_use]
    pub fn unnamed_at_most(self, most: Size) -> Self {
        Self { unnamed: Arc::new(Unnamed::new(most)), ..self }
    }

    /// What was uploaded and no record names.
    pub fn unnamed(&self) -> &Arc<Unnamed> {
        &self.unnamed
    }

    /// Keeps artifacts from being collected, by any process, while it lives.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn keep_all(&self) -> Result<Hold, Error> {
        Hold::share(&self.folder).map_err(|error| self.unlockable(&error))
    }

    /// Makes sure that no process reads all artifacts while it lives; `None` while one does.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn unread(&self) -> Result<Option<Hold>, Error> {
        Hold::alone(&self.folder).map_err(|error| self.unlockable(&error))
    }

    fn unlockable(&self, error: &std::io::Error) -> Error {
        Error::Unavailable(format!("cannot lock the artifact folder `{}`: {error}", self.folder.display()))
    }

    /// Length of an artifact, `None` if it is not there.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn length(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        match self.store.head(&key(digest)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault::to_error(error)),
        }
    }

    /// Whether an artifact of this size may come at all.
    ///
    /// # Errors
    /// Too large, or no room for it.
    pub fn admit(&self, name: &Artifact) -> Result<(), Error> {
        if name.bytes > self.limit.0 { Err(too_large(name, self.limit)) } else { self.room_for(name.bytes) }
    }

    /// Whether so many bytes more leave enough free of the disk.
    ///
    /// # Errors
    /// They do not.
    fn room_for(&self, bytes: u64) -> Result<(), Error> {
        // A disk that cannot be asked says itself when it is full.
        let Ok(disk) = rustix::fs::statvfs(&*self.folder) else { return Ok(()) };
        let left = disk.f_bavail.saturating_mul(disk.f_frsize);
        let (room, free) = (left.saturating_sub(self.free.0), self.free);
        if room < bytes {
            if self.cramped.refuse(bytes) {
                tracing::error!(left = %Size(left), %free, "artifacts.room: the disk of the artifact folder is nearly full; uploads are refused");
            }
            return Err(fault::no_room(Size(left), free));
        }
        if self.cramped.take(room) {
            tracing::info!(left = %Size(left), %free, "artifacts.room: there is room again; uploads are taken");
        }
        Ok(())
    }

    /// Takes in bytes of a holder, as [`Artifacts::put`], and counts them for it until a record names them.
    ///
    /// # Errors
    /// The same; too much of this holder that no record names.
    pub(crate) async fn put_of(
        &self,
        holder: &str,
        name: Artifact,
        chunks: impl Stream<Item = Result<Bytes, Error>> + Send + Unpin,
    ) -> Result<bool, Error> {
        let counted = self.unnamed.count(holder, &name)?;
        let existed = self.put(name, chunks).await?;
        if !existed {
            counted.came();
        }
        Ok(existed)
    }

    /// Takes in bytes, checks them against their name, and makes them visible. Returns whether they were there already.
    ///
    /// # Errors
    /// Too large, another length or digest than promised, disk full; then nothing of them stays.
    pub async fn put(
        &self,
        name: Artifact,
        chunks: impl Stream<Item = Result<Bytes, Error>> + Send + Unpin,
    ) -> Result<bool, Error> {
        self.admit(&name)?;
        if self.length(&name.digest).await? == Some(name.bytes) {
            receive::discard(&name, chunks).await?;
            return Ok(true);
        }
        receive::receive(self, name, chunks).await?;
        Ok(false)
    }

    /// The bytes of an artifact in pieces of at most [`tombola_wire::CHUNK`]. A file that was cut short or grew ends in
    /// an error, never silently.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn get(
        &self,
        digest: Digest,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        let found = self.store.get(&key(&digest)).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => missing(&digest),
            other => fault::to_error(other),
        })?;
        let mut hasher = blake3::Hasher::new();
        let pieces = found.into_stream().map_err(fault::to_error);
        let pieces = pieces.map_ok(cut).map_ok(futures::stream::iter).try_flatten();
        let checked = pieces.map(Some).chain(futures::stream::iter([None])).map(move |piece| match piece {
            Some(Ok(piece)) => {
                hasher.update(&piece);
                Ok(piece)
            }
            Some(Err(error)) => Err(error),
            None if *hasher.finalize().as_bytes() == digest.0 => Ok(Bytes::new()),
            None => Err(damaged(&digest)),
        });
        Ok(checked.try_filter(|piece| std::future::ready(!piece.is_empty())))
    }
}

impl Artifacts {
    /// Artifacts that were made visible before `moment`.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn older(&self, moment: Millis) -> Result<Vec<Digest>, Error> {
        let mut found = self.store.list(None);
        let mut old = Vec::new();
        while let Some(found) = found.try_next().await.map_err(fault::to_error)? {
            let name = found.location.filename().unwrap_or_default();
            // Whatever else lies in the folder is not ours to judge.
            if let Ok(digest) = name.parse::<Digest>()
                && found.location == key(&digest)
                && found.last_modified.timestamp_millis() < moment
            {
                old.push(digest);
            }
        }
        Ok(old)
    }

    /// Removes an artifact for good.
    ///
    /// # Errors
    /// When it cannot be removed; it is no error if it is gone already.
    pub async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        match self.store.delete(&key(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                self.unnamed.forget([*digest]);
                Ok(())
            }
            Err(error) => Err(fault::to_error(error)),
        }
    }
}

/// Folder of artifacts whose bytes are others than their names say.
const DAMAGED: &str = "damaged";

impl Artifacts {
    /// Takes an artifact with wrong bytes out of the way of the right ones.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(crate) async fn set_aside(&self, digest: &Digest) -> Result<(), Error> {
        let aside = Key::from_iter([DAMAGED, &digest.to_string()]);
        self.store.rename(&key(digest), &aside).await.map_err(fault::to_error)
    }
}

/// `ab/abcdef…`: folders stay small.
fn key(digest: &Digest) -> Key {
    let name = digest.to_string();
    Key::from_iter([&name[..2], &name])
}

/// A large piece as several views of it.
fn cut(mut piece: Bytes) -> Vec<Result<Bytes, Error>> {
    let mut cut = Vec::new();
    while piece.len() > tombola_wire::CHUNK {
        cut.push(Ok(piece.split_to(tombola_wire::CHUNK)));
    }
    cut.push(Ok(piece));
    cut
}

fn missing(digest: &Digest) -> Error {
    Error::NotFound(format!("no artifact has the digest `{digest}`"))
}

fn too_large(name: &Artifact, limit: Size) -> Error {
    // Not "exhausted": no waiting makes room for it.
    Error::Invalid(format!(
        "artifact `{}` has {} bytes, more than this coordinator takes ({limit})\nhint: raise `limits.artifact` in \
         coordinator.toml",
        name.digest.short(),
        name.bytes
    ))
}

fn damaged(digest: &Digest) -> Error {
    tracing::error!(artifact = %digest, "artifacts.damaged: stored bytes do not match their name");
    Error::Corrupt(format!(
        "the stored bytes of artifact `{}` are damaged: they do not match their digest\nhint: restore the file from a \
         backup, or delete it and run the job that makes it again",
        digest.short()
    ))
}
