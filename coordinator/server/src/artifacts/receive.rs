//! One upload: stream to a key of its own, check, rename. On any error nothing of it stays.

use super::{Artifacts, fault, key};
use crate::Error;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use object_store::{ObjectStoreExt, WriteMultipart, path::Path as Key};
use std::sync::atomic::Ordering;
use tombola_spec::outcome::Artifact;

/// Parts of one upload being written at a time.
const PARTS_IN_FLIGHT: usize = 4;

pub(super) async fn receive(
    artifacts: &Artifacts,
    name: Artifact,
    chunks: impl Stream<Item = Result<Bytes, Error>> + Send + Unpin,
) -> Result<(), Error> {
    let number = artifacts.uploads.fetch_add(1, Ordering::Relaxed);
    let Some(room) = &artifacts.incoming else {
        return Err(Error::Internal("these artifacts are only read".to_owned()));
    };
    let incoming = Key::from(format!("{}/{number}", room.key));
    let upload = artifacts.store.put_multipart(&incoming).await.map_err(fault::to_error)?;
    let mut upload = WriteMultipart::new(upload);
    if let Err(error) = copy(artifacts, &name, chunks, &mut upload).await {
        // The first error says what happened; failing to clean up as well adds nothing for the sender.
        if let Err(abort) = upload.abort().await {
            tracing::warn!(error = %abort, "artifacts.abort: an unfinished upload was left behind");
        }
        return Err(error);
    }
    upload.finish().await.map_err(fault::to_error)?;
    artifacts.store.rename(&incoming, &key(&name.digest)).await.map_err(fault::to_error)
}

/// Writes all chunks, and compares length and digest with the promise.
async fn copy(
    artifacts: &Artifacts,
    name: &Artifact,
    mut chunks: impl Stream<Item = Result<Bytes, Error>> + Unpin,
    upload: &mut WriteMultipart,
) -> Result<(), Error> {
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    while let Some(chunk) = chunks.try_next().await? {
        length += chunk.len() as u64;
        if length > name.bytes {
            return Err(wrong_length(name, "more"));
        }
        hasher.update(&chunk);
        // Others may have filled the disk meanwhile.
        artifacts.room_for(chunk.len() as u64)?;
        upload.wait_for_capacity(PARTS_IN_FLIGHT).await.map_err(fault::to_error)?;
        upload.put(chunk);
    }
    if length < name.bytes {
        return Err(wrong_length(name, "fewer"));
    }
    if *hasher.finalize().as_bytes() != name.digest.0 {
        let digest = name.digest.short();
        return Err(Error::Corrupt(format!(
            "the bytes sent for artifact `{digest}` do not match their digest"
        )));
    }
    Ok(())
}

/// Reads what is sent although the artifact is there already: ending a call early looks like a fault to some clients.
pub(super) async fn discard(
    name: &Artifact,
    mut chunks: impl Stream<Item = Result<Bytes, Error>> + Unpin,
) -> Result<(), Error> {
    let mut length = 0;
    while let Some(chunk) = chunks.try_next().await? {
        length += chunk.len() as u64;
        if length > name.bytes {
            return Err(wrong_length(name, "more"));
        }
    }
    Ok(())
}

fn wrong_length(name: &Artifact, how: &str) -> Error {
    Error::Corrupt(format!(
        "{how} bytes were sent for artifact `{}` than the {} it should have",
        name.digest.short(),
        name.bytes
    ))
}
