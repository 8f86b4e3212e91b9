//! Judgements: what was measured of a sweep is read here and made verdicts, so that the leader never waits for it.

use super::{
    Driver,
    expansion::{aside, dense},
};
use crate::Error;
use tombola_core::{
    schedule::{Event, Judgement, Scheduler},
    sweep,
};
use tombola_spec::SweepId;

impl Driver {
    /// Waits until there are results that nobody has judged.
    pub async fn hear_bell(&self) {
        self.bell.notified().await;
    }

    /// Sweeps of which something is known that nobody has judged.
    ///
    /// # Errors
    /// When there is no leader at the moment.
    pub async fn unjudged(&self) -> Result<Vec<SweepId>, Error> {
        self.read(|scheduler: &Scheduler, _| scheduler.unjudged()).await
    }

    /// Judges what is known of a sweep: verdicts that can be given are, and what they add to it is stored with them.
    ///
    /// # Errors
    /// A store that cannot be read, a stored file that makes no sense to this build, a refused commit.
    pub async fn judge(&self, id: SweepId) -> Result<(), Error> {
        // Before the news are counted: whatever happens to the sweep from here on has to wait, or makes this one void.
        let turn = self.turn().await;
        let Some(seen) = self.read(move |scheduler: &Scheduler, _| scheduler.news(id)).await? else {
            return Ok(());
        };
        let store = self.store.as_ref();
        let Some(row) = store.sweep_by_id(id).await? else { return Ok(()) };
        let (dense, given, measured) =
            (dense(store, &row).await?, store.verdicts(id).await?, store.seen(id).await?);
        let (name, source) = (row.name, row.source);
        let decided = aside(move || sweep::decide(&sweep::parse(&source)?, &dense, &measured, &given)).await;
        let decision = decided
            .map_err(|error| Error::Internal(format!("the stored file of sweep `{name}`: {error}")))?;
        let (mut known, mut trials) = (Vec::new(), Vec::new());
        if let Some((verdicts, growth)) = &decision {
            (known, trials) = (self.known(&growth.plan).await?, self.stored(id).await?);
            let (verdicts, jobs) = (verdicts.len(), growth.fresh.len());
            tracing::info!(%id, name, trials = verdicts, jobs, "sweep.judged: results decide how trials go on");
        }
        let judgement = Judgement { sweep: id, seen, decision, known, trials };
        self.accept(turn, Event::Judge(Box::new(judgement)), None).await?;
        Ok(())
    }
}
