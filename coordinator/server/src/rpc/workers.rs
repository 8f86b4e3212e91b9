//! `WorkerService`: one task per session reads what a worker says; the leader writes into the session's link.

use super::{
    delivered::Delivered,
    specs::{SpecReader, Specs},
    workers_wire::{event, hello, to_wire},
};
use crate::{
    Error,
    config::Workers as Terms,
    driver::{Closing, Connected, Driver, LinkId, ToLink},
};
use futures::{Stream, StreamExt};
use prost::Message as _;
use std::{pin::Pin, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tombola_core::schedule::{Event, Message};
use tombola_spec::{WorkerId, version};
use tombola_wire::v1::{self, from_worker, worker_service_server::WorkerService};
use tonic::{Request, Response, Status, Streaming};

/// How long a new session may stay silent.
const HELLO: Duration = Duration::from_secs(10);
/// How long a store may take to say what a lease is about.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Messages a worker may have unread before its link is closed.
const UNREAD: usize = 1024;

/// Sessions with workers.
pub(crate) struct Workers {
    pub(crate) driver: Driver,
    pub(crate) specs: SpecReader,
    /// Names the state that workers' identities belong to.
    pub(crate) state: Arc<str>,
    pub(crate) terms: Terms,
    pub(crate) tasks: TaskTracker,
    pub(crate) delivered: Delivered,
}

type Outgoing = Pin<Box<dyn Stream<Item = Result<v1::ToWorker, Status>> + Send>>;

#[tonic::async_trait]
impl WorkerService for Workers {
    type SessionStream = Outgoing;

    async fn session(
        &self,
        request: Request<Streaming<v1::FromWorker>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (link, messages) = mpsc::channel(UNREAD);
        let (driver, delivered) = (self.driver.clone(), self.delivered.clone());
        let over = CancellationToken::new();
        let state = Arc::clone(&self.state);
        let messages = closed_once(messages, over.clone().drop_guard());
        let voice = Voice { terms: self.terms.clone(), state: Arc::clone(&state), specs: self.specs.clone() };
        let outgoing = messages.filter_map(move |message| voice.clone().say(message));
        let session = Session { driver, state, delivered, incoming: request.into_inner(), over };
        self.tasks.spawn(session.run(link));
        Ok(Response::new(Box::pin(outgoing)))
    }
}

/// What the leader says over a link, in the words of the wire.
#[derive(Clone)]
struct Voice {
    terms: Terms,
    state: Arc<str>,
    specs: SpecReader,
}

impl Voice {
    /// `None` ends the stream in peace. What there is to do is looked up here and not by the leader: nobody else waits for
    /// it, and no job's settings have to be remembered until its turn comes.
    async fn say(self, message: ToLink) -> Option<Result<v1::ToWorker, Status>> {
        let specs = match &message {
            ToLink::Message(Message::Lease(lease)) => {
                let jobs: Vec<_> = lease.jobs.keys().copied().collect();
                // Everything else that is to be said waits behind it.
                tokio::time::timeout(LOOK_UP, self.specs.read(jobs)).await.unwrap_or(None)
            }
            _ => Some(Specs::new()),
        };
        match specs {
            Some(specs) => to_wire(message, &self.terms, &self.state, &specs).transpose(),
            None => {
                tracing::warn!(
                    "worker.lease: it could not be looked up, or not in time; its worker has to come back"
                );
                Some(Err(Status::unavailable("the coordinator cannot read what there is to do; come back")))
            }
        }
    }
}

/// What goes over a link. It ends after a closing message; an end without one asks the worker to come back. With it the
/// session is over.
fn closed_once(
    messages: mpsc::Receiver<ToLink>,
    over: DropGuard,
) -> impl Stream<Item = ToLink> + Send + 'static {
    let lost = ToLink::Close(Closing::Again(
        "the link was dropped because too much was unread; say Hello again".into(),
    ));
    let messages = ReceiverStream::new(messages).chain(futures::stream::iter([lost]));
    futures::stream::unfold((messages, true, over), |(mut messages, open, over)| async move {
        let next = if open { messages.next().await? } else { return None };
        let last = matches!(&next, ToLink::Close(_) | ToLink::Message(Message::Refused { .. }));
        Some((next, (messages, !last, over)))
    })
}

