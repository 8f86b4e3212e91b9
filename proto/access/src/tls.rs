//! What TLS needs of this machine: certificates, keys, and whom to believe.

use crate::{Pin, pin::PinVerifier};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The cryptography of both sides.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A file that does not hold what it has to.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` holds no {what}: {why}\nhint: it has to be a PEM file that this user may read")]
pub struct NoFile {
    path: PathBuf,
    what: &'static str,
    why: String,
}

/// The certificates in a PEM file.
///
/// # Errors
/// When there are none, or the file cannot be read.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NoFile> {
    let wrong = |why: String| NoFile { path: path.to_owned(), what: "certificates", why };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(wrong("there are none in it".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// The private key in a PEM file.
///
/// # Errors
/// When there is none, or the file cannot be read.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, NoFile> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| NoFile {
        path: path.to_owned(),
        what: "private key",
        why: error.to_string(),
    })
}

/// A client's certificates and its key, for coordinators that ask for one.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both files.
    ///
    /// # Errors
    /// When one does not hold what it has to.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, NoFile> {
        Ok(Self { chain: certificates(chain)?, key: private_key(key)? })
    }
}

/// Whose certificates are believed.
pub(crate) enum Trust {
    /// The one that has this key.
    Pinned(Pin),
    /// Those signed by one of these.
    Roots(Arc<RootCertStore>),
}

/// The certificates of the operator's own authority.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, NoFile> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| NoFile {
            path: path.to_owned(),
            what: "certificate of an authority",
            why: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The authorities that browsers know.
pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// A client's side of TLS 1.2 and 1.3.
pub(crate) fn client(trust: &Trust, identity: Option<&Identity>) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let config =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let config = match trust {
        Trust::Roots(roots) => config.with_root_certificates(Arc::clone(roots)),
        Trust::Pinned(pin) => {
            let verifier = PinVerifier { pin: *pin, provider };
            config.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match identity {
        Some(Identity { chain, key }) => config.with_client_auth_cert(chain.clone(), key.clone_key())?,
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
