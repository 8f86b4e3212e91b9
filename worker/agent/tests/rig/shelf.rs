//! The coordinator's artifacts.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex},
};
use tokio_stream::Stream;
use tombola_spec::{Digest, outcome::Artifact};
use tombola_wire::v1::{self, artifact_service_server::ArtifactService, put_request::Part};
use tonic::{Request, Response, Status, Streaming};

/// Bytes by digest; survives the coordinator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    held: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Uploads to be refused before one is taken.
    refusals: Arc<Mutex<u32>>,
    /// Bytes of the largest artifact that is taken.
    limit: Arc<Mutex<Option<u64>>>,
    puts: Arc<Mutex<u32>>,
}

impl Shelf {
    pub(crate) fn add(&self, bytes: &[u8]) -> Artifact {
        let digest = Digest::of(bytes);
        self.held.lock().unwrap().insert(digest.to_string(), bytes.to_vec());
        Artifact { digest, bytes: bytes.len() as u64 }
    }

    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.held.lock().unwrap().contains_key(&digest.to_string())
    }

    pub(crate) fn get(&self, digest: &str) -> Option<Vec<u8>> {
        self.held.lock().unwrap().get(digest).cloned()
    }

    /// Refuses the next `count` uploads, as a coordinator with a full disk does.
    pub(crate) fn refuse(&self, count: u32) {
        *self.refusals.lock().unwrap() = count;
    }

    /// Takes no artifact of more bytes from now on, and answers before it has read one.
    pub(crate) fn limit(&self, bytes: u64) {
        *self.limit.lock().unwrap() = Some(bytes);
    }

    /// Uploads that were taken.
    pub(crate) fn puts(&self) -> u32 {
        *self.puts.lock().unwrap()
    }
}

#[tonic::async_trait]
impl ArtifactService for Shelf {
    type GetStream = Pin<Box<dyn Stream<Item = Result<v1::Chunk, Status>> + Send>>;

    async fn put(
        &self,
        request: Request<Streaming<v1::PutRequest>>,
    ) -> Result<Response<v1::PutResponse>, Status> {
        let mut parts = request.into_inner();
        let (mut name, mut bytes) = (None, Vec::new());
        while let Some(part) = parts.message().await? {
            match part.part {
                Some(Part::Header(header))
                    if self.limit.lock().unwrap().is_some_and(|limit| header.bytes > limit) =>
                {
                    return Err(Status::invalid_argument("too large\nhint: raise `limits.artifact`"));
                }
                Some(Part::Header(header)) => name = Some(header),
                Some(Part::Chunk(chunk)) => bytes.extend(chunk),
                None => return Err(Status::invalid_argument("an empty part")),
            }
        }
        let refused = {
            let mut refusals = self.refusals.lock().unwrap();
            let refused = *refusals > 0;
            *refusals = refusals.saturating_sub(1);
            refused
        };
        let name = name.ok_or_else(|| Status::invalid_argument("no header"))?;
        if refused {
            return Err(Status::resource_exhausted("the coordinator's artifact folder is full"));
        }
        if Digest::of(&bytes).to_string() != name.digest || bytes.len() as u64 != name.bytes {
            return Err(Status::data_loss("the bytes do not match their digest"));
        }
        *self.puts.lock().unwrap() += 1;
        self.add(&bytes);
        Ok(Response::new(v1::PutResponse { existed: false }))
    }

    async fn get(
        &self,
        request: Request<v1::GetArtifactRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        let bytes =
            self.get(&request.into_inner().digest).ok_or_else(|| Status::not_found("no such artifact"))?;
        let chunks: Vec<_> = bytes.chunks(1000).map(|data| Ok(v1::Chunk { data: data.to_vec() })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }

    async fn have(&self, request: Request<v1::HaveRequest>) -> Result<Response<v1::HaveResponse>, Status> {
        let held = self.held.lock().unwrap();
        let digests = request.into_inner().digests.into_iter().filter(|digest| held.contains_key(digest));
        Ok(Response::new(v1::HaveResponse { digests: digests.collect() }))
    }
}
