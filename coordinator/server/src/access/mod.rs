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
mod certificate;
mod guard;
mod operator;
mod registry;
mod rules;
mod same_key;
mod tls;
mod tries;

pub use arrival::Connection;
pub(crate) use arrival::{Arrival, arrivals};
pub(crate) use caller::Caller;
pub(crate) use certificate::Certificate;
pub(crate) use guard::Guard;
pub(crate) use registry::{Registry, Void, void};

use crate::{config::Config, store::Store};
use operator::OperatorFile;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::TlsAcceptor;
use tombola_access::{Pin, Token};

/// How one gets in to this coordinator.
pub(crate) struct Door {
    /// Without, it speaks plain text.
    pub(crate) tls: Option<TlsAcceptor>,
    /// What it shows, if it speaks TLS.
    pub(crate) certificate: Option<Arc<Certificate>>,
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
        let (tls, certificate) = config.speaks_tls().then(|| tls::acceptor(config)).transpose()?.unzip();
        let (guarded, pin) = (config.is_guarded(), certificate.as_deref().map(Certificate::pin));
        let operator = guarded.then(|| Token::random(pin)).transpose()?;
        let registry = Arc::new(Registry::new(operator.as_ref().map(Token::hash)));
        registry.refresh(store).await?;
        Ok(Self { tls, certificate, guarded, registry, operator, file: None })
    }

    /// The pin of its key, for those who get a token.
    pub(crate) fn pin(&self) -> Option<Pin> {
        self.certificate.as_deref().map(Certificate::pin)
    }

    /// Makes sure that coordinators of one state show one key, which is noted in their common folder by the one that `leads`.
    ///
    /// # Errors
    /// When this one would lead with a key that nobody's token names.
    pub(crate) fn agree(&self, common: &Path, leads: bool) -> anyhow::Result<()> {
        let Some(certificate) = &self.certificate else { return Ok(()) };
        if let Some(what) = same_key::agree(common, certificate, leads)? {
            tracing::warn!("access.key: {what}");
        }
        Ok(())
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
