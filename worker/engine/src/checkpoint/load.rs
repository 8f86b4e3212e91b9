//! Reading: any file that is not exactly what was written is a clear error, never a panic.

use super::{FORMAT, FileKind, TensorFile, Values};
use crate::error::{EngineError, Result};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use std::{collections::HashMap, path::Path};

impl TensorFile {
    /// Reads a file of the given kind.
    ///
    /// # Errors
    /// When it is missing, cut short, not safetensors, written by a newer Tombola, or of another kind.
    pub fn load(path: &Path, kind: FileKind) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(EngineError::io(path))?;
        Self::from_bytes(path, &bytes, kind)
    }

    /// [`TensorFile::load`] from memory; `origin` is named in errors.
    ///
    /// # Errors
    /// See [`TensorFile::load`].
    pub fn from_bytes(origin: &Path, bytes: &[u8], kind: FileKind) -> Result<Self> {
        let wrong = |error: SafeTensorError| EngineError::format(origin, unreadable(&error, bytes.len()));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let mut file = Self { origin: origin.to_owned(), ..Self::new(kind, "") };
        file.check_header(&metadata)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(wrong)?;
        for (name, view) in tensors.iter() {
            let values = values(&view)
                .ok_or_else(|| file.wrong(format!("has `{name}` of unsupported type {:?}", view.dtype())))?;
            file.put(name, view.shape(), values)?;
        }
        for (key, text) in metadata {
            if let Some(key) = key.strip_prefix("tombola.note.") {
                file.notes.insert(key.to_owned(), text);
            }
        }
        Ok(file)
    }

    /// Reads a file that others wrote, as one of that kind and about that network. Truth values become bytes.
    ///
    /// # Errors
    /// When it is missing, not safetensors, or has numbers of a format that is not known here.
    pub fn load_foreign(path: &Path, kind: FileKind, network: &str) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(EngineError::io(path))?;
        let wrong = |error: SafeTensorError| EngineError::format(path, unreadable(&error, bytes.len()));
        let mut file = Self { origin: path.to_owned(), ..Self::new(kind, network) };
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(wrong)?.iter() {
            let values = match view.dtype() {
                Dtype::BOOL => Values::U8(view.data().to_vec()),
                dtype => values(&view).ok_or_else(|| {
                    let what = format!("has `{name}` of type {dtype:?}");
                    file.wrong(format!("{what}; hint: F32, F64, I64, U8 and BOOL can be read"))
                })?,
            };
            file.put(name, view.shape(), values)?;
        }
        Ok(file)
    }

    fn check_header(&mut self, metadata: &HashMap<String, String>) -> Result<()> {
        let format = metadata.get("tombola.format").and_then(|text| text.parse::<u32>().ok());
        let format =
            format.ok_or_else(|| self.wrong("was not written by Tombola: `tombola.format` is missing"))?;
        if format > FORMAT {
            return Err(EngineError::Newer { file: self.origin.clone(), format, reads: FORMAT });
        }
        let kind = metadata.get("tombola.kind").map_or("nothing", String::as_str);
        if kind != self.kind.name() {
            return Err(self.wrong(format!("holds {kind}, not {}", self.kind.name())));
        }
        self.network = metadata.get("tombola.network").cloned().unwrap_or_default();
        Ok(())
    }
}

fn values(view: &TensorView<'_>) -> Option<Values> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => Values::F32(elements(data, f32::from_le_bytes)),
        Dtype::F64 => Values::F64(elements(data, f64::from_le_bytes)),
        Dtype::I64 => Values::I64(elements(data, i64::from_le_bytes)),
        Dtype::U8 => Values::U8(data.to_vec()),
        _ => return None,
    })
}

fn elements<T, const N: usize>(data: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|&bytes| read(bytes)).collect()
}

fn unreadable(error: &SafeTensorError, length: usize) -> String {
    let what = match error {
        SafeTensorError::MetadataIncompleteBuffer
        | SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength => "is cut short or has bytes too many",
        _ => "is not a safetensors file",
    };
    format!("{what} ({length} bytes; {error}); hint: remove it, so that it is made or fetched again")
}
