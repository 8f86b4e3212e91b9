//! `ArtifactService`: bytes by digest, in chunks.

use crate::{Error, access::Caller, artifacts::Artifacts as Shelf, collect::Gate, driver::Driver};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::pin::Pin;
use tombola_spec::{Digest, outcome::Artifact};
use tombola_wire::v1::{self, artifact_service_server::ArtifactService, put_request};
use tonic::{Request, Response, Status, Streaming};

/// Most digests of one Have.
const MOST_DIGESTS: usize = 100_000;

/// Uploads and downloads.
pub(crate) struct Artifacts {
    pub(crate) shelf: Shelf,
    pub(crate) driver: Driver,
    pub(crate) gate: Gate,
}

#[tonic::async_trait]
impl ArtifactService for Artifacts {
    type GetStream = Pin<Box<dyn Stream<Item = Result<v1::Chunk, Status>> + Send>>;

    async fn put(
        &self,
        request: Request<Streaming<v1::PutRequest>>,
    ) -> Result<Response<v1::PutResponse>, Status> {
        let caller = Caller::of(&request);
        let mut parts = request.into_inner();
        let name = promised(parts.message().await?)?;
        self.shelf.admit(&name)?;
        // Pinned first: the collector must not find the bytes without the pin.
        self.pin(vec![name.digest]).await?;
        let existed = self.shelf.put_of(caller.name(), name, parts.map(chunk)).await?;
        tracing::debug!(artifact = %name.digest, bytes = name.bytes, existed, "artifacts.put: an upload is there");
        Ok(Response::new(v1::PutResponse { existed }))
    }

    async fn get(
        &self,
        request: Request<v1::GetArtifactRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        let digest: Digest = request.into_inner().digest.parse().map_err(Error::from)?;
        let pieces = self.shelf.get(digest).await?;
        let chunks =
            pieces.map(|piece| piece.map(|data| v1::Chunk { data: data.into() }).map_err(Status::from));
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn have(&self, request: Request<v1::HaveRequest>) -> Result<Response<v1::HaveResponse>, Status> {
        let asked = request.into_inner().digests;
        if asked.len() > MOST_DIGESTS {
            let many = format!("{} digests at once, more than {MOST_DIGESTS}", asked.len());
            return Err(Error::Invalid(many).into());
        }
        let asked: Vec<Digest> =
            asked.iter().map(|d| d.parse()).collect::<Result<_, _>>().map_err(Error::from)?;
        let _gate = self.gate.hold().await;
        let mut there = Vec::new();
        for digest in asked {
            if self.shelf.length(&digest).await?.is_some() {
                there.push(digest);
            }
        }
        self.driver.pin(there.clone()).await?;
        Ok(Response::new(v1::HaveResponse { digests: there.iter().map(Digest::to_string).collect() }))
    }
}

impl Artifacts {
    async fn pin(&self, digests: Vec<Digest>) -> Result<(), Error> {
        let _gate = self.gate.hold().await;
        self.driver.pin(digests).await
    }
}

/// What an upload says it is, in its first message.
pub(crate) fn promised(first: Option<v1::PutRequest>) -> Result<Artifact, Error> {
    let Some(put_request::Part::Header(header)) = first.and_then(|first| first.part) else {
        return Err(Error::Invalid("the first message of an upload has to be its header".to_owned()));
    };
    Ok(Artifact { digest: header.digest.parse()?, bytes: header.bytes })
}

/// The bytes of a later one.
pub(crate) fn chunk(part: Result<v1::PutRequest, Status>) -> Result<Bytes, Error> {
    // Not "invalid": workers take that for a refusal for good.
    let broke_off =
        |status: Status| Error::Unavailable(format!("the upload broke off: {}", status.message()));
    match part.map_err(broke_off)?.part {
        Some(put_request::Part::Chunk(chunk)) if chunk.len() <= tombola_wire::CHUNK => Ok(chunk.into()),
        Some(put_request::Part::Chunk(chunk)) => {
            let most = tombola_wire::CHUNK;
            Err(Error::Invalid(format!("a chunk of {} bytes, more than {most}", chunk.len())))
        }
        _ => Err(Error::Invalid("after an upload's header come only chunks".to_owned())),
    }
}
