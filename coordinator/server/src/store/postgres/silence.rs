//! A network that swallows packets, or a firewall that forgot a connection: nobody says that the other side is gone. Without
//! bounds of ours a connection waits a quarter of an hour for an answer, and the server two hours before it asks.

use crate::store::SILENCE;
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{io, time::Duration};

/// Connections for our own reads.
const READERS: u32 = 4;
/// How long a connection may take to show that it lives. One that lives and is too slow for it is replaced, which costs little.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
/// One that was used so recently is believed to live.
const FRESH: Duration = Duration::from_secs(1);

/// Has the server notice within half a minute that nobody is there any more, and give up what the connection held.
pub(super) fn noticed(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "25000"),
    ])
}

/// Connections that are looked at before they are used, and after. The pool's own looks have no bound: each connection that
/// was forgotten would take a place in it.
pub(super) fn readers(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .before_acquire(|connection, before| {
            Box::pin(async move { if before.idle_for < FRESH { Ok(true) } else { lives(connection).await } })
        })
        // Whoever asked may have left in the middle, over a silence.
        .after_release(|connection, _| Box::pin(lives(connection)))
        .connect_lazy_with(options)
}

/// An error closes it without a word, `false` would wait for an answer to it.
async fn lives(connection: &mut PgConnection) -> sqlx::Result<bool> {
    within(SIGN_OF_LIFE, connection.ping()).await.map(|()| true)
}

/// What takes the server no time: a leader that hears nothing for as long as its standby would wait steps down by itself.
pub(super) async fn soon<T>(question: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    within(SILENCE, question).await
}

/// An answer in time.
pub(super) async fn within<T>(
    limit: Duration,
    question: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    tokio::time::timeout(limit, question).await.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", limit.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
    })
}
