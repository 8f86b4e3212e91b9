//! The way between a user's query and the server, on which only so many bytes come back. The driver takes a message whole,
//! and a single value, or the text of an error, may be a gigabyte. What is encrypted passes as it is.

use sqlx::postgres::PgConnectOptions;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpStream, UnixListener, UnixStream},
};
use tokio_util::task::AbortOnDropHandle;

/// A way for one connection; it ends with this.
pub(super) struct Relay {
    /// Nobody else may enter it.
    folder: TempDir,
    full: Arc<AtomicBool>,
    _passing: AbortOnDropHandle<()>,
}

impl Relay {
    /// A way to the server that `options` lead to, on which `most` bytes come back.
    ///
    /// # Errors
    /// When there is no such server, or no folder for a socket.
    pub(super) async fn open(options: &PgConnectOptions, most: u64) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tombola").tempdir()?;
        let name = format!(".s.PGSQL.{}", options.get_port());
        let listener = UnixListener::bind(folder.path().join(&name))?;
        let full = Arc::new(AtomicBool::new(false));
        let host = options.get_host();
        let socket = options.get_socket().cloned().or_else(|| host.starts_with('/').then(|| host.into()));
        let passing = match socket {
            Some(place) => {
                let server = UnixStream::connect(place.join(name)).await?;
                tokio::spawn(pass(listener, server, most, Arc::clone(&full)))
            }
            None => {
                let host = host.trim_matches(['[', ']']);
                let server = TcpStream::connect((host, options.get_port())).await?;
                tokio::spawn(pass(listener, server, most, Arc::clone(&full)))
            }
        };
        Ok(Self { folder, full, _passing: AbortOnDropHandle::new(passing) })
    }

    /// The same server by this way.
    pub(super) fn through(&self, options: PgConnectOptions) -> PgConnectOptions {
        options.socket(self.folder.path())
    }

    /// Whether it was cut because too much came back.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

/// Passes bytes both ways, until either side ends or too much came back.
async fn pass(listener: UnixListener, server: impl AsyncRead + AsyncWrite, most: u64, full: Arc<AtomicBool>) {
    let Ok((client, _)) = listener.accept().await else { return };
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (from_server, mut to_server) = tokio::io::split(server);
    let mut answers = from_server.take(most);
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = tokio::io::copy(&mut answers, &mut to_client) => {
            full.store(answers.limit() == 0, Ordering::Relaxed);
        }
    }
}
