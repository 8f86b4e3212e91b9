//! The link to the coordinator: dials its addresses in turn for as long as the worker lives, and beats its heart.

use super::{convert::from_wire, message::FromCoordinator};
use crate::{Limits, error::AgentError, progress::Progress};
use std::time::Duration;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tombola_access::{Access, Channel, DialError};
use tombola_spec::version::{self, OLDEST_PROTOCOL, PROTOCOL};
use tombola_wire::{
    MAX_MESSAGE,
    v1::{self, from_worker, to_worker, worker_service_client::WorkerServiceClient},
};
use tonic::{Code, Status, Streaming, transport::Endpoint};

/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it lives, and how long it may take to answer.
const ASK: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// A heart that is told to beat faster than this is a mistake.
const FASTEST: Duration = Duration::from_millis(10);

/// Messages on their way to the coordinator. Unbounded: the outbox's window bounds what is in it.
pub(super) type Outgoing = mpsc::UnboundedSender<v1::FromWorker>;

/// What a link tells the session.
pub(super) enum Arrival {
    /// A stream is open, to be written to from now on.
    Opened(Outgoing),
    /// The coordinator says something.
    Message(FromCoordinator),
    /// The stream is gone.
    Closed,
}

/// Why a link is of no use any more.
enum End {
    /// It broke, or never came to be.
    Broken(String),
    /// The coordinator does not want this worker now; it may later.
    Refused(String),
    /// It never will.
    RefusedForGood,
}

/// Keeps a link open.
pub(super) struct Dialer {
    pub(super) coordinators: Vec<Endpoint>,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) progress: Progress,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    /// The way for artifacts, while a coordinator welcomes this worker.
    pub(super) way: watch::Sender<Option<Channel>>,
    /// What was last said about the link, so that a night without a coordinator fills no log.
    pub(super) said: String,
}

/// Reads the addresses of the coordinators.
///
/// # Errors
/// When there are none or one is no address.
pub(super) fn endpoints(addresses: &[String], access: &Access) -> Result<Vec<Endpoint>, AgentError> {
    let setting = |what: String| {
        let hint = "write it like `http://coordinator:7654`".to_owned();
        AgentError::Setting { what, hint }
    };
    if addresses.is_empty() {
        return Err(setting("no coordinator is named".to_owned()));
    }
    let read = |address: &String| {
        let endpoint = Endpoint::from_shared(access.url(address))
            .map_err(|_| setting(format!("`{address}` is not an address")))?;
        let known =
            endpoint.uri().host().is_some() && matches!(endpoint.uri().scheme_str(), Some("http" | "https"));
        if !known {
            return Err(setting(format!("`{address}` is not an address of a coordinator")));
        }
        let endpoint = endpoint.connect_timeout(DIAL);
        Ok(endpoint.http2_keep_alive_interval(ASK).keep_alive_timeout(ANSWER).keep_alive_while_idle(true))
    };
    addresses.iter().map(read).collect()
}

