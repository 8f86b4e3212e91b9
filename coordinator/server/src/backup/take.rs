//! Takes a backup, beside a coordinator that works or not.

use super::{
    Copied, copy,
    folder::Folder,
    manifest::{FORMAT, Manifest},
    rows::Writer,
};
use crate::{
    app::existing_store,
    artifacts::Artifacts,
    clock,
    config::{Bytes, Config},
    progress::Progress,
    store::{Store, time::iso},
};
use anyhow::ensure;
use serde::Serialize;
use std::{collections::HashSet, path::Path};
use tombola_spec::Digest;

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Identity of the state.
    pub state: String,
    /// When, ISO-8601 UTC.
    pub taken: String,
    /// Tables.
    pub tables: usize,
    /// Their rows.
    pub rows: u64,
    /// Artifacts that they name.
    #[serde(flatten)]
    pub copied: Copied,
}

/// Backs up the state of this configuration into a folder.
///
/// # Errors
/// If something that the records name cannot be read, or the folder cannot be written; an earlier backup there stays whole.
pub async fn take(config: &Config, path: &Path, progress: &mut Progress) -> anyhow::Result<Taken> {
    let store = existing_store(config).await?;
    let state = store.identity().await?;
    let folder = Folder::claim(path)?;
    if let Some(earlier) = folder.manifest()? {
        let (shown, other) = (path.display(), &earlier.state);
        ensure!(
            *other == state,
            "`{shown}` holds a backup of state {other}, and this is state {state}\nhint: name another folder"
        );
    }
    let shelf = Artifacts::beside(&config.artifacts, config.limits.artifact)?;
    // What the records name at the moment of the dump stays until it is copied.
    let _kept = shelf.keep_all()?;
    let taken = iso(clock::now());
    let (rows, rows_path) = folder.fresh_rows()?;
    let mut writer = Writer::new(&rows_path, progress)?;
    let schema = store.dump(&mut |piece| writer.take(piece)).await?;
    let (tables, artifacts, named) = writer.finish()?;
    let copies = Artifacts::open(&folder.artifacts(), Bytes(u64::MAX))?;
    let copied = copy(&shelf, &copies, &named, progress).await?;
    let tombola = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { format: FORMAT, tombola, taken, state, schema, rows, tables, artifacts };
    folder.commit(&manifest)?;
    folder.forget_other_rows(&manifest)?;
    let named: HashSet<Digest> = named.iter().map(|artifact| artifact.digest).collect();
    for digest in copies.older(i64::MAX).await?.iter().filter(|digest| !named.contains(digest)) {
        copies.remove(digest).await?;
    }
    let (rows, tables) = (manifest.row_count(), manifest.tables.len());
    Ok(Taken { state: manifest.state, taken: manifest.taken, tables, rows, copied })
}
