//! Writing: to a temporary name, synced, renamed, folder synced. A reader sees the whole file or none.

use super::{FORMAT, TensorFile, Values};
use crate::error::{EngineError, Result};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};
use tombola_spec::Digest;

/// A file on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

/// One tensor's entry in safetensors' header; `offsets` count from the end of the header.
#[derive(Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

impl TensorFile {
    /// Writes the file and waits until it is on disk.
    ///
    /// # Errors
    /// When the folder cannot be written to, or the disk is full; what was at `path` before is still there then.
    pub fn save(&self, path: &Path) -> Result<Saved> {
        let bytes = self.to_bytes()?;
        write_atomically(path, &bytes)?;
        Ok(Saved { digest: Digest::of(&bytes), bytes: bytes.len() as u64 })
    }

    /// The file's bytes: equal for equal contents.
    ///
    /// # Errors
    /// When the header has no JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        // The safetensors crate keeps metadata in a hash map, whose random order would change the bytes and so the
        // digest; its reader is used, its writer cannot be.
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        // Wide elements first: every tensor then lies aligned, as safetensors asks.
        tensors.sort_by_key(|(_, (_, values))| std::cmp::Reverse(width(values)));
        let (mut header, mut offset) = (BTreeMap::new(), 0);
        for (name, (shape, values)) in &tensors {
            let end = offset + values.len() * width(values);
            let entry = Entry { dtype: values.dtype(), shape, data_offsets: [offset, end] };
            header.insert(name.as_str(), self.json(&entry)?);
            offset = end;
        }
        header.insert("__metadata__", self.json(&self.metadata())?);
        let mut text = self.json(&header)?.to_string();
        text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));

        let mut bytes = Vec::with_capacity(8 + text.len() + offset);
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        tensors.iter().for_each(|(_, (_, values))| append(&mut bytes, values));
        Ok(bytes)
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let notes = self.notes.iter().map(|(key, text)| (format!("tombola.note.{key}"), text.clone()));
        let mut metadata: BTreeMap<_, _> = notes.collect();
        metadata.insert("tombola.format".to_owned(), FORMAT.to_string());
        metadata.insert("tombola.kind".to_owned(), self.kind.name().to_owned());
        metadata.insert("tombola.network".to_owned(), self.network.clone());
        metadata
    }

    fn json(&self, value: &impl Serialize) -> Result<serde_json::Value> {
        serde_json::to_value(value).map_err(|error| self.wrong(format!("has no header: {error}")))
    }
}

fn width(values: &Values) -> usize {
    match values {
        Values::F32(_) => 4,
        Values::F64(_) | Values::I64(_) => 8,
        Values::U8(_) => 1,
    }
}

fn append(bytes: &mut Vec<u8>, values: &Values) {
    match values {
        Values::F32(values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
        Values::F64(values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
        Values::I64(values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
        Values::U8(values) => bytes.extend_from_slice(values),
    }
}

/// Writes `bytes` to `path` so that a crash at any moment leaves the old file or the new one, whole.
///
/// # Errors
/// When the folder cannot be written to, or the disk is full.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary_name(path);
    let written = write_synced(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path).map_err(EngineError::io(path)));
    if written.is_err() {
        // The half-written file is of no use and may be what fills the disk; failing to remove it changes nothing.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(EngineError::io(folder))
}

/// A name in the same folder that no reader looks for, of this process alone.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(EngineError::io(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(EngineError::io(path))
}
