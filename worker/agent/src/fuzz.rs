//! Doors for fuzzers (`deploy/fuzz/guided`): what meets bytes from outside first, and is nobody else's business.

use crate::{
    Exit, Result,
    executor::process,
    session::{
        convert::{from_wire, read_fact, to_wire, write_report},
        message::Fact,
        state::{Action, Input, Rules, State},
    },
    slot::Told,
    spool::Spool,
};
use std::{path::Path, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tombola_spec::{JobId, slot::Event};
use tombola_wire::{ConversionError, v1};

/// The reports of a worker's spool, which is written anew with them.
///
/// # Errors
/// When the folder holds no spool, or cannot be written.
pub fn spooled(folder: &Path) -> Result<Vec<v1::Report>> {
    let (mut spool, reports) = Spool::open(folder)?;
    spool.rewrite(reports.iter())?;
    Ok(reports.into_iter().map(write_report).collect())
}

/// What an engine says in these bytes, and whether it has to be ended for them.
pub async fn engine_says(bytes: &[u8]) -> (Vec<Event>, bool) {
    let (events, mut heard) = mpsc::channel(bytes.len() + 1);
    let kill = CancellationToken::new();
    process::read(bytes, events, kill.clone()).await;
    let mut all = Vec::new();
    while let Some(event) = heard.recv().await {
        all.push(event);
    }
    (all, kill.is_cancelled())
}

/// Something that a worker wants done.
#[derive(Debug)]
pub enum Wish {
    /// To say this to the coordinator.
    Say(Box<v1::FromWorker>),
    /// That this slot gets an order.
    Order(usize),
    /// To upload what this report needs.
    Upload(u64),
    /// To leave.
    Exit(Exit),
    /// Something with its disk.
    Disk,
}

/// The decisions of a worker with two slots, without clock, disk and network.
#[derive(Debug)]
pub struct Worker(State);

impl Default for Worker {
    fn default() -> Self {
        let drain_within = Duration::from_secs(60);
        let rules = Rules { spool_bytes: 1 << 14, drain_within, time_limit: None };
        Self(State::new(2, rules, None, Vec::new(), false))
    }
}

impl Worker {
    /// The coordinator says something.
    ///
    /// # Errors
    /// When it means nothing: the link is dropped.
    pub fn hear(&mut self, message: v1::ToWorker) -> std::result::Result<Vec<Wish>, ConversionError> {
        let message = from_wire(message)?;
        Ok(message.map_or_else(Vec::new, |message| self.handle(Input::Message(message))))
    }

    /// A link is open, or gone.
    pub fn link(&mut self, open: bool) -> Vec<Wish> {
        self.handle(if open { Input::Opened } else { Input::Closed })
    }

    /// A slot says this of a job; that it is given back stands for the end of the stage.
    ///
    /// # Errors
    /// When it is no fact.
    pub fn slot(&mut self, slot: usize, said: v1::Report) -> std::result::Result<Vec<Wish>, ConversionError> {
        let job = JobId(said.job);
        let told = match read_fact(said)? {
            Fact::Started { iteration } => Told::Started { job, iteration },
            Fact::Metrics { series, .. } => Told::Metrics { job, series },
            Fact::Checkpoint { iteration, artifact } => Told::Checkpoint { job, iteration, artifact },
            Fact::Finished(outcome) => Told::Finished { job, outcome },
            Fact::Failed(failure) => Told::Failed { job, failure },
            Fact::GivenBack => Told::Ended,
        };
        Ok(self.handle(Input::Slot(slot, told)))
    }

    /// A slot has no engine, or has one again.
    pub fn engine(&mut self, slot: usize, works: bool) -> Vec<Wish> {
        let told = if works { Told::Mended } else { Told::Broken("no engine".to_owned()) };
        self.handle(Input::Slot(slot, told))
    }

    /// What a report needs is uploaded, or could not be.
    pub fn uploaded(&mut self, report: u64, there: bool) -> Vec<Wish> {
        self.handle(if there { Input::Uploaded(report) } else { Input::UploadFailed(report) })
    }

    /// So much time has passed since the start; whether the disk takes nothing.
    pub fn tick(&mut self, seconds: u64, unwritten: bool) -> Vec<Wish> {
        self.handle(Input::Tick { now: Duration::from_secs(seconds), unwritten })
    }

    /// Somebody wants it to leave.
    pub fn drain(&mut self) -> Vec<Wish> {
        self.handle(Input::Drain)
    }

    /// Numbers of the reports that are not acknowledged.
    pub fn reports(&self) -> Vec<u64> {
        self.0.reports().map(|report| report.sequence).collect()
    }

    fn handle(&mut self, input: Input) -> Vec<Wish> {
        let wish = |action| match action {
            Action::Send(message) => Wish::Say(Box::new(to_wire(message, 1, "{}", 1))),
            Action::Order(slot, _) => Wish::Order(slot),
            Action::Upload(report, _) => Wish::Upload(report),
            Action::Exit(exit) => Wish::Exit(exit),
            Action::Fetch(_) | Action::Record(_) | Action::Sweep | Action::Remember(_) => Wish::Disk,
        };
        self.0.handle(input).into_iter().map(wish).collect()
    }
}
