//! What one connection may ask of the server before any call is answered.

use crate::config::Limits;
use tonic::transport::Server;

/// Largest header of a call: a token, a deadline and what proxies add are some hundred bytes.
const HEADER: u32 = 16 << 10;
/// Calls that a connection began and gave up at once, waiting to be forgotten. Beyond it the connection is closed: nobody but an
/// attacker begins calls to give them up.
const GIVEN_UP: usize = 64;

/// A server that bounds each of its connections.
pub(crate) fn bounded(server: Server, limits: &Limits) -> Server {
    server
        .max_concurrent_streams(limits.streams.get())
        .http2_max_header_list_size(HEADER)
        .http2_max_pending_accept_reset_streams(Some(GIVEN_UP))
        .http2_max_local_error_reset_streams(Some(GIVEN_UP))
}
