//! The engine of a slot: started, watched, buried, started again.

use crate::{
    config::SlotSpec,
    error::{AgentError, Result},
    executor::{Engine, Executor},
};
use std::{sync::Arc, time::Duration};
use tokio_util::task::AbortOnDropHandle;
use tombola_spec::{
    slot::Event,
    worker::{BestWidth, DataInfo},
};

/// Starts in a row that fail before a slot is given up.
const STARTS: u32 = 4;
/// Pause after the first of them; doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// What an engine says of itself when it is ready.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Introduction {
    pub(crate) name: String,
    pub(crate) memory: u64,
    pub(crate) libtorch: String,
    pub(crate) data: Vec<DataInfo>,
    pub(crate) unusable: Vec<(String, String)>,
    pub(crate) widths: Vec<BestWidth>,
    pub(crate) calibration: String,
}

/// Starts an engine and waits until it is ready, at most for `patience`.
///
/// # Errors
/// When it cannot be started, says that it is unable to work, or ends or stays silent instead.
pub(crate) async fn introduced(
    executor: &dyn Executor,
    slot: usize,
    spec: SlotSpec,
    patience: Duration,
) -> Result<(Engine, Introduction)> {
    let wrong = |message: String| AgentError::Engine { slot, spec, message };
    let mut engine =
        executor.start(slot, &spec).map_err(|e| wrong(format!("its engine does not start: {e}")))?;
    match tokio::time::timeout(patience, engine.events.recv()).await {
        Ok(Some(Event::Ready { device: _, name, memory, libtorch, data, unusable, widths, calibration })) => {
            Ok((engine, Introduction { name, memory, libtorch, data, unusable, widths, calibration }))
        }
        Ok(Some(Event::Unable { message })) => Err(wrong(message)),
        Ok(Some(_)) => {
            Err(wrong("its engine did not introduce itself; is it of another version?".to_owned()))
        }
        Ok(None) => Err(wrong(format!("its engine ended before it was ready: {}", (&mut engine.end).await))),
        Err(_) => Err(wrong(format!("its engine said nothing for {} s and was ended", patience.as_secs()))),
    }
}

/// Keeps a slot's engine alive.
pub(crate) struct Keeper {
    executor: Arc<dyn Executor>,
    slot: usize,
    spec: SlotSpec,
    /// How long an engine may take to be ready.
    patience: Duration,
    engine: Option<Engine>,
    /// The next engine, on its way in a task of its own: who waits for it may stop waiting and ask again.
    next: Option<AbortOnDropHandle<Result<Engine>>>,
}

impl Keeper {
    /// A keeper of an engine that is ready.
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        slot: usize,
        spec: SlotSpec,
        patience: Duration,
        engine: Engine,
    ) -> Self {
        Self { executor, slot, spec, patience, engine: Some(engine), next: None }
    }

    /// The engine, started again if it is gone. Whoever stops waiting for it loses nothing.
    ///
    /// # Errors
    /// When that failed several times in a row.
    pub(crate) async fn engine(&mut self) -> Result<&mut Engine> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => self.start().await?,
        };
        Ok(self.engine.insert(engine))
    }

    async fn start(&mut self) -> Result<Engine> {
        let (slot, spec) = (self.slot, self.spec);
        let next = self.next.get_or_insert_with(|| {
            let restart = restart(Arc::clone(&self.executor), slot, spec, self.patience);
            AbortOnDropHandle::new(tokio::spawn(restart))
        });
        let started = next.await;
        self.next = None;
        let message = |error| format!("its engine does not start: {error}");
        started.unwrap_or_else(|error| Err(AgentError::Engine { slot, spec, message: message(error) }))
    }

    /// Between stages: keeps an engine ready, and drops what it says. Resolves, with the reason, when none can be had.
    pub(crate) async fn keep_ready(&mut self) -> AgentError {
        loop {
            match self.engine().await {
                Ok(engine) => while engine.events.recv().await.is_some() {},
                Err(error) => return error,
            }
            let end = self.bury().await;
            tracing::warn!(slot = self.slot, end, "engine.ended: an idle engine ended");
        }
    }

    /// Lets go of the engine, which has ended or is made to: how it ended.
    pub(crate) async fn bury(&mut self) -> String {
        let Some(mut engine) = self.engine.take() else { return "there was none".to_owned() };
        engine.kill.cancel();
        (&mut engine.end).await
    }
}

async fn restart(
    executor: Arc<dyn Executor>,
    slot: usize,
    spec: SlotSpec,
    patience: Duration,
) -> Result<Engine> {
    let mut pause = PAUSE;
    for _ in 1..STARTS {
        match introduced(executor.as_ref(), slot, spec, patience).await {
            Ok((engine, _)) => {
                tracing::info!(slot, "engine.started: the slot has a new engine");
                return Ok(engine);
            }
            Err(error) => {
                tracing::warn!(slot, %error, "engine.start: trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
    introduced(executor.as_ref(), slot, spec, patience).await.map(|(engine, _)| engine)
}
