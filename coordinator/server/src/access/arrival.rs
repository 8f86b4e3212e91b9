//! Connections as they come in: through TLS where this coordinator speaks it, and none that has nothing to say.

use futures::{FutureExt, Stream, StreamExt};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::{either::Either, task::AbortOnDropHandle};
use tonic::transport::server::Connected;

/// How long a connection may take until it has said its first word, its handshake included: silent ones must not pile up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that may be at it; others wait at the door.
const AT_ONCE: usize = 1024;
/// The first byte of TLS.
const HANDSHAKE: u8 = 22;

/// A connection that has said something.
pub(crate) struct Arrival {
    io: Either<TcpStream, Box<TlsStream<TcpStream>>>,
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

/// Connections of a listener. With the stream the port is closed.
pub(crate) fn arrivals(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) -> impl Stream<Item = io::Result<Arrival>> {
    let greet = move |tcp: io::Result<TcpStream>| {
        let tls = tls.clone();
        // Tasks of their own: handshakes cost processor time.
        let greeting = tokio::spawn(async move {
            let late = |_| io::Error::from(io::ErrorKind::TimedOut);
            tokio::time::timeout(PATIENCE, greet(tcp?, tls)).await.map_err(late)?
        });
        AbortOnDropHandle::new(greeting).map(|greeted| greeted.map_err(io::Error::other)?)
    };
    let greeted = TcpListenerStream::new(listener).map(greet).buffer_unordered(AT_ONCE);
    greeted.inspect(|arrival| {
        if let Err(error) = arrival {
            tracing::debug!(%error, "access.arrival: a connection ended before its first word");
        }
    })
}

async fn greet(tcp: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Arrival> {
    tcp.set_nodelay(true)?;
    let mut origin = Origin { peer: tcp.peer_addr()?, stray: false };
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let io = match tls {
        Some(tls) if first == [HANDSHAKE] => {
            let mut stream = tls.accept(tcp).await?;
            stream.fill_buf().await?;
            Either::Right(Box::new(stream))
        }
        other => {
            origin.stray = other.is_some();
            Either::Left(tcp)
        }
    };
    Ok(Arrival { io, origin })
}

impl Connected for Arrival {
    type ConnectInfo = Origin;

    fn connect_info(&self) -> Origin {
        self.origin
    }
}

impl AsyncRead for Arrival {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Arrival {
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