impl Dialer {
    /// Dials until nobody listens to the link any more.
    pub(super) async fn run(mut self) {
        let mut pause = self.limits.first_pause;
        let mut turn = 0;
        while !self.arrivals.is_closed() {
            let endpoint = self.coordinators[turn % self.coordinators.len()].clone();
            let begun = Instant::now();
            match self.visit(&endpoint).await {
                // One that ends at once each time, over something we say perhaps, must not be a busy loop.
                Ok(()) if begun.elapsed() >= self.limits.longest_pause => pause = self.limits.first_pause,
                Ok(()) => {}
                Err(end) => {
                    self.say(&endpoint, &end);
                    turn += 1;
                    // A standby is asked at once; then everybody gets a rest.
                    if !turn.is_multiple_of(self.coordinators.len()) {
                        continue;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = self.limits.longest_pause.min(pause * 2);
        }
    }

    /// Tells why there is no link, once.
    fn say(&mut self, endpoint: &Endpoint, end: &End) {
        let at = endpoint.uri();
        let news = match end {
            End::Broken(why) => format!(
                "link.down: no coordinator at {at}: {why}; work goes on, and the coordinator is tried again"
            ),
            End::Refused(why) => format!(
                "link.refused: the coordinator at {at} does not take this worker yet, which is tried again: {why}"
            ),
            // The worker leaves over it, and tells.
            End::RefusedForGood => return,
        };
        if self.said != news {
            tracing::warn!("{news}");
            self.said = news;
        }
    }

    /// One link, from the dial to its end. Fails if it was never welcomed.
    async fn visit(&mut self, endpoint: &Endpoint) -> Result<(), End> {
        let channel = self.access.connect(endpoint).await.map_err(|error| unreached(&error))?;
        let (outgoing, stream) = mpsc::unbounded_channel();
        let pulse = outgoing.downgrade();
        if self.arrivals.send(Arrival::Opened(outgoing)).await.is_err() {
            return Ok(());
        }
        let mut client = WorkerServiceClient::new(channel.clone()).max_decoding_message_size(MAX_MESSAGE);
        let listened = match client.session(UnboundedReceiverStream::new(stream)).await {
            Ok(answer) => self.listen(answer.into_inner(), channel, endpoint, pulse).await,
            Err(status) => Err(not_let_in(&status)),
        };
        self.way.send_replace(None);
        // Nobody who could be told is nobody who needs to know.
        let _ = self.arrivals.send(Arrival::Closed).await;
        listened
    }

    /// Passes on what the coordinator says, until it stops.
    async fn listen(
        &mut self,
        mut incoming: Streaming<v1::ToWorker>,
        channel: Channel,
        endpoint: &Endpoint,
        pulse: mpsc::WeakUnboundedSender<v1::FromWorker>,
    ) -> Result<(), End> {
        let mut heart = None;
        let end = loop {
            let message = match incoming.message().await {
                Ok(Some(message)) => message,
                Ok(None) => break End::Broken("it closed the link".to_owned()),
                Err(status) => break End::Broken(said_by(&status)),
            };
            if let Some(to_worker::Message::Welcome(welcome)) = &message.message {
                let spoken = version::welcomed(OLDEST_PROTOCOL..=PROTOCOL, welcome.protocol);
                let Some(protocol) = spoken else { break End::Broken(too_old(welcome)) };
                heart = Some(self.welcomed(welcome, protocol, endpoint, pulse.clone()));
                self.way.send_replace(Some(channel.clone()));
            }
            if let Err(end) = self.pass_on(message).await {
                break end;
            }
        };
        if heart.is_none() {
            return Err(end);
        }
        let closed_by_us = pulse.upgrade().is_none();
        if !closed_by_us {
            self.say(endpoint, &end);
        }
        Ok(())
    }

    /// Begins to beat the heart of a link.
    fn welcomed(
        &mut self,
        welcome: &v1::Welcome,
        protocol: u32,
        endpoint: &Endpoint,
        pulse: mpsc::WeakUnboundedSender<v1::FromWorker>,
    ) -> AbortOnDropHandle<()> {
        let (worker, version) = (&welcome.worker, &welcome.version);
        tracing::info!(%worker, version, protocol, at = %endpoint.uri(), "link.up: the coordinator welcomes this worker");
        self.said.clear();
        let every = Duration::from_millis(welcome.heartbeat_ms.into()).max(FASTEST);
        AbortOnDropHandle::new(tokio::spawn(beat(pulse, self.progress.clone(), every)))
    }

    /// Gives a message to the session. Fails with the reason why the link is of no use any more.
    async fn pass_on(&self, message: v1::ToWorker) -> Result<(), End> {
        let message = match from_wire(message) {
            Ok(Some(message)) => message,
            Ok(None) => {
                tracing::debug!("link.unknown: a message of a later coordinator was ignored");
                return Ok(());
            }
            Err(error) => {
                return Err(End::Broken(format!("it said something that means nothing: {error}")));
            }
        };
        // Nothing follows a refusal.
        let refused = match &message {
            FromCoordinator::Refused { message, retry: true } => Err(End::Refused(message.clone())),
            FromCoordinator::Refused { retry: false, .. } => Err(End::RefusedForGood),
            _ => Ok(()),
        };
        let sent = self.arrivals.send(Arrival::Message(message)).await;
        sent.map_err(|_| End::Broken("the worker leaves".to_owned()))?;
        refused
    }
}

/// Says that the worker lives and how far its jobs are, until the link is gone. A task of its own: neither the session's
/// work nor a slot's can hold it up.
async fn beat(pulse: mpsc::WeakUnboundedSender<v1::FromWorker>, progress: Progress, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let told = |(job, attempt, iteration): (tombola_spec::JobId, tombola_spec::Attempt, u64)| {
            v1::Progress { job: job.0, attempt: attempt.0, iteration }
        };
        let heartbeat = v1::Heartbeat { progress: progress.all().into_iter().map(told).collect() };
        let message = v1::FromWorker { message: Some(from_worker::Message::Heartbeat(heartbeat)) };
        let Some(outgoing) = pulse.upgrade() else { return };
        if outgoing.send(message).is_err() {
            return;
        }
    }
}

fn too_old(welcome: &v1::Welcome) -> String {
    format!(
        "it ({}) speaks protocol {} at most, and this worker none before {OLDEST_PROTOCOL}; hint: upgrade the coordinator",
        welcome.version, welcome.protocol
    )
}

fn said_by(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}

/// Why there is no session. Tokens are renewed without a restart, so that one that is not good may be so later.
fn not_let_in(status: &Status) -> End {
    let why = in_a_line(&said_by(status));
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::ResourceExhausted => End::Refused(why),
        _ => End::Broken(why),
    }
}

fn unreached(error: &DialError) -> End {
    let why = in_a_line(&error.to_string());
    match error {
        DialError::Silent(_) => End::Broken(why),
        DialError::Tls(_) | DialError::Access(_) => End::Refused(why),
    }
}

fn in_a_line(text: &str) -> String {
    text.replace("\nhint: ", "; hint: ")
}
