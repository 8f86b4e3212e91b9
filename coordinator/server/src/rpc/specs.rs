//! What jobs do, read for many leases at once: while one read is under way, those who ask wait and share the next.

use crate::store::{self, Store};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tombola_spec::{JobId, job::JobSpec};

/// Most who share a read.
const TOGETHER: usize = 256;

/// What jobs do, by job.
pub(super) type Specs = BTreeMap<JobId, Arc<JobSpec>>;

/// Somebody who wants to know what these jobs do. Dropped without an answer, it means that the store could not be read.
struct Question {
    jobs: Vec<JobId>,
    answer: oneshot::Sender<Specs>,
}

/// The way to what is stored of jobs. Cheap to clone; once the last is dropped, its task ends.
#[derive(Clone)]
pub(crate) struct SpecReader(mpsc::Sender<Question>);

impl SpecReader {
    /// Starts the task that reads.
    pub(super) fn start(store: Arc<dyn Store>, tasks: &TaskTracker) -> Self {
        let (ask, asked) = mpsc::channel(TOGETHER);
        tasks.spawn(answer(store, asked));
        Self(ask)
    }

    /// What these jobs do, if the store can be read.
    pub(super) async fn read(&self, jobs: Vec<JobId>) -> Option<Specs> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Question { jobs, answer }).await.ok()?;
        answered.await.ok()
    }
}

async fn answer(store: Arc<dyn Store>, mut asked: mpsc::Receiver<Question>) {
    let mut questions = Vec::with_capacity(TOGETHER);
    while asked.recv_many(&mut questions, TOGETHER).await > 0 {
        match read(&*store, &questions).await {
            Ok(specs) => questions.drain(..).for_each(|question| tell(question, &specs)),
            Err(error) => {
                tracing::warn!(%error, "worker.lease: what there is to do could not be read");
                questions.clear();
            }
        }
    }
}

async fn read(store: &dyn Store, questions: &[Question]) -> store::Result<Specs> {
    let jobs: Vec<_> = questions.iter().flat_map(|question| &question.jobs).copied().collect();
    store.job_specs(&jobs).await
}

/// Whoever asked may have left.
fn tell(question: Question, specs: &Specs) {
    let own = question.jobs.iter().filter_map(|job| Some((*job, Arc::clone(specs.get(job)?))));
    let _ = question.answer.send(own.collect());
}
