//! One upload or download over `ArtifactService`. Tries once; who calls decides whether to try again.

use crate::{
    aside::aside,
    error::{AgentError, Result},
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tombola_access::Channel;
use tombola_spec::{Digest, outcome::Artifact};
use tombola_wire::{
    CHUNK, MAX_MESSAGE,
    v1::{self, artifact_service_client::ArtifactServiceClient, put_request::Part},
};
use tonic::{Code, Status};

/// Chunks of an upload read ahead of the wire.
const AHEAD: usize = 2;

fn client(channel: &Channel) -> ArtifactServiceClient<Channel> {
    ArtifactServiceClient::new(channel.clone()).max_decoding_message_size(MAX_MESSAGE)
}

/// Which of these the coordinator lacks. Those it has are pinned by asking.
pub(super) async fn missing(channel: &Channel, artifacts: &[Artifact]) -> Result<Vec<Artifact>> {
    let digests = artifacts.iter().map(|artifact| artifact.digest.to_string()).collect();
    let answer = client(channel).have(v1::HaveRequest { digests }).await.map_err(|s| away(&s))?;
    let there: BTreeSet<String> = answer.into_inner().digests.into_iter().collect();
    Ok(artifacts.iter().filter(|artifact| !there.contains(&artifact.digest.to_string())).copied().collect())
}

/// Sends a file.
pub(super) async fn upload(channel: &Channel, artifact: Artifact, path: &Path) -> Result<()> {
    let file = File::open(path).map_err(AgentError::file(path))?;
    let (parts, stream) = mpsc::channel(AHEAD);
    let mut client = client(channel);
    let (sent, read) =
        tokio::join!(client.put(ReceiverStream::new(stream)), read_parts(artifact, file, parts));
    read.map_err(AgentError::file(path))?;
    sent.map(drop).map_err(|status| match status.code() {
        Code::InvalidArgument => {
            let message = status.message().replace("\nhint: ", "; hint: ");
            AgentError::Refused { digest: artifact.digest, message }
        }
        _ => gone_or_away(artifact.digest, &status),
    })
}

/// Reads a file into the parts of an upload, until its end or until nobody wants more.
async fn read_parts(
    artifact: Artifact,
    mut file: File,
    parts: mpsc::Sender<v1::PutRequest>,
) -> io::Result<()> {
    let header = v1::PutHeader { digest: artifact.digest.to_string(), bytes: artifact.bytes };
    let mut part = Part::Header(header);
    while parts.send(v1::PutRequest { part: Some(part) }).await.is_ok() {
        let chunk;
        (file, chunk) = aside(move || next_chunk(file)).await??;
        if chunk.is_empty() {
            break;
        }
        part = Part::Chunk(chunk);
    }
    Ok(())
}

fn next_chunk(file: File) -> io::Result<(File, Vec<u8>)> {
    let mut chunk = Vec::with_capacity(CHUNK);
    (&file).take(CHUNK as u64).read_to_end(&mut chunk)?;
    Ok((file, chunk))
}

/// Fetches an artifact into `file`, checks it against its name, and waits until it is on disk.
pub(super) async fn download(channel: &Channel, artifact: Artifact, file: &mut NamedTempFile) -> Result<()> {
    let digest = artifact.digest;
    let request = v1::GetArtifactRequest { digest: digest.to_string() };
    let mut chunks =
        client(channel).get(request).await.map_err(|status| gone_or_away(digest, &status))?.into_inner();
    let mut hasher = blake3::Hasher::new();
    let path = file.path().to_owned();
    while let Some(chunk) = chunks.message().await.map_err(|status| gone_or_away(digest, &status))? {
        hasher.update(&chunk.data);
        // Chunks are small, so that this blocks no longer than the page cache takes to copy one.
        file.write_all(&chunk.data).map_err(AgentError::file(&path))?;
    }
    let found = Digest(*hasher.finalize().as_bytes());
    if found != digest {
        return Err(AgentError::Corrupt { place: "the coordinator's answer".to_owned(), digest, found });
    }
    let written = file.as_file().try_clone().map_err(AgentError::file(&path))?;
    aside(move || written.sync_data()).await.flatten().map_err(AgentError::file(&path))
}

/// What an answer means that is none: gone for good, or worth another try.
fn gone_or_away(digest: Digest, status: &Status) -> AgentError {
    match status.code() {
        Code::NotFound | Code::DataLoss | Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
            AgentError::Artifact { digest, message: status.message().to_owned() }
        }
        // A full disk over there, too: people free space, and nothing is lost by waiting.
        _ => away(status),
    }
}

fn away(status: &Status) -> AgentError {
    AgentError::Away(match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    })
}
