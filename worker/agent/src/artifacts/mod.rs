//! Artifacts on their way: kept on disk by digest, fetched when a job needs them, sent before a report names them.

mod cache;
mod transfer;

use crate::{
    aside::aside,
    error::{AgentError, Result},
};
use cache::{Cache, digest_of};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tombola_access::Channel;
use tombola_spec::{Digest, outcome::Artifact};

/// The way to the coordinator while there is one.
pub(crate) type Way = watch::Receiver<Option<Channel>>;

/// The artifacts of a worker. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Artifacts {
    cache: Arc<Cache>,
    way: Way,
    /// Between two tries.
    pause: Duration,
    /// Digests being fetched, so that a prefetch and a job that cannot wait for it share one download.
    fetching: Arc<Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Artifacts {
    /// The artifacts in `folder`, of which those nobody needs take up to `bound` bytes.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(crate) fn open(folder: PathBuf, bound: u64, way: Way, pause: Duration) -> Result<Self> {
        let cache = Arc::new(Cache::open(folder, bound)?);
        Ok(Self { cache, way, pause, fetching: Arc::default() })
    }

    /// Takes in a file an engine wrote, under the digest of its bytes.
    ///
    /// # Errors
    /// When it cannot be read, or the disk is full.
    pub(crate) async fn admit(&self, file: PathBuf) -> Result<Artifact> {
        self.on_disk(file.clone(), move |cache| cache.admit(&file)).await
    }

    /// Does slow work on the cache's disk where it holds up nobody. `place` is named should that be impossible.
    async fn on_disk<T: Send + 'static>(
        &self,
        place: PathBuf,
        work: impl FnOnce(&Cache) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let cache = Arc::clone(&self.cache);
        aside(move || work(&cache)).await.unwrap_or_else(|error| Err(AgentError::file(place)(error)))
    }

    /// The file of an artifact, from the cache or the coordinator, its bytes checked; waits as long as that is away.
    ///
    /// # Errors
    /// When the coordinator does not have it or it is damaged there, or the disk is full.
    pub(crate) async fn fetch(&self, artifact: Artifact) -> Result<PathBuf> {
        let turn = {
            let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            fetching.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(fetching.entry(artifact.digest).or_default())
        };
        let _turn = turn.lock().await;
        loop {
            if let Some(path) = self.cache.get(&artifact) {
                let file = path.clone();
                if self
                    .on_disk(path.clone(), move |_| digest_of(&file))
                    .await
                    .is_ok_and(|found| found == artifact.digest)
                {
                    return Ok(path);
                }
                // A disk that loses bits must not change what is trained.
                tracing::warn!(artifact = %artifact.digest, "artifacts.damaged: a file here is not what its name says; fetched again");
                self.cache.forget(&artifact.digest);
            }
            match self.download(artifact).await {
                Err(AgentError::Away(why)) => {
                    tracing::debug!(artifact = %artifact.digest, why, "artifacts.wait: a download is tried again");
                    tokio::time::sleep(self.pause).await;
                }
                done => return done,
            }
        }
    }

    async fn download(&self, artifact: Artifact) -> Result<PathBuf> {
        let channel = self.channel().await?;
        let mut file = self.cache.incoming()?;
        transfer::download(&channel, artifact, &mut file).await?;
        tracing::debug!(artifact = %artifact.digest, bytes = artifact.bytes, "artifacts.fetched: an input is here");
        let file = file.into_temp_path();
        self.on_disk(file.to_path_buf(), move |cache| cache.keep(file, artifact)).await
    }

    /// Has the coordinator hold these, pinned until the report that names them is committed.
    ///
    /// # Errors
    /// [`AgentError::Away`]: try again. [`AgentError::Refused`]: it never will. Anything else: they are lost to this
    /// worker.
    pub(crate) async fn upload(&self, artifacts: &[Artifact]) -> Result<()> {
        let channel = self.channel().await?;
        for artifact in transfer::missing(&channel, artifacts).await? {
            let path = self.cache.get(&artifact).ok_or_else(|| gone(artifact.digest))?;
            let sent = transfer::upload(&channel, artifact, &path).await;
            match sent {
                Ok(()) => {}
                Err(error @ (AgentError::Away(_) | AgentError::Refused { .. })) => return Err(error),
                Err(error) => {
                    self.cache.forget(&artifact.digest);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Removes what was not used for longest and is not needed, if there is too much of it. Does not wait for that.
    pub(crate) fn trim(&self, needed: impl FnOnce() -> BTreeSet<Digest>) {
        if let Some(safe_from) = self.cache.too_much() {
            let (cache, needed) = (Arc::clone(&self.cache), needed());
            tokio::spawn(aside(move || cache.trim(safe_from, &needed)));
        }
    }

    async fn channel(&self) -> Result<Channel> {
        let mut way = self.way.clone();
        let channel = way.wait_for(Option::is_some).await.ok().and_then(|channel| channel.clone());
        channel.ok_or_else(|| AgentError::Away("the worker is leaving".to_owned()))
    }
}

fn gone(digest: Digest) -> AgentError {
    AgentError::Artifact { digest, message: "its file is gone from this worker's folder".to_owned() }
}

/// `found`, if that is what was promised of the file in `place`.
pub(crate) fn check(place: &Path, promised: Digest, found: Artifact) -> Result<Artifact> {
    if found.digest == promised {
        return Ok(found);
    }
    let place = place.display().to_string();
    Err(AgentError::Corrupt { place, digest: promised, found: found.digest })
}
