//! The door: who is let in, and to what.
//!
//! ```text
//!   incoming (TCP, TLS) ──► guard (whose token, may it?) ──► rpc
//!                             │        │
//!                           rules   registry ◄── store (hashes of tokens)
//! ```
//!
//! Whether tokens are needed follows from where the coordinator listens and how it is set up, never from who connects: a
//! proxy makes everybody look like this machine.

mod arrival;
mod caller;
mod guard;
mod operator;
mod registry;
mod rules;
mod tls;
mod tries;

pub use arrival::Connection;
pub(crate) use arrival::{Arrival, arrivals};
pub(crate) use caller::Caller;
pub(crate) use guard::Guard;
pub(crate) use registry::{Registry, Void, void};

use crate::{config::Config, store::Store};
use operator::OperatorFile;
use std::{path::PathBuf, sync::Arc};
use tokio_rustls::TlsAcceptor;
use tombola_access::{Pin, Token};

/// How one gets in to this coordinator.
pub(crate) struct Door {
    /// Without, it speaks plain text.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Of its key, for those who get a token.
    pub(crate) pin: Option<Pin>,
    /// Whether a token is needed.
    pub(crate) guarded: bool,
    /// Who has one.
    pub(crate) registry: Arc<Registry>,
    /// The operator's.
    operator: Option<Token>,
    /// What tells it, while this coordinator serves.
    file: Option<OperatorFile>,
}

impl Door {
    /// Makes what is missing: a key and a certificate where other machines connect and none are given, and a token for the
    /// operator.
    ///
    /// # Errors
    /// When certificates cannot be used, the state folder cannot be written, or the store cannot be read.
    pub(crate) async fn open(config: &Config, store: &dyn Store) -> anyhow::Result<Self> {
        let (tls, pin) = match config.speaks_tls().then(|| tls::acceptor(config)).transpose()? {
            Some((acceptor, pin)) => (Some(acceptor), Some(pin)),
            None => (None, None),
        };
        let guarded = config.is_guarded();
        let operator = guarded.then(|| Token::random(pin)).transpose()?;
        let registry = Arc::new(Registry::new(operator.as_ref().map(Token::hash)));
        registry.refresh(store).await?;
        Ok(Self { tls, pin, guarded, registry, operator, file: None })
    }

    /// Tells the operator's token to whoever may read it. Not before it is known that no other coordinator serves this folder:
    /// the file would be that one's.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn announce(&mut self, path: PathBuf) -> anyhow::Result<()> {
        operator::forget(&path);
        self.file = self.operator.take().map(|token| OperatorFile::write(path, &token)).transpose()?;
        Ok(())
    }

    /// Takes away the operator's token, which nobody believes any more.
    pub(crate) fn close(&mut self) {
        if let Some(file) = self.file.take() {
            file.remove();
        }
    }
}
