//! Progress as a stream: the state now, then changes, a few a second however many there are.

use super::{Sweeps, find::to_wire, labels::Labels};
use crate::{Error, driver::Ended, store::views::Listed};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{self, error::TryRecvError},
    mpsc, watch,
};
use tokio_stream::wrappers::ReceiverStream;
use tombola_core::{
    record::{SweepRow, SweepState},
    schedule::{Progress, RunningJob, Scheduler},
};
use tombola_spec::{SweepId, WorkerId};
use tombola_wire::v1;
use tonic::Status;

/// Least time between two events.
const PAUSE: Duration = Duration::from_millis(250);
/// Without news for so long, it is looked whether anything can run at all. Longer than local workers take to connect.
const QUIET: Duration = Duration::from_secs(3);
/// Most jobs named in one event.
const NAMED: usize = 256;

type Events = mpsc::Sender<Result<v1::WatchEvent, Status>>;

impl Sweeps {
    pub(super) async fn watch_one(
        &self,
        what: &str,
    ) -> Result<ReceiverStream<Result<v1::WatchEvent, Status>>, Error> {
        let room = Arc::clone(&self.watches).try_acquire_owned().map_err(|_| too_many())?;
        let row = self.find(what).await?;
        let watching = Watching {
            // Before anything is read, so that nothing is missed.
            news: self.driver.watch(row.id),
            ended: self.driver.ended(),
            labels: Labels::default(),
            workers: HashMap::new(),
            asked: (String::new(), 0),
            warnings: Vec::new(),
            id: row.id,
            name: row.name,
            sweeps: self.clone(),
            _room: room,
        };
        // A reader that is slow gets fewer events, not older ones.
        let (events, stream) = mpsc::channel(1);
        self.tasks.spawn(watching.run(events));
        Ok(ReceiverStream::new(stream))
    }
}

/// One watcher.
struct Watching {
    sweeps: Sweeps,
    id: SweepId,
    name: String,
    news: watch::Receiver<()>,
    ended: broadcast::Receiver<Ended>,
    labels: Labels,
    /// Names of workers seen so far.
    workers: HashMap<WorkerId, String>,
    /// The file the labels are of, and how many jobs it asked for then: results may make it more.
    asked: (String, u64),
    /// Why nothing runs, as last told.
    warnings: Vec<String>,
    _room: OwnedSemaphorePermit,
}

impl Watching {
    async fn run(mut self, events: Events) {
        let stop = self.sweeps.stop.clone();
        let over = tokio::select! {
            over = self.tell(&events) => over,
            () = events.closed() => return,
            () = stop.cancelled() => Err(Error::Unavailable("the coordinator is shutting down; watch again".to_owned())),
        };
        if let Err(error) = over {
            // Whoever watched may have left meanwhile.
            let _ = events.send(Err(error.into())).await;
        }
    }

    /// Sends events until nothing more will happen and all of it was told.
    async fn tell(&mut self, events: &Events) -> Result<(), Error> {
        loop {
            self.news.borrow_and_update();
            let (event, over) = self.event().await?;
            let more = event.ended.len() == NAMED;
            if events.send(Ok(event)).await.is_err() || (over && !more) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            if !more && !self.wait().await? {
                return Ok(());
            }
        }
    }

    /// Waits for news of the sweep, or of why nothing of it runs; whether there may be any.
    async fn wait(&mut self) -> Result<bool, Error> {
        loop {
            if let Ok(changed) = tokio::time::timeout(QUIET, self.news.changed()).await {
                return Ok(changed.is_ok());
            }
            let warnings = self.stalled().await?;
            if warnings != self.warnings {
                self.warnings = warnings;
                return Ok(true);
            }
        }
    }

    async fn stalled(&self) -> Result<Vec<String>, Error> {
        let id = self.id;
        self.sweeps.driver.read(move |scheduler, _| scheduler.stalled(id)).await
    }

    /// What there is to tell now, and whether nothing more will happen.
    async fn event(&mut self) -> Result<(v1::WatchEvent, bool), Error> {
        let row = self.sweeps.find(&self.name).await?;
        let SweepRow { id, name, state, source, .. } = row;
        let (progress, running) = self.look(id, &name).await?;
        let asked = (source, progress.jobs());
        if asked != self.asked {
            self.labels = Labels::load(self.sweeps.store.as_ref(), id).await?;
            self.asked = asked;
        }
        if !self.warnings.is_empty() {
            self.warnings = self.stalled().await?;
        }
        let running = self.described(running).await?;
        let ended = self.ended();
        let over = is_over(state, &progress);
        let listed = Listed { id, name, state, trials: self.labels.trials };
        let sweep = Some(to_wire(listed, progress));
        let warnings = self.warnings.clone();
        Ok((v1::WatchEvent { sweep, running, ended, warnings }, over))
    }

    /// How far the sweep is and what of it runs, at one moment.
    async fn look(&self, id: SweepId, name: &str) -> Result<(Progress, Vec<RunningJob>), Error> {
        let look = move |scheduler: &Scheduler, _| {
            let running: Vec<_> = scheduler.running(id).into_iter().take(NAMED).collect();
            (scheduler.progress(id), running)
        };
        Ok(match self.sweeps.driver.read(look).await? {
            (Some(progress), running) => (progress, running),
            (None, running) => (self.sweeps.progress(id, name).await?, running),
        })
    }

    async fn described(&mut self, running: Vec<RunningJob>) -> Result<Vec<v1::Running>, Error> {
        if running.iter().any(|running| !self.workers.contains_key(&running.worker)) {
            let workers = self.sweeps.driver.read(|scheduler, now| scheduler.workers(now)).await?;
            self.workers.extend(workers.into_iter().map(|worker| (worker.worker, worker.name)));
        }
        Ok(running.into_iter().map(|running| self.running_to_wire(running)).collect())
    }

    fn running_to_wire(&self, running: RunningJob) -> v1::Running {
        let RunningJob { job, worker, iteration, from, to } = running;
        let label = self.labels.get(job).unwrap_or_default();
        let worker = self.workers.get(&worker).cloned().unwrap_or_else(|| worker.to_string());
        v1::Running { job: job.to_string(), label, worker, iteration, from, to }
    }

    /// Jobs of this sweep that ended since the last event. A watcher that fell far behind misses the oldest.
    fn ended(&mut self) -> Vec<v1::Ended> {
        let mut all = Vec::new();
        while all.len() < NAMED {
            match self.ended.try_recv() {
                Ok(Ended { job, how, message }) => {
                    let Some(label) = self.labels.get(job) else { continue };
                    all.push(v1::Ended { job: job.to_string(), label, how: how.to_owned(), message });
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        all
    }
}

fn too_many() -> Error {
    Error::Exhausted(
        "as many people watch as may at once\nhint: `tombola list` shows progress too; the operator can raise \
         `limits.watches` in coordinator.toml"
            .to_owned(),
    )
}

/// Whether nothing of a sweep runs, and nothing will before people ask for it.
fn is_over(state: SweepState, progress: &Progress) -> bool {
    progress.finished || (state == SweepState::Stopped && progress.running == 0)
}
