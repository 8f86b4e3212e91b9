//! Backups: a whole state in a folder, taken while the coordinator works, and laid out again elsewhere, on either database.
//!
//! ```text
//!   FOLDER/backup.json            what the backup is; put there last, in one step
//!   FOLDER/rows-3/jobs.jsonl …    rows of each table, a JSON list a line; of the third backup into this folder
//!   FOLDER/rows-3/named-artifacts.jsonl
//!   FOLDER/artifacts/ab/ab12…     shared by all backups into this folder, so that the next one copies only what is new
//! ```
//!
//! Whatever interrupts a backup leaves the earlier one whole: `backup.json` names its rows, and nothing that it names is
//! removed before another took its place.

mod folder;
mod manifest;
mod restore;
mod rows;
mod take;

pub use restore::{Restored, check, restore};
pub use take::{Taken, take};

use crate::{artifacts::Artifacts, progress::Progress};
use anyhow::Context;
use futures::{StreamExt, stream};
use tombola_spec::outcome::Artifact;

/// Artifacts copied at a time: each waits for the disk now and then.
const AT_ONCE: usize = 8;
/// Most faults told one by one.
const TOLD: usize = 5;

/// The artifacts of the whole backup in a folder.
///
/// # Errors
/// If there is none.
pub(crate) fn artifacts_of(path: &std::path::Path) -> anyhow::Result<Artifacts> {
    let folder = folder::Folder::read(path)?;
    folder::whole(&folder)?;
    Ok(Artifacts::beside(&folder.artifacts(), crate::config::Bytes(u64::MAX))?)
}

/// What was there, and what of it had to be copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    /// Artifacts.
    pub artifacts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that were not there before.
    pub new_artifacts: u64,
    /// Their bytes.
    pub new_bytes: u64,
}

/// Copies what is not there yet; every byte that is copied is checked against its artifact's name.
///
/// # Errors
/// If any is missing or damaged: what names it would be worth nothing.
async fn copy(
    from: &Artifacts,
    to: &Artifacts,
    named: &[Artifact],
    progress: &mut Progress,
) -> anyhow::Result<Copied> {
    let mut copied = Copied::default();
    let mut faults = Vec::new();
    let mut copies = stream::iter(named).map(|name| async move { (name, copy_one(from, to, *name).await) });
    let mut copies = std::pin::pin!(copies.by_ref().buffer_unordered(AT_ONCE));
    while let Some((name, done)) = copies.next().await {
        copied.artifacts += 1;
        copied.bytes += name.bytes;
        match done {
            Ok(false) => {}
            Ok(true) => {
                copied.new_artifacts += 1;
                copied.new_bytes += name.bytes;
            }
            Err(error) => faults.push(format!("{error:#}")),
        }
        progress.tell(|| format!("{} of {} artifacts", copied.artifacts, named.len()));
    }
    whole(&faults).map(|()| copied)
}

/// Whether it had to be copied.
async fn copy_one(from: &Artifacts, to: &Artifacts, name: Artifact) -> anyhow::Result<bool> {
    if to.length(&name.digest).await? == Some(name.bytes) {
        return Ok(false);
    }
    let bytes = from.get(name.digest).await?;
    to.put(name, Box::pin(bytes)).await?;
    Ok(true)
}

fn whole(faults: &[String]) -> anyhow::Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let told: Vec<_> =
        faults.iter().take(TOLD).map(|fault| format!("  {}", fault.replace("\nhint: ", "; "))).collect();
    anyhow::bail!(
        "{} artifacts that records name cannot be copied:\n{}\nhint: `tombola doctor` lists all of them with the jobs that made \
         them, and what to do",
        faults.len(),
        told.join("\n")
    )
}

/// What went wrong with a file, and with which.
trait At<T> {
    fn at(self, path: &std::path::Path) -> anyhow::Result<T>;
}

impl<T, E> At<T> for Result<T, E>
where
    Result<T, E>: Context<T, E>,
{
    fn at(self, path: &std::path::Path) -> anyhow::Result<T> {
        self.with_context(|| format!("`{}`", path.display()))
    }
}
