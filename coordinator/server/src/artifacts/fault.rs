//! What an object store's errors mean to a sender.

use crate::{Error, config::Bytes};
use std::{
    error::Error as _,
    io,
    sync::atomic::{AtomicU64, Ordering},
};

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

/// A time in which there is no room for uploads: workers try again and again, and the log has a line of its begin and its end.
#[derive(Debug, Default)]
pub(super) struct Cramped {
    /// What was refused last, in bytes; 0 = nothing since there was room.
    refused: AtomicU64,
}

impl Cramped {
    /// So many bytes are refused; whether that is news.
    pub(super) fn refuse(&self, bytes: u64) -> bool {
        self.refused.swap(bytes.max(1), Ordering::Relaxed) == 0
    }

    /// So many bytes would be taken; whether it is news that what was refused fits again. Smaller ones fit all the time.
    pub(super) fn take(&self, room: u64) -> bool {
        let fits = |refused: u64| (refused > 0 && refused <= room).then_some(0);
        self.refused.try_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

/// Uploads end before the disk does.
pub(super) fn no_room(left: Bytes, free: Bytes) -> Error {
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
    fn a_time_without_room_is_told_once_and_so_is_its_end() {
        let cramped = Cramped::default();
        assert!(!cramped.take(100), "there was room all the time");
        assert!(cramped.refuse(50));
        assert!(!cramped.refuse(60) && !cramped.refuse(50));
        assert!(!cramped.take(10), "smaller ones fit all the time");
        assert!(cramped.take(50) && !cramped.take(50));
        assert!(cramped.refuse(50), "another time");
    }

    #[test]
    fn a_full_disk_is_said_to_be_full() {
        let full = io::Error::from_raw_os_error(28);
        let error = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full) };
        assert!(
            matches!(to_error(error), Error::Exhausted(text) if text.contains("full") && text.contains("hint:"))
        );
    }
}
