//! Artifacts against the records that name them, and against their names.

use super::{Cure, Examination};
use crate::{
    artifacts::Artifacts,
    clock,
    config::Config,
    finding::{Finding, Grade},
    progress::Progress,
    store::{SqlStore, Store, checkup::Named},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;
use tombola_spec::{Digest, JobId, outcome::Artifact};

/// Artifacts read at a time.
const AT_ONCE: usize = 4;

/// An artifact that is not as its name says.
pub(super) struct Bad {
    pub(super) artifact: Artifact,
    /// Its bytes are there and are others.
    pub(super) damaged: bool,
    /// Results name it.
    pub(super) needed: bool,
    /// Jobs whose checkpoint it is.
    pub(super) checkpoint_of: Vec<JobId>,
    about: String,
}

pub(super) async fn look(
    config: &Config,
    store: &SqlStore,
    quick: bool,
    to: &mut Examination,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    if !config.artifacts.is_dir() {
        // Told with the folders.
        return Ok(());
    }
    let shelf = Artifacts::beside(&config.artifacts, config.limits.artifact)?;
    // What is named now is not collected before it was looked at.
    let _kept = shelf.keep_all()?;
    let named = store.named().await?;
    if let Some(finding) = foreign(&shelf, &store.identity().await?, &named) {
        to.findings.push(finding);
        return Ok(());
    }
    let mut looks = stream::iter(&named).map(|named| examine(&shelf, named, quick)).buffer_unordered(AT_ONCE);
    let (mut bad, mut looked) = (Vec::new(), 0);
    while let Some(found) = looks.next().await {
        bad.extend(found?);
        looked += 1;
        progress.tell(|| format!("{looked} of {} artifacts", named.len()));
    }
    drop(looks);
    if bad.is_empty() {
        let how = if quick {
            "are there (their bytes were not read)"
        } else {
            "are there, and their bytes are right"
        };
        let found = format!("all {} that records name {how}", named.len());
        to.add(Finding::new("artifacts", Grade::Fine, found), None);
    }
    bad.sort_by_key(|bad| bad.artifact.digest);
    let (damaged, missing): (Vec<_>, Vec<_>) = bad.into_iter().partition(|bad| bad.damaged);
    tell(to, damaged, "have other bytes than their names say", REPAIR_DAMAGED);
    tell(to, missing, "are missing", REPAIR_MISSING);
    to.findings.push(unnamed(&shelf, store, &named).await?);
    Ok(())
}

/// Whether these are another state's artifacts, or nobody's: everything would seem to be missing, and be mended away.
fn foreign(shelf: &Artifacts, state: &str, named: &[Named]) -> Option<Finding> {
    let place = shelf.folder().display();
    let (found, advice) = match shelf.claimed() {
        Some(claimed) if claimed == state => return None,
        Some(_) => (
            format!("those in `{place}` belong to another state than this database holds"),
            "name this state's own folder: --artifacts, or `artifacts` in the configuration",
        ),
        None if named.is_empty() => return None,
        None => (
            format!("`{place}` was never used by this state, and records name {} artifacts", named.len()),
            "name the right folder, or mount it. If it is lost and this is to take its place, let a coordinator lead once: it \
             claims the folder; then stop it and run this again, with --from BACKUP",
        ),
    };
    Some(Finding::new("artifacts", Grade::Fault, found).so("nothing more was looked at there", advice))
}

const REPAIR_MISSING: &str = "copies them from the backup that --from names; of those that no backup has, checkpoints are forgotten: their jobs begin anew";
const REPAIR_DAMAGED: &str =
    "moves them into the folder `damaged`, so that they can come again; then as with missing ones";

fn tell(to: &mut Examination, bad: Vec<Bad>, how: &str, repair: &'static str) {
    if bad.is_empty() {
        return;
    }
    let mut finding = Finding::new("artifacts", Grade::Fault, format!("{} that records name {how}", bad.len()))
        .so(
            "rounds that go on from these weights or masks cannot, nor can they be fetched; jobs cannot resume from such a checkpoint",
            "`tombola doctor --repair --from BACKUP` copies them from a backup",
        )
        .about(bad.iter().map(|bad| bad.about.clone()).collect());
    finding.repair = Some(repair);
    to.add(finding, Some(Cure::Artifacts(bad)));
}

/// What is wrong with an artifact, if anything is.
async fn examine(shelf: &Artifacts, named: &Named, quick: bool) -> anyhow::Result<Option<Bad>> {
    let Named { artifact, by, checkpoint_of } = named;
    let damaged = match shelf.length(&artifact.digest).await? {
        None => false,
        Some(length) if length != artifact.bytes => true,
        Some(_) if quick => return Ok(None),
        Some(_) => match read(shelf, artifact.digest).await {
            Ok(()) => return Ok(None),
            Err(crate::Error::Corrupt(_)) => true,
            Err(error) => return Err(error.into()),
        },
    };
    let checkpoints = checkpoint_of.iter().map(|job| format!("checkpoint of {job}"));
    let whose: Vec<String> = by.iter().cloned().chain(checkpoints).collect();
    let about = format!("{} ({})", artifact.digest, whose.join(", "));
    let (artifact, needed, checkpoint_of) = (*artifact, !by.is_empty(), checkpoint_of.clone());
    Ok(Some(Bad { artifact, damaged, needed, checkpoint_of, about }))
}

async fn read(shelf: &Artifacts, digest: Digest) -> Result<(), crate::Error> {
    shelf.get(digest).await?.try_for_each(|_| std::future::ready(Ok(()))).await
}

/// What nothing names: uploads under way, or what a coordinator at work removes by itself.
async fn unnamed(shelf: &Artifacts, store: &SqlStore, named: &[Named]) -> anyhow::Result<Finding> {
    let mut used: HashSet<Digest> = named.iter().map(|named| named.artifact.digest).collect();
    let recorded = used.len();
    used.extend(store.kept(clock::now()).await?);
    let waiting = used.len() - recorded;
    let there = shelf.older(i64::MAX).await?;
    let nobodys: Vec<_> = there.iter().filter(|digest| !used.contains(digest)).collect();
    let mut bytes = 0;
    for digest in &nobodys {
        bytes += shelf.length(digest).await?.unwrap_or(0);
    }
    let found = format!(
        "{waiting} uploads wait for the record that names them; nobody names {} others ({} MiB)",
        nobodys.len(),
        bytes >> 20
    );
    Ok(Finding::new("artifacts", Grade::Note, found)
        .so(
            "",
            if nobodys.is_empty() {
                ""
            } else {
                "a coordinator at work removes them by itself (`uploads.collect`)"
            },
        )
        .about(nobodys.iter().map(ToString::to_string).collect()))
}
