//! The one error of this crate. Variants by the reaction they need: each is one [`FailureClass`].
//!
//! A libtorch message enters only through [`EngineError::torch`], which tells out-of-memory from the rest.

use std::{io, path::PathBuf};
use tombola_spec::{
    SpecError,
    outcome::{Failure, FailureClass},
};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, EngineError>;

/// Why a job cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings cannot work; the same settings will not work elsewhere.
    #[error("{0}")]
    Settings(String),
    /// Weights, losses or scores are NaN or infinite; the same seeds give the same NaN.
    #[error("{what} became NaN or infinite; hint: lower the learning rate, or add warm-up")]
    NotFinite {
        /// What is not finite, such as `the training loss at iteration 120`.
        what: String,
    },
    /// The device's memory is too small for the pack.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// This worker lacks a data set, or its files are not what they should be.
    #[error("data set `{set}`: {reason}")]
    Data {
        /// Name of the set, as in a sweep file.
        set: String,
        /// What is wrong, where, and what to do.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}", io_message(path, source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file is not what this build can read.
    #[error("`{}` {reason}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, continuing "the file …".
        reason: String,
    },
    /// A file of a later format: another worker wrote it and can go on from it.
    #[error("`{}` was written by a newer Tombola (format {format}; this build reads {reads}); hint: upgrade this worker", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// The file's format.
        format: u32,
        /// The latest format that this build reads.
        reads: u32,
    },
    /// The device cannot be used: libraries, driver or hardware missing.
    #[error("{0}")]
    Device(String),
    /// libtorch refused an operation; the first line of its message.
    #[error("libtorch: {0}")]
    Torch(String),
}

/// What libtorch, cuBLAS, cuDNN and the C++ library say when memory runs out.
const OUT_OF_MEMORY: &[&str] =
    &["out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "bad_alloc"];

impl EngineError {
    /// The error of a libtorch message. Only its first line is kept: the rest is a C++ backtrace.
    pub fn torch(message: &str) -> Self {
        let first = message.lines().next().unwrap_or_default().trim().to_owned();
        // The reason may follow on a later line, so the whole message is searched.
        let lower = message.to_lowercase();
        if OUT_OF_MEMORY.iter().any(|text| lower.contains(text)) {
            Self::OutOfMemory(first)
        } else {
            Self::Torch(first)
        }
    }

    /// For `map_err`: an I/O error about `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// A file that cannot be read; `reason` continues "the file …".
    pub(crate) fn format(file: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Format { file: file.into(), reason: reason.into() }
    }

    /// A data set that cannot be used.
    pub(crate) fn data(set: &str, reason: impl Into<String>) -> Self {
        Self::Data { set: set.to_owned(), reason: reason.into() }
    }

    /// The kind of failure, which decides what happens to the job.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Settings(_) => FailureClass::User,
            Self::NotFinite { .. } => FailureClass::NotFinite,
            Self::OutOfMemory(_) => FailureClass::OutOfMemory,
            Self::Data { .. } => FailureClass::DataMissing,
            Self::Io { .. } | Self::Device(_) | Self::Newer { .. } => FailureClass::Infrastructure,
            Self::Format { .. } | Self::Torch(_) => FailureClass::Internal,
        }
    }

    /// What a worker reports of it.
    pub fn failure(&self) -> Failure {
        Failure { class: self.class(), message: self.to_string() }
    }
}

impl From<SpecError> for EngineError {
    fn from(error: SpecError) -> Self {
        Self::Settings(match error.hint.as_str() {
            "" => error.what,
            hint => format!("{}; hint: {hint}", error.what),
        })
    }
}

fn io_message(path: &std::path::Path, source: &io::Error) -> String {
    let path = path.display();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("disk full: cannot write `{path}`; hint: free space and the job goes on")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            format!("cannot use `{path}`: {source}; hint: let the worker's user write there")
        }
        _ => format!("cannot use `{path}`: {source}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorchs_backtrace_is_cut_off_and_memory_errors_are_recognized() {
        let error = EngineError::torch("mat1 and mat2 shapes cannot be multiplied\nframe #0: c10::Error");
        assert_eq!(error.to_string(), "libtorch: mat1 and mat2 shapes cannot be multiplied");
        assert_eq!(error.failure().class, FailureClass::Internal);
        for text in [
            "CUDA out of memory. Tried to allocate 20.00 MiB",
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: 12",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "std::bad_alloc",
        ] {
            assert_eq!(EngineError::torch(text).class(), FailureClass::OutOfMemory, "{text}");
        }
    }

    #[test]
    fn a_full_disk_says_what_to_do_and_is_no_fault_of_the_job() {
        let error = EngineError::io("/state/w.safetensors")(io::ErrorKind::StorageFull.into());
        assert!(error.to_string().starts_with("disk full: ") && error.to_string().contains("free space"));
        assert_eq!(error.class(), FailureClass::Infrastructure);
    }

    #[test]
    fn a_word_that_does_not_parse_keeps_its_hint() {
        let error = EngineError::from(SpecError::new("no architecture is called `x`", "known: y"));
        assert_eq!(error.to_string(), "no architecture is called `x`; hint: known: y");
        assert_eq!(error.class(), FailureClass::User);
    }
}
