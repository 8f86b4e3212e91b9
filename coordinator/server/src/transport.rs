//! What one connection may ask of the server before any call is answered.

use crate::{access::Connection, config::Limits};
use futures::{Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// Largest header of a call: a token, a deadline and what proxies add are some hundred bytes.
const HEADER: u32 = 16 << 10;
/// Calls that a connection began and gave up at once, waiting to be forgotten. Beyond it the connection is closed: nobody but an
/// attacker begins calls to give them up.
const GIVEN_UP: usize = 64;

/// Connections of a listener. With the stream the port is closed.
pub(crate) fn connections(listener: TcpListener) -> impl Stream<Item = Connection<TcpStream>> + Send {
    TcpListenerStream::new(listener).map(|tcp| {
        let tcp = tcp?;
        tcp.set_nodelay(true)?;
        let peer = tcp.peer_addr()?;
        Ok((tcp, peer))
    })
}

/// A server that bounds each of its connections.
pub(crate) fn bounded(server: Server, limits: &Limits) -> Server {
    server
        .max_concurrent_streams(limits.streams.get())
        .http2_max_header_list_size(HEADER)
        .http2_max_pending_accept_reset_streams(Some(GIVEN_UP))
        .http2_max_local_error_reset_streams(Some(GIVEN_UP))
}
