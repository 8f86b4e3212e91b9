//! Connections as they come in: through TLS where this coordinator speaks it, and none that has nothing to say.

use futures::{FutureExt, Stream, StreamExt};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{either::Either, task::AbortOnDropHandle};
use tombola_access::Wire;
use tonic::transport::server::Connected;

/// How long a connection may take until it has said its first word, its handshake included: silent ones must not pile up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that may be at it; others wait at the door.
const AT_ONCE: usize = 1024;
/// The first byte of TLS.
const HANDSHAKE: u8 = 22;

/// A connection that was made, with the address of its other end.
pub type Connection<W> = io::Result<(W, SocketAddr)>;

/// A connection that has said something.
pub(crate) struct Arrival<W> {
    io: Either<BufReader<W>, Box<TlsStream<BufReader<W>>>>,
    origin: Origin,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
    /// It speaks plain text where TLS is spoken: it is told so, and nothing else.
    pub(crate) stray: bool,
}

/// Connections that are let in as far as their first word.
pub(crate) fn arrivals<W: Wire + 'static>(
    connections: impl Stream<Item = Connection<W>>,
    tls: Option<TlsAcceptor>,
) -> impl Stream<Item = io::Result<Arrival<W>>> {
    let greet = move |connection: Connection<W>| {
        let tls = tls.clone();
        // Tasks of their own: handshakes cost processor time.
        let greeting = tokio::spawn(async move {
            let late = |_| io::Error::from(io::ErrorKind::TimedOut);
            let (wire, peer) = connection?;
            tokio::time::timeout(PATIENCE, greet(wire, peer, tls)).await.map_err(late)?
        });
        AbortOnDropHandle::new(greeting).map(|greeted| greeted.map_err(io::Error::other)?)
    };
    let greeted = connections.map(greet).buffer_unordered(AT_ONCE);
    greeted.inspect(|arrival| {
        if let Err(error) = arrival {
            tracing::debug!(%error, "access.arrival: a connection ended before its first word");
        }
    })
}

async fn greet<W: Wire>(wire: W, peer: SocketAddr, tls: Option<TlsAcceptor>) -> io::Result<Arrival<W>> {
    let mut wire = BufReader::with_capacity(1, wire);
    let first = *wire.fill_buf().await?.first().ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut origin = Origin { peer, stray: false };
    let io = match tls {
        Some(tls) if first == HANDSHAKE => {
            let mut stream = tls.accept(wire).await?;
            stream.fill_buf().await?;
            Either::Right(Box::new(stream))
        }
        other => {
            origin.stray = other.is_some();
            Either::Left(wire)
        }
    };
    Ok(Arrival { io, origin })
}

impl<W> Connected for Arrival<W> {
    type ConnectInfo = Origin;

    fn connect_info(&self) -> Origin {
        self.origin
    }
}

impl<W: Wire> AsyncRead for Arrival<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<W: Wire> AsyncWrite for Arrival<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
