//! One stage in the hands of an engine, from the request to the last word.

use super::{
    Order, Slot, StageRun, Told,
    lane::{Lanes, MOST_POINTS, portions},
    while_wanted,
};
use crate::{artifacts::check, aside::aside};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep_until};
use tombola_spec::{
    JobId,
    job::Output,
    outcome::{Failure, FailureClass, Outcome, Provenance, Summary},
    slot::{Event, OutputFile, Request, Stage},
};

/// How an engine let go of a stage.
enum End {
    /// It is done with it, or nobody is left who wants it.
    Done,
    /// It died.
    Died {
        /// How, for people.
        how: String,
        /// Whether it had said anything about the stage.
        silent: bool,
    },
}

impl Slot {
    /// Runs a stage and tells that it ended.
    pub(super) async fn stage(&mut self, run: StageRun) {
        self.stages += 1;
        let folder = self.folder.join(self.stages.to_string());
        let mut broken = None;
        if let Some(stage) = self.prepare(run, &folder).await {
            broken = self.work(stage).await;
        }
        // What cannot be removed now is removed at the next start.
        let _ = aside(move || std::fs::remove_dir_all(folder)).await;
        self.tell(Told::Ended).await;
        if let Some(why) = broken {
            self.break_down(why).await;
        }
    }

    /// Has an engine run the stage. Returns why no engine could be had, if that is so.
    async fn work(&mut self, mut stage: Stage) -> Option<String> {
        let mut lanes = Lanes::new(&stage, self.limits.metrics_every);
        for last_try in [false, true] {
            let cancel = |job| lanes.cancel(job);
            let engine = match while_wanted(&mut self.orders, cancel, self.keeper.engine()).await {
                None => break,
                Some(Ok(engine)) => engine,
                Some(Err(error)) => {
                    self.fail_all(&mut lanes, &error.failure()).await;
                    return Some(error.to_string());
                }
            };
            stage.jobs.retain(|job| lanes.attempt(job.job).is_some());
            // An engine that is gone shows by what it does not say.
            let _ = engine.requests.send(Request::Run(stage.clone()));
            match self.follow(&mut lanes).await {
                End::Done => break,
                // The stage ends where it stood.
                End::Died { silent: true, .. } if lanes.yielding || lanes.is_empty() => break,
                // It may have died of the stage before, as an engine does whose device is broken.
                End::Died { how, silent: true } if !last_try => {
                    tracing::warn!(slot = self.number, how, "engine.died: before its stage began; once more");
                }
                End::Died { how, .. } => {
                    tracing::warn!(slot = self.number, how, "engine.died: its jobs are to be tried again");
                    let message = format!("the engine of slot {} died: {how}", self.number);
                    self.fail_all(&mut lanes, &Failure { class: FailureClass::Crashed, message }).await;
                    break;
                }
            }
        }
        lanes.jobs().into_iter().for_each(|(job, attempt)| self.progress.forget(job, attempt));
        None
    }

    async fn fail_all(&mut self, lanes: &mut Lanes, failure: &Failure) {
        for (job, _) in lanes.jobs() {
            self.end(lanes, job, Told::Failed { job, failure: failure.clone() }).await;
        }
    }

    /// Passes on what the engine says and what it is to be told, until the stage is over.
    async fn follow(&mut self, lanes: &mut Lanes) -> End {
        let (mut silent, mut stuck) = (true, None);
        let mut advanced = Instant::now();
        loop {
            // Started by the caller; without one, there is nothing to follow.
            let Ok(engine) = self.keeper.engine().await else { return End::Done };
            tokio::select! {
                event = engine.events.recv() => match event {
                    Some(Event::StageDone) => {
                        self.flush(lanes).await;
                        return End::Done;
                    }
                    Some(event) => {
                        silent = false;
                        if self.hear(lanes, event).await {
                            advanced = Instant::now();
                        }
                    }
                    None => {
                        let end = self.keeper.bury().await;
                        self.flush(lanes).await;
                        return End::Died { how: stuck.unwrap_or(end), silent };
                    }
                },
                order = self.orders.recv() => match order {
                    Some(order) => self.pass_on(lanes, &order).await,
                    None => return End::Done,
                },
                () = sleep_until(lanes.flush_at.unwrap_or(advanced)), if lanes.flush_at.is_some() => {
                    self.flush(lanes).await;
                }
                () = sleep_until(advanced + self.limits.stuck_after), if stuck.is_none() => {
                    silent = false;
                    stuck = Some(stuck_for(self.limits.stuck_after));
                    engine.kill.cancel();
                }
            }
        }
    }

