//! What the threads of a child share: the output, the requests that concern the running stage, the progress so far.

use crate::{
    error::{EngineError, Result},
    train::{Halt, Link},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tombola_spec::{JobId, slot::Event};

/// The meeting point of a child's threads.
pub(super) struct Desk<W> {
    output: Mutex<W>,
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Default)]
struct State {
    /// Stages asked for and not done.
    stages: usize,
    cancelled: BTreeSet<JobId>,
    /// Iterations of the jobs in training.
    progress: BTreeMap<JobId, u64>,
    yielding: bool,
    leaving: bool,
    /// Why the child leaves, if not because it was told to.
    fault: Option<std::io::Error>,
    closed: bool,
}

impl<W: Write> Desk<W> {
    /// A desk that writes events to `pipe`.
    pub(super) fn new(pipe: W) -> Self {
        Self { output: Mutex::new(pipe), state: Mutex::default(), closed: Condvar::new() }
    }

    /// A stage was asked for.
    pub(super) fn expect_stage(&self) {
        lock(&self.state).stages += 1;
    }

    /// A stage is done with; requests that concerned it are forgotten.
    pub(super) fn end_stage(&self) {
        let mut state = lock(&self.state);
        state.stages = state.stages.saturating_sub(1);
        state.cancelled.clear();
        state.progress.clear();
        state.yielding = false;
    }

    /// Asks for a job of the running stage to be stopped.
    pub(super) fn cancel(&self, job: JobId) {
        let mut state = lock(&self.state);
        if state.stages > 0 {
            state.cancelled.insert(job);
        }
    }

    /// Asks for the running stage to be checkpointed and stopped.
    pub(super) fn ask_to_yield(&self) {
        let mut state = lock(&self.state);
        state.yielding = state.stages > 0;
    }

    /// Asks for the running stage to be dropped, because of a fault or because nobody listens.
    pub(super) fn leave(&self, fault: Option<std::io::Error>) {
        let mut state = lock(&self.state);
        state.leaving = true;
        state.fault = state.fault.take().or(fault);
    }

    /// Ends [`Desk::report_progress`].
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.closed.notify_all();
    }

    /// Whether both pipes still work.
    pub(super) fn check(&self) -> Result<()> {
        let fault = lock(&self.state).fault.take();
        fault.map_or(Ok(()), |fault| Err(EngineError::io("the pipe to the agent")(fault)))
    }

    /// Tells the progress of every job in training, until closed.
    pub(super) fn report_progress(&self, every: Duration) {
        let mut state = lock(&self.state);
        while !state.closed {
            drop(self.closed.wait_timeout(state, every).unwrap_or_else(PoisonError::into_inner));
            // The output is held before the progress is read, so that no job's progress follows its end.
            let mut output = lock(&self.output);
            let progress = lock(&self.state).progress.clone();
            for (job, iteration) in progress {
                self.write(&mut output, &Event::Progress { job, iteration });
            }
            drop(output);
            state = lock(&self.state);
        }
    }

    /// Writes one line. A broken pipe drops the running stage.
    fn write(&self, output: &mut W, event: &Event) {
        let line = serde_json::to_string(event).map_err(std::io::Error::from);
        let written = line.and_then(|line| {
            writeln!(output, "{line}")?;
            output.flush()
        });
        if let Err(error) = written {
            self.leave(Some(error));
        }
    }
}

impl<W: Write + Send> Link for Desk<W> {
    fn emit(&self, event: Event) {
        if let Event::Finished { job, .. } | Event::Failed { job, .. } = &event {
            lock(&self.state).progress.remove(job);
        }
        self.write(&mut lock(&self.output), &event);
    }

    fn progress(&self, job: JobId, iteration: u64) {
        lock(&self.state).progress.insert(job, iteration);
    }

    fn cancelled(&self, job: JobId) -> bool {
        let mut state = lock(&self.state);
        let cancelled = state.cancelled.contains(&job);
        if cancelled {
            state.progress.remove(&job);
        }
        cancelled
    }

    fn halt(&self) -> Halt {
        let state = lock(&self.state);
        match (state.leaving, state.yielding) {
            (true, _) => Halt::Leave,
            (false, true) => Halt::Yield,
            (false, false) => Halt::No,
        }
    }
}

/// A lock that a panicking lane cannot poison: every change under it is a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
