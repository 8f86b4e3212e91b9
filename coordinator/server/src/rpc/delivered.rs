//! Reports that name artifacts are believed once the artifacts are there: a job is never done without its outputs.

use crate::{Error, artifacts::Artifacts, collect::Gate};
use tokio::sync::OwnedRwLockReadGuard;
use tombola_core::schedule::{Event, Fact};
use tombola_spec::outcome::{Artifact, Failure, FailureClass};

/// What tells delivered artifacts from promised ones.
#[derive(Clone)]
pub(crate) struct Delivered {
    pub(crate) shelf: Artifacts,
    pub(crate) gate: Gate,
}

/// Keeps what was found from being removed until the leader was told.
pub(super) type Held = Option<OwnedRwLockReadGuard<()>>;

impl Delivered {
    /// A result whose artifacts are missing becomes a failure of the surroundings, which is tried again and not charged;
    /// a checkpoint that is missing is forgotten.
    pub(super) async fn check(&self, mut event: Event) -> Result<(Event, Held), Error> {
        let Event::Report { fact, .. } = &mut event else { return Ok((event, None)) };
        let named: Vec<Artifact> = match fact {
            Fact::Finished(outcome) => outcome.outputs.values().copied().collect(),
            Fact::Checkpoint(checkpoint) => vec![checkpoint.artifact],
            _ => return Ok((event, None)),
        };
        let held = self.gate.hold().await;
        if let Some(artifact) = self.missing(&named).await? {
            tracing::warn!(artifact = %artifact.digest, "worker.missing: a report names an artifact that is not there");
            *fact = match fact {
                Fact::Checkpoint(_) => Fact::CheckpointGone,
                _ => Fact::Failed(undelivered(&artifact)),
            };
        }
        Ok((event, Some(held)))
    }

    /// The first of these that is not there.
    async fn missing(&self, named: &[Artifact]) -> Result<Option<Artifact>, Error> {
        for artifact in named {
            if self.shelf.length(&artifact.digest).await? != Some(artifact.bytes) {
                return Ok(Some(*artifact));
            }
        }
        Ok(None)
    }
}

fn undelivered(artifact: &Artifact) -> Failure {
    let (digest, bytes) = (artifact.digest.short(), artifact.bytes);
    let message = format!(
        "the worker reported artifact `{digest}` ({bytes} bytes), which the coordinator does not hold; a worker that was \
         cut off for longer than `uploads.kept` has to do its work again"
    );
    Failure { class: FailureClass::Infrastructure, message }
}
