//! What an object store's errors mean to a sender.

use crate::{Error, config::Bytes};
use std::{error::Error as _, io};

/// A full disk is told apart, because people can do something about it.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` calls")]
pub(super) fn to_error(error: object_store::Error) -> Error {
    match io_kind(&error) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            tracing::error!(%error, "artifacts.full: the disk of the artifact folder is full");
            Error::Exhausted(
                "the coordinator's artifact folder is full; nothing of this upload was kept\nhint: free space there, \
                 or move `artifacts` to a larger disk; workers try again by themselves"
                    .to_owned(),
            )
        }
        _ => {
            tracing::error!(%error, "artifacts.fault: the artifact folder cannot be used");
            Error::Unavailable(format!("the coordinator's artifact folder cannot be used: {error}"))
        }
    }
}

/// Uploads end before the disk does.
pub(super) fn no_room(left: Bytes, free: Bytes) -> Error {
    tracing::error!(%left, %free, "artifacts.room: the disk of the artifact folder is nearly full; uploads are refused");
    Error::Exhausted(format!(
        "the disk of the coordinator's artifact folder has {left} left, and uploads leave {free} of it\nhint: free space \
         there, or lower `uploads.free` in coordinator.toml; workers try again by themselves"
    ))
}

/// The kind of the operating system's error at the bottom, if it was one.
fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(current) = source {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_to_be_full() {
        let full = io::Error::from_raw_os_error(28);
        let error = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full) };
        assert!(
            matches!(to_error(error), Error::Exhausted(text) if text.contains("full") && text.contains("hint:"))
        );
    }
}