    /// Tells an engine at work what it is to do.
    async fn pass_on(&mut self, lanes: &mut Lanes, order: &Order) {
        let request = match order {
            Order::Cancel(job) => {
                if let Some(attempt) = lanes.remove(*job) {
                    self.progress.forget(*job, attempt);
                }
                Request::Cancel { job: *job }
            }
            Order::Yield => {
                lanes.yielding = true;
                Request::Yield
            }
            Order::Run(_) => {
                tracing::error!(slot = self.number, "slot.busy: a stage was ordered while another runs");
                return;
            }
        };
        if let Ok(engine) = self.keeper.engine().await {
            // One that is gone shows by what it does not say.
            let _ = engine.requests.send(request);
        }
    }

    /// Passes on a word of the engine. Returns whether it shows that the work advances: what is said of jobs that are over
    /// does not, and is told to nobody.
    async fn hear(&mut self, lanes: &mut Lanes, event: Event) -> bool {
        let Some(attempt) = event.job().and_then(|job| lanes.attempt(job)) else { return false };
        match event {
            Event::Started { job, iteration } => {
                self.progress.note(job, attempt, iteration);
                self.tell(Told::Started { job, iteration }).await;
            }
            Event::Progress { job, iteration } => return self.progress.note(job, attempt, iteration),
            Event::Metrics { job, series } => lanes.add(job, series),
            Event::Checkpoint { job, iteration, file } => {
                self.flush_job(lanes, job).await;
                match self.artifacts.admit(file).await {
                    Ok(artifact) => self.tell(Told::Checkpoint { job, iteration, artifact }).await,
                    // The job goes on; should it be interrupted, it resumes from the checkpoint before.
                    Err(error) => tracing::warn!(%job, %error, "slot.checkpoint: a checkpoint is not kept"),
                }
            }
            Event::Finished { job, outputs, summary, provenance } => {
                let told = self.finished(job, outputs, summary, provenance).await;
                self.end(lanes, job, told).await;
            }
            Event::Failed { job, failure } => {
                self.end(lanes, job, Told::Failed { job, failure }).await;
            }
            // They are about no job.
            Event::Ready { .. } | Event::Unable { .. } | Event::StageDone => return false,
        }
        true
    }

    /// Takes in the outputs of a job.
    async fn finished(
        &mut self,
        job: JobId,
        files: BTreeMap<Output, OutputFile>,
        summary: Summary,
        provenance: Provenance,
    ) -> Told {
        let mut outputs = BTreeMap::new();
        for (output, OutputFile { file, digest, .. }) in files {
            let admitted = self.artifacts.admit(file.clone()).await;
            match admitted.and_then(|artifact| check(&file, digest, artifact)) {
                Ok(artifact) => _ = outputs.insert(output, artifact),
                Err(error) => return Told::Failed { job, failure: error.failure() },
            }
        }
        Told::Finished { job, outcome: Box::new(Outcome { outputs, summary, provenance }) }
    }

    /// The last word about a job, after its points.
    async fn end(&mut self, lanes: &mut Lanes, job: JobId, last: Told) {
        self.flush_job(lanes, job).await;
        if let Some(attempt) = lanes.remove(job) {
            self.progress.forget(job, attempt);
        }
        self.tell(last).await;
    }

    async fn flush_job(&mut self, lanes: &mut Lanes, job: JobId) {
        for series in portions(lanes.take(job), MOST_POINTS) {
            self.tell(Told::Metrics { job, series }).await;
        }
    }

    async fn flush(&mut self, lanes: &mut Lanes) {
        for (job, series) in lanes.take_all() {
            for series in portions(series, MOST_POINTS) {
                self.tell(Told::Metrics { job, series }).await;
            }
        }
    }
}

fn stuck_for(time: Duration) -> String {
    format!("its training did not advance for {} s, so it was killed", time.as_secs())
}
