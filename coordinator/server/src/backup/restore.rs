//! Lays a backup out as a state of its own.
//!
//! A restored state has another identity than the one that was backed up, which may have gone on: both would give out the
//! same attempt numbers. Workers that come from the old coordinator are strangers to the new one. They drop what they hold,
//! and what they ran starts again at the last checkpoint that the backup has.

use super::{
    Copied, copy,
    folder::{Folder, whole},
    rows::{Batches, verified},
};
use crate::{
    app::open_store,
    artifacts::Artifacts,
    clock,
    config::{Bytes, Config},
    progress::Progress,
    store::{Store, StoreError},
};
use anyhow::{bail, ensure};
use futures::TryStreamExt;
use serde::Serialize;
use std::path::Path;
use tombola_spec::outcome::Artifact;

/// What was restored, or found whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Identity of the state that was backed up.
    pub backup_of: String,
    /// When, ISO-8601 UTC.
    pub taken: String,
    /// Identity of the restored state; `None` if the backup was only checked.
    pub state: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Artifacts that they name.
    #[serde(flatten)]
    pub copied: Copied,
}

/// Restores the backup in a folder to where this configuration keeps its state. Interrupted, it can be done again.
///
/// # Errors
/// If the backup is not whole, something in it is damaged, or there is a state already.
pub async fn restore(config: &Config, path: &Path, progress: &mut Progress) -> anyhow::Result<Restored> {
    let folder = Folder::read(path)?;
    let manifest = whole(&folder)?;
    let rows = folder.rows(&manifest)?;
    let named = verified(&rows, &manifest, progress)?;
    let store = open_store(config)?;
    if !store.vacant().await? {
        let place = format!("{} ({})", config.state.display(), config.database);
        return Err(StoreError::Occupied { place }.into());
    }
    let source = Artifacts::beside(&folder.artifacts(), Bytes(u64::MAX))?;
    let shelf = Artifacts::open(&config.artifacts, Bytes(u64::MAX))?;
    if shelf.claimed().is_some() {
        // Its coordinator, if there still is one, would collect what is restored here.
        let place = config.artifacts.display();
        bail!(
            "the artifacts in `{place}` belong to another state\nhint: restore into another folder (--artifacts); or, if that \
             state is gone for good, remove the file `state` there, and run this again"
        );
    }
    let copied = copy(&source, &shelf, &named, progress).await?;
    let mut batches = Batches::new(rows, &manifest, progress);
    store.load(manifest.schema, clock::now(), &mut batches).await?;
    let state = store.identity().await?;
    shelf.claim(&state)?;
    let state = Some(state);
    let rows = manifest.row_count();
    Ok(Restored { backup_of: manifest.state, taken: manifest.taken, state, rows, copied })
}

/// Reads a backup whole, and writes nothing.
///
/// # Errors
/// If it could not be restored.
pub async fn check(path: &Path, progress: &mut Progress) -> anyhow::Result<Restored> {
    let folder = Folder::read(path)?;
    let manifest = whole(&folder)?;
    let named = verified(&folder.rows(&manifest)?, &manifest, progress)?;
    let source = Artifacts::beside(&folder.artifacts(), Bytes(u64::MAX))?;
    let mut copied = Copied::default();
    for name in &named {
        read(&source, name).await?;
        copied.artifacts += 1;
        copied.bytes += name.bytes;
        progress.tell(|| format!("checked {} of {} artifacts", copied.artifacts, named.len()));
    }
    let rows = manifest.row_count();
    Ok(Restored { backup_of: manifest.state, taken: manifest.taken, state: None, rows, copied })
}

async fn read(source: &Artifacts, name: &Artifact) -> anyhow::Result<()> {
    let bytes = source.get(name.digest).await?;
    let length = bytes.try_fold(0, |length, piece| async move { Ok(length + piece.len() as u64) }).await?;
    ensure!(
        length == name.bytes,
        "artifact `{}` has {length} bytes instead of {}",
        name.digest.short(),
        name.bytes
    );
    Ok(())
}
