//! Doors for fuzzers (`deploy/fuzz/guided`): what meets bytes from outside first, and is nobody else's business.

use crate::{
    Error,
    artifacts::Artifacts,
    rpc::{
        artifacts::{chunk, promised},
        workers_wire,
    },
    store::{Result as StoreResult, postgres::words},
};
use tombola_core::schedule::Event;
use tombola_spec::{WorkerId, outcome::Artifact};
use tombola_wire::v1;

/// What a worker says, to the scheduler.
///
/// # Errors
/// What the worker is told instead.
pub fn said(worker: WorkerId, message: v1::FromWorker) -> Result<Event, Error> {
    workers_wire::event(worker, message)
}

/// What a worker says of itself, to the coordinator of a state.
///
/// # Errors
/// What the worker is told instead.
pub fn hello(message: &v1::Hello, state: &str) -> Result<Event, Error> {
    workers_wire::hello(message, state)
}

/// An upload without its call: what arrived, and whether it was there already.
///
/// # Errors
/// What the sender is told.
pub async fn upload(shelf: &Artifacts, parts: Vec<v1::PutRequest>) -> Result<(Artifact, bool), Error> {
    let mut parts = parts.into_iter();
    let name = promised(parts.next())?;
    let chunks = futures::stream::iter(parts.map(|part| chunk(Ok(part))));
    Ok((name, shelf.put_of("", name, chunks).await?))
}

/// The words of a query that Postgres is asked about.
///
/// # Errors
/// When one is for no user.
pub fn postgres_words(sql: &str) -> StoreResult<Vec<String>> {
    words::words(sql)
}