struct Session {
    driver: Driver,
    state: Arc<str>,
    delivered: Delivered,
    incoming: Streaming<v1::FromWorker>,
    /// Set once nothing goes to the worker any more.
    over: CancellationToken,
}

impl Session {
    async fn run(mut self, link: mpsc::Sender<ToLink>) {
        match self.introduce(&link).await {
            Ok(Connected::Welcome(worker, id)) => {
                // Only the leader may hold the link open from here on.
                drop(link);
                let over = self.over.clone();
                let closing = over.run_until_cancelled(self.listen(worker, id)).await;
                let closing =
                    closing.unwrap_or(Closing::Again("nothing goes over this link any more".into()));
                tracing::info!(%worker, ?closing, "worker.left: a session ended");
                self.driver.disconnect(worker, id, closing).await;
            }
            Ok(Connected::Refused) => {}
            Err(Error::Unavailable(why)) => {
                let _ = link.try_send(ToLink::Close(Closing::Again(why.into())));
            }
            Err(error) => {
                tracing::warn!(%error, "worker.nonsense: a session was refused");
                let _ = link.try_send(ToLink::Close(Closing::Nonsense(error.to_string())));
            }
        }
    }

    /// Waits for the Hello and passes it on.
    async fn introduce(&mut self, link: &mpsc::Sender<ToLink>) -> Result<Connected, Error> {
        let first = tokio::time::timeout(HELLO, self.incoming.next()).await;
        let message = match first {
            Ok(Some(Ok(message))) => message.message,
            Ok(Some(Err(status))) => return Err(Error::Invalid(status.message().to_owned())),
            Ok(None) => return Ok(Connected::Refused),
            Err(_) => return Err(Error::Invalid(format!("no Hello within {} s", HELLO.as_secs()))),
        };
        let Some(from_worker::Message::Hello(message)) = message else {
            return Err(Error::Invalid("the first message of a session has to be Hello".to_owned()));
        };
        let newest = message.protocol;
        let oldest = if message.oldest_protocol == 0 { newest } else { message.oldest_protocol };
        let ours = version::OLDEST_PROTOCOL..=version::PROTOCOL;
        if version::agreed(ours, oldest..=newest).is_none() {
            let refused = Message::Refused { message: other_protocol(newest), retry: false };
            tracing::warn!(
                protocol = message.protocol,
                "worker.protocol: a worker of another version was refused"
            );
            let _ = link.try_send(ToLink::Message(refused));
            return Ok(Connected::Refused);
        }
        let hello = hello(&message, &self.state)?;
        log_hello(&hello);
        self.driver.connect(hello, link.clone()).await
    }

    /// Passes on everything the worker says, until it stops.
    async fn listen(&mut self, worker: WorkerId, link: LinkId) -> Closing {
        while let Some(message) = self.incoming.next().await {
            // When a connection breaks, the worker comes back with what it holds.
            let Ok(message) = message else { return Closing::Again("the connection broke".into()) };
            let bytes = message.encoded_len() as u64;
            let passed = match event(worker, message) {
                Ok(event) => self.pass(worker, link, event, bytes).await,
                Err(error) => Err(error),
            };
            match passed {
                Ok(()) => {}
                Err(Error::Invalid(why)) => return Closing::Nonsense(why),
                Err(_) => return Closing::Again("the coordinator cannot take this now; come back".into()),
            }
        }
        Closing::Done
    }

    async fn pass(&self, worker: WorkerId, link: LinkId, event: Event, bytes: u64) -> Result<(), Error> {
        let (event, _held) = self.delivered.check(event).await?;
        self.driver.hear(worker, link, event, bytes).await
    }
}

fn log_hello(hello: &Event) {
    if let Event::Hello { info, worker, held, .. } = hello {
        let (name, slots, held) = (&info.name, info.slots.len(), held.len());
        tracing::info!(%name, ?worker, slots, held, version = info.version, "worker.hello: a worker came");
    }
}

fn other_protocol(theirs: u32) -> String {
    let ours = version::PROTOCOL;
    let older = if theirs < ours { "worker" } else { "coordinator" };
    format!(
        "this worker speaks protocol {theirs}, the coordinator ({}) speaks protocol {ours}\nhint: upgrade the {older}, \
         so that both are of the same release",
        env!("CARGO_PKG_VERSION")
    )
}
