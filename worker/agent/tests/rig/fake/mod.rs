//! An executor that pretends to train: deterministic, scriptable, without libtorch.
//!
//! It makes every output a job has, names them by their true digests, counts masks exactly as an engine would, writes
//! checkpoints it can go on from, and can be told to fail, crash, hang or refuse to start. What its files hold is its own.

mod engine;
mod figures;

use futures::FutureExt;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tombola_agent::{
    SlotSpec,
    executor::{Engine, Executor},
};
use tombola_spec::{
    Digest,
    data::known,
    slot::{Event, StageJob},
    worker::DataInfo,
};

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// It is trained to its end.
    Train,
    /// Half-way, the engine dies with everything it has in hand.
    Crash,
    /// It does not advance any more, half-way, and the engine hears nothing.
    Hang,
    /// It advances for ever, until it is cancelled or told to yield.
    Endless,
}

type Script = dyn Fn(&StageJob) -> Act + Send + Sync;

/// Starts engines that pretend. Cheap to clone; clones share the script and the count of starts.
#[derive(Clone)]
pub(crate) struct FakeExecutor {
    script: Arc<Script>,
    /// Time between two steps of a stage; a job has ten.
    step: Duration,
    unable: Option<String>,
    starts: Arc<AtomicUsize>,
}

impl Default for FakeExecutor {
    fn default() -> Self {
        Self::new(Duration::from_millis(1), |_| Act::Train)
    }
}

impl FakeExecutor {
    /// An executor whose jobs take ten steps of `step` and end as `script` says.
    pub(crate) fn new(step: Duration, script: impl Fn(&StageJob) -> Act + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), step, unable: None, starts: Arc::default() }
    }

    /// An executor whose engines say that they cannot work.
    pub(crate) fn unable(message: &str) -> Self {
        Self { unable: Some(message.to_owned()), ..Self::default() }
    }

    /// Engines started so far.
    pub(crate) fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }

    /// What its engines say first.
    fn introduction(&self, spec: &SlotSpec) -> Event {
        if let Some(message) = &self.unable {
            return Event::Unable { message: message.clone() };
        }
        let held = |set: &str| {
            let shape = known(set)?;
            Some(DataInfo { set: set.to_owned(), digest: Digest::of(set.as_bytes()), shape })
        };
        Event::Ready {
            device: spec.device,
            name: "a pretended device".to_owned(),
            memory: 0,
            libtorch: "none".to_owned(),
            data: ["mnist", "fashion_mnist"].into_iter().filter_map(held).collect(),
            unusable: Vec::new(),
            widths: Vec::new(),
            calibration: String::new(),
        }
    }
}

impl Executor for FakeExecutor {
    fn start(&self, _slot: usize, spec: &SlotSpec) -> std::io::Result<Engine> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        let (requests, inbox) = mpsc::unbounded_channel();
        let (outbox, events) = mpsc::channel(64);
        let kill = CancellationToken::new();
        let engine = engine::Pretender {
            script: Arc::clone(&self.script),
            step: self.step,
            requests: inbox,
            events: outbox,
            spec: *spec,
        };
        let (first, killed) = (self.introduction(spec), kill.clone());
        let life = async move {
            tokio::select! {
                how = engine.live(first) => how,
                () = killed.cancelled() => "it was killed".to_owned(),
            }
        };
        let end = tokio::spawn(life).map(|ended| ended.unwrap_or_else(|error| error.to_string())).boxed();
        Ok(Engine { requests, events, end, kill })
    }
}
