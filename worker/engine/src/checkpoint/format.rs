//! A file of named tensors in memory: what can be put in and taken out.

use crate::error::{EngineError, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

/// Version of the header and of what the files hold. A build reads its own and older ones.
pub const FORMAT: u32 = 1;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Weights drawn at initialization, before masking.
    Initial,
    /// Weights at the end of a segment.
    Weights,
    /// Optimizer state and early-stopping record.
    State,
    /// A mask.
    Mask,
    /// A lane in the middle of a segment.
    Checkpoint,
    /// Weights at which tickets were found.
    Tickets,
    /// A score for each weight.
    Scores,
}

impl FileKind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Weights => "weights",
            Self::State => "state",
            Self::Mask => "mask",
            Self::Checkpoint => "checkpoint",
            Self::Tickets => "tickets",
            Self::Scores => "scores",
        }
    }
}

/// Elements of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// Bytes.
    U8(Vec<u8>),
    /// 64-bit integers.
    I64(Vec<i64>),
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// safetensors' name of the element type.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::U8(_) => "U8",
            Self::I64(_) => "I64",
        }
    }
}

macro_rules! values_from {
    ($($element:ty => $variant:ident),*) => {$(
        impl From<Vec<$element>> for Values {
            fn from(values: Vec<$element>) -> Self {
                Self::$variant(values)
            }
        }
        impl From<&[$element]> for Values {
            fn from(values: &[$element]) -> Self {
                Self::$variant(values.to_vec())
            }
        }
    )*};
}
values_from!(f32 => F32, f64 => F64, u8 => U8, i64 => I64);

/// A file of named tensors and notes.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorFile {
    pub(super) kind: FileKind,
    pub(super) network: String,
    /// Where it was read from; empty for a new one. Named in errors.
    pub(super) origin: PathBuf,
    /// Sorted, so that equal contents are equal bytes.
    pub(super) tensors: BTreeMap<String, (Vec<usize>, Values)>,
    pub(super) notes: BTreeMap<String, String>,
}

impl TensorFile {
    /// An empty file about the network of that name.
    pub fn new(kind: FileKind, network: &str) -> Self {
        Self {
            kind,
            network: network.to_owned(),
            origin: PathBuf::new(),
            tensors: BTreeMap::new(),
            notes: BTreeMap::new(),
        }
    }

    /// Name of the network it is about.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Puts a tensor in, in place of an earlier one of that name.
    ///
    /// # Errors
    /// When `shape` does not have as many elements as there are values.
    pub fn put(&mut self, name: &str, shape: &[usize], values: impl Into<Values>) -> Result<()> {
        let values = values.into();
        let wanted = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if wanted != Some(values.len()) {
            return Err(
                self.wrong(format!("cannot hold `{name}`: {} values for shape {shape:?}", values.len()))
            );
        }
        self.tensors.insert(name.to_owned(), (shape.to_vec(), values));
        Ok(())
    }

    /// Names, shapes and values, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize], &Values)> {
        self.tensors.iter().map(|(name, (shape, values))| (name.as_str(), shape.as_slice(), values))
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        self.tensor(name).map(|(shape, _)| shape.as_slice())
    }

    /// The values of a tensor.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn values(&self, name: &str) -> Result<&Values> {
        self.tensor(name).map(|(_, values)| values)
    }

    /// A tensor of f32.
    ///
    /// # Errors
    /// When there is none of that name and type.
    pub fn f32s(&self, name: &str) -> Result<&[f32]> {
        match self.values(name)? {
            Values::F32(values) => Ok(values),
            other => Err(self.wrong_type(name, "F32", other)),
        }
    }

    /// A tensor of bytes.
    ///
    /// # Errors
    /// When there is none of that name and type.
    pub fn u8s(&self, name: &str) -> Result<&[u8]> {
        match self.values(name)? {
            Values::U8(values) => Ok(values),
            other => Err(self.wrong_type(name, "U8", other)),
        }
    }

    /// A tensor of f32 or f64, rounded to f32.
    ///
    /// # Errors
    /// When there is no tensor of floats of that name.
    pub fn floats(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        match self.values(name)? {
            Values::F32(values) => Ok(Cow::Borrowed(values)),
            Values::F64(values) => Ok(Cow::Owned(values.iter().map(|&value| value as f32).collect())),
            other => Err(self.wrong_type(name, "F32", other)),
        }
    }

    /// Notes a value under a key, as JSON in the file's metadata.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn put_note(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value)
            .map_err(|error| self.wrong(format!("cannot hold the note `{key}`: {error}")))?;
        self.notes.insert(key.to_owned(), text);
        Ok(())
    }

    /// The value noted under a key; `None` if nothing was.
    ///
    /// # Errors
    /// When the note is not of that type.
    pub fn note<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let read = |text: &String| {
            serde_json::from_str(text)
                .map_err(|error| self.wrong(format!("has a wrong note `{key}`: {error}")))
        };
        self.notes.get(key).map(read).transpose()
    }

    /// The value noted under a key.
    ///
    /// # Errors
    /// When nothing was, or the note is not of that type.
    pub fn needed_note<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        self.note(key)?.ok_or_else(|| self.wrong(format!("has no note `{key}`")))
    }

    /// Checks that the file is about this network.
    ///
    /// # Errors
    /// When it is about another one.
    pub fn expect_network(&self, name: &str) -> Result<()> {
        if self.network == name {
            return Ok(());
        }
        Err(self.wrong(format!("is about the network `{}`, not `{name}`", self.network)))
    }

    /// An error about this file; `reason` continues "the file …".
    pub(crate) fn wrong(&self, reason: impl Into<String>) -> EngineError {
        let unsaved = format!("(a new file of {})", self.kind.name());
        let file = if self.origin.as_os_str().is_empty() { unsaved.into() } else { self.origin.clone() };
        EngineError::format(file, reason)
    }

    fn tensor(&self, name: &str) -> Result<&(Vec<usize>, Values)> {
        self.tensors.get(name).ok_or_else(|| self.wrong(format!("has no tensor `{name}`")))
    }

    fn wrong_type(&self, name: &str, wanted: &str, found: &Values) -> EngineError {
        self.wrong(format!("has `{name}` of type {}, not {wanted}", found.dtype()))
    }
}
