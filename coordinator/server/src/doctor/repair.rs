//! Repairs: as the leader, so that no coordinator is at work, and each conditional on what was found.

use super::{Cure, Examination, artifacts::Bad};
use crate::{
    app::existing_store,
    artifacts::Artifacts,
    backup, clock,
    config::Config,
    store::{SqlStore, Store, StoreError},
};
use anyhow::Context;
use std::path::Path;
use tombola_spec::{Digest, Epoch, JobId};

/// Does what the findings say, and marks those that are mended. Artifacts come from the backup in the folder `from`.
///
/// # Errors
/// If a coordinator is at work; nothing is changed then.
pub async fn repair(
    config: &Config,
    examination: &mut Examination,
    from: Option<&Path>,
) -> anyhow::Result<()> {
    let cures = std::mem::take(&mut examination.cures);
    if cures.is_empty() {
        return Ok(());
    }
    let store = existing_store(config).await?;
    let epoch = match store.lead(std::time::Duration::ZERO).await {
        Err(StoreError::Held { place, holder }) => anyhow::bail!(
            "a coordinator is at work on `{place}`{holder}, and repairs beside it are refused; nothing was changed\nhint: stop it, \
             and run this again"
        ),
        led => led?,
    };
    let backup = from.map(backup::artifacts_of).transpose()?;
    for (number, cure) in cures {
        let mended = match cure {
            Cure::Jobs(mend, jobs) => store.mend(epoch, mend, &jobs, clock::now()).await.map(|()| true)?,
            Cure::Artifacts(bad) => artifacts(config, &store, epoch, bad, backup.as_ref()).await?,
        };
        if let Some(finding) = examination.findings.get_mut(number) {
            finding.repaired = mended;
        }
    }
    Ok(())
}

/// Whether all of them are mended.
async fn artifacts(
    config: &Config,
    store: &SqlStore,
    epoch: Epoch,
    bad: Vec<Bad>,
    backup: Option<&Artifacts>,
) -> anyhow::Result<bool> {
    let shelf = Artifacts::open(&config.artifacts, config.limits.artifact)?;
    let mut mended = true;
    let mut forgotten: Vec<(JobId, Digest)> = Vec::new();
    for Bad { artifact, damaged, needed, checkpoint_of, .. } in bad {
        if damaged {
            // Where it lay it would keep the right bytes from coming.
            shelf.set_aside(&artifact.digest).await?;
        }
        let fetched = match backup {
            Some(backup) if backup.length(&artifact.digest).await? == Some(artifact.bytes) => {
                let bytes = backup.get(artifact.digest).await?;
                shelf.put(artifact, Box::pin(bytes)).await.context("from the backup")?;
                true
            }
            _ => false,
        };
        if !fetched {
            mended &= !needed;
            forgotten.extend(checkpoint_of.into_iter().map(|job| (job, artifact.digest)));
        }
    }
    store.forget_checkpoints(epoch, &forgotten).await?;
    Ok(mended)
}
