//! The network below: TCP, unless somebody who dials brings another.

use std::{fmt, io, pin::Pin, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A stream of bytes, both ways.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send>>;

/// How a stream to a port of a host comes to be. Cheap to clone.
#[derive(Clone)]
pub struct Road(Arc<dyn Fn(String, u16) -> Opening + Send + Sync>);

impl Road {
    /// The one that `open` opens, given host and port.
    pub fn new<F, W>(open: impl Fn(String, u16) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<W>> + Send + 'static,
        W: Wire + 'static,
    {
        Self(Arc::new(move |host, port| {
            let opening = open(host, port);
            Box::pin(async move { Ok(Box::new(opening.await?) as Box<dyn Wire>) })
        }))
    }

    pub(crate) async fn open(&self, host: &str, port: u16) -> io::Result<Box<dyn Wire>> {
        (self.0)(host.to_owned(), port).await
    }
}

impl Default for Road {
    fn default() -> Self {
        Self::new(|host, port| async move {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Road")
    }
}
