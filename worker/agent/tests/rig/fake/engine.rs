//! One pretended engine: keeps to `spec::slot`, takes time, writes files.

use super::{Act, Script, figures};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;
use tombola_agent::SlotSpec;
use tombola_spec::{
    Digest,
    outcome::{Failure, FailureClass},
    slot::{Event, OutputFile, Request, Stage, StageJob},
};

/// Steps of a job.
const STEPS: u64 = 10;

pub(super) struct Pretender {
    pub(super) script: Arc<Script>,
    pub(super) step: Duration,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) spec: SlotSpec,
}

/// A job in pretended training.
struct Lane {
    job: StageJob,
    act: Act,
    from: u64,
    to: u64,
    /// Iterations done, from the start of the schedule.
    at: u64,
}

/// Why a stage stops.
enum Stop {
    /// Every job is over, or was checkpointed.
    Done,
    /// The engine dies.
    Dies(String),
}

impl Pretender {
    /// Lives until nobody asks any more, or dead; returns how it ended.
    pub(super) async fn live(mut self, first: Event) -> String {
        let able = matches!(first, Event::Ready { .. });
        self.say(first).await;
        while let (true, Some(request)) = (able, self.requests.recv().await) {
            match request {
                Request::Run(stage) => match self.run(&stage).await {
                    Stop::Done => self.say(Event::StageDone).await,
                    Stop::Dies(how) => return how,
                },
                Request::Cancel { .. } | Request::Yield => {}
            }
        }
        "it exited with code 0".to_owned()
    }

    async fn say(&self, event: Event) {
        // An agent that is gone hears nothing.
        let _ = self.events.send(event).await;
    }

    async fn run(&mut self, stage: &Stage) -> Stop {
        let mut lanes = Vec::new();
        for job in &stage.jobs {
            match Lane::begin(job.clone(), (self.script)(job)) {
                Ok(lane) => {
                    self.say(Event::Started { job: job.job, iteration: lane.at }).await;
                    lanes.push(lane);
                }
                Err(failure) => self.say(Event::Failed { job: job.job, failure }).await,
            }
        }
        while !lanes.is_empty() {
            tokio::time::sleep(self.step).await;
            while let Ok(request) = self.requests.try_recv() {
                match request {
                    Request::Cancel { job } => lanes.retain(|lane| lane.job.job != job),
                    Request::Yield => {
                        for lane in &lanes {
                            self.checkpoint(lane, &stage.folder).await;
                        }
                        return Stop::Done;
                    }
                    Request::Run(_) => return Stop::Dies("it was told nonsense".to_owned()),
                }
            }
            let mut rest = Vec::new();
            for mut lane in lanes {
                match self.advance(&mut lane, stage).await {
                    Ok(true) => {}
                    Ok(false) => rest.push(lane),
                    Err(dies) => return dies,
                }
            }
            lanes = rest;
        }
        Stop::Done
    }

    /// One step of a lane; true once it is over.
    async fn advance(&self, lane: &mut Lane, stage: &Stage) -> Result<bool, Stop> {
        let job = lane.job.job;
        let half = lane.at >= lane.from + (lane.to - lane.from) / 2;
        match &lane.act {
            Act::Crash if half => return Err(Stop::Dies("it was killed by signal 11".to_owned())),
            Act::Hang if half => std::future::pending().await,
            Act::Endless => lane.at += 1,
            Act::Train | Act::Crash | Act::Hang => {
                lane.at = lane.to.min(lane.at + (lane.to - lane.from).div_ceil(STEPS));
            }
        }
        self.say(Event::Progress { job, iteration: lane.at }).await;
        if lane.to > lane.from {
            self.say(Event::Metrics { job, series: figures::points(lane.at) }).await;
        }
        if lane.act == Act::Endless || lane.at < lane.to {
            return Ok(false);
        }
        self.finish(&lane.job, stage).await;
        Ok(true)
    }

    async fn finish(&self, job: &StageJob, stage: &Stage) {
        let finished = figures::outputs(job).and_then(|(files, summary)| {
            let write = |(output, bytes): (_, Vec<u8>)| {
                let file = stage.folder.join(format!("{}.{output}.safetensors", job.job));
                std::fs::write(&file, &bytes)?;
                Ok((output, OutputFile { file, digest: Digest::of(&bytes), bytes: bytes.len() as u64 }))
            };
            let outputs = files.into_iter().map(write).collect::<std::io::Result<_>>()?;
            let provenance = figures::provenance(stage, self.spec);
            Ok(Event::Finished { job: job.job, outputs, summary, provenance })
        });
        let event = finished.unwrap_or_else(|error| Event::Failed { job: job.job, failure: failure(&error) });
        self.say(event).await;
    }

    async fn checkpoint(&self, lane: &Lane, folder: &Path) {
        let (job, iteration) = (lane.job.job, lane.at);
        let file = folder.join(format!("{job}.checkpoint.safetensors"));
        let event = match std::fs::write(&file, format!("{job} at {iteration}")) {
            Ok(()) => Event::Checkpoint { job, iteration, file },
            Err(error) => Event::Failed { job, failure: failure(&error) },
        };
        self.say(event).await;
    }
}

impl Lane {
    /// A job at its beginning, or where its checkpoint left it.
    fn begin(job: StageJob, act: Act) -> Result<Self, Failure> {
        let missing = job.inputs.values().chain(&job.resume).find(|file| !file.exists());
        if let Some(file) = missing {
            return Err(failure(&std::io::Error::other(format!("`{}` is not there", file.display()))));
        }
        let (from, to) = figures::span(&job.spec);
        let at = match &job.resume {
            Some(file) => resumed(file).map_err(|error| failure(&error))?,
            None => from,
        };
        Ok(Self { job, act, from, to, at })
    }
}

fn resumed(file: &PathBuf) -> std::io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let iteration = text.rsplit(' ').next().and_then(|digits| digits.parse().ok());
    iteration.ok_or_else(|| std::io::Error::other(format!("`{}` is no pretended checkpoint", file.display())))
}

fn failure(error: &std::io::Error) -> Failure {
    Failure { class: FailureClass::Infrastructure, message: error.to_string() }
}
