//! Sweeps by name or id, and how they are shown.

use super::Sweeps;
use crate::{Error, store::views};
use tombola_core::{record::SweepRow, schedule::Progress};
use tombola_spec::SweepId;
use tombola_wire::v1;

impl Sweeps {
    /// The sweep of this name, else of this id (`s3`).
    pub(super) async fn find(&self, what: &str) -> Result<SweepRow, Error> {
        if let Some(row) = self.store.sweep(what).await? {
            return Ok(row);
        }
        let id = what.strip_prefix('s').and_then(|digits| digits.parse().ok()).map(SweepId);
        let row = match id {
            Some(id) => self.store.sweep_by_id(id).await?,
            None => None,
        };
        row.ok_or_else(|| {
            Error::NotFound(format!("there is no sweep `{what}`\nhint: `tombola list` shows all sweeps"))
        })
    }

    /// One sweep, its file included.
    pub(super) async fn show(&self, what: &str) -> Result<v1::Sweep, Error> {
        let row = self.find(what).await?;
        self.show_row(row).await
    }

    pub(super) async fn show_row(&self, row: SweepRow) -> Result<v1::Sweep, Error> {
        let progress = self.progress(row.id, &row.name).await?;
        let listed = views::sweeps(self.store.as_ref(), Some(row.id)).await?;
        let trials = listed.first().map_or(0, |sweep| sweep.trials);
        let listed = views::Listed { id: row.id, name: row.name, state: row.state, trials };
        Ok(v1::Sweep { file: row.source, ..to_wire(listed, progress) })
    }

    /// How far a sweep is, in memory or not.
    pub(super) async fn progress(&self, id: SweepId, name: &str) -> Result<Progress, Error> {
        if let Some(progress) = self.driver.read(move |scheduler, _| scheduler.progress(id)).await? {
            return Ok(progress);
        }
        let mut stored = views::progress(self.store.as_ref(), &[name]).await?;
        Ok(stored.remove(name).unwrap_or_default())
    }

    /// All sweeps, without their files.
    pub(super) async fn list_all(&self) -> Result<v1::ListResponse, Error> {
        let all = views::sweeps(self.store.as_ref(), None).await?;
        let ids: Vec<SweepId> = all.iter().map(|sweep| sweep.id).collect();
        let living = self
            .driver
            .read(move |scheduler, _| ids.into_iter().map(|id| scheduler.progress(id)).collect::<Vec<_>>())
            .await?;
        let forgotten = all.iter().zip(&living).filter(|(_, progress)| progress.is_none());
        let names: Vec<&str> = forgotten.map(|(sweep, _)| sweep.name.as_str()).collect();
        let mut stored = views::progress(self.store.as_ref(), &names).await?;
        let sweeps = all.into_iter().zip(living).map(|(sweep, living)| {
            let progress = living.or_else(|| stored.remove(&sweep.name)).unwrap_or_default();
            to_wire(sweep, progress)
        });
        Ok(v1::ListResponse { sweeps: sweeps.collect() })
    }
}

/// A sweep without its file.
pub(super) fn to_wire(sweep: views::Listed, progress: Progress) -> v1::Sweep {
    let views::Listed { id, name, state, trials } = sweep;
    let state = progress.standing(state).to_owned();
    let Progress { waiting, ready, running, done, failed, iterations_done, iterations, finished, decides } =
        progress;
    let jobs = Some(v1::JobCounts { waiting, ready, running, done, failed });
    let (id, file) = (id.to_string(), String::new());
    v1::Sweep { id, name, state, jobs, iterations_done, iterations, finished, file, trials, decides }
}
