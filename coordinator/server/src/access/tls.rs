//! TLS as this coordinator speaks it: with the operator's certificate, or with one of its own making.

use super::Certificate;
use crate::config::Config;
use anyhow::Context;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject},
    server::{ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use std::{fs, path::Path, sync::Arc};
use tokio_rustls::TlsAcceptor;
use tombola_access::{certificates, provider, write_secret};

/// Whoever takes connections in, and the certificate it shows.
pub(super) fn acceptor(config: &Config) -> anyhow::Result<(TlsAcceptor, Arc<Certificate>)> {
    let certificate = Arc::new(match (&config.tls.cert, &config.tls.key) {
        (Some(chain), Some(key)) => Certificate::given(chain.clone(), key.clone())?,
        _ => own_certificate(config)?,
    });
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match &config.tls.client_ca {
        Some(ca) => builder.with_client_cert_verifier(clients_of(ca)?),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(server).into(), certificate))
}

/// Clients whose certificates this authority has signed.
fn clients_of(ca: &Path) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).with_context(|| format!("`{}` is not an authority's", ca.display()))?;
    }
    Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build()?)
}

/// The key in the state folder, made if there is none, and a certificate that says so: made anew at each start, for the
/// names of the day. Pins are of the key, so they last.
fn own_certificate(config: &Config) -> anyhow::Result<Certificate> {
    let (key_file, certificate_file) = (config.state.join("tls.key"), config.state.join("tls.pem"));
    let key = own_key(&key_file)?;
    let mut params = CertificateParams::new(names(config))?;
    params.distinguished_name.push(DnType::CommonName, "Tombola coordinator");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    // For clients that take certificates and no pins.
    fs::write(&certificate_file, certificate.pem())
        .with_context(|| format!("cannot write `{}`", certificate_file.display()))?;
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
    Certificate::own(vec![certificate.der().clone()], key)
}

fn own_key(file: &Path) -> anyhow::Result<KeyPair> {
    if file.exists() {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let hint = "hint: remove it and a new one is made; every worker then needs a new token";
        return KeyPair::from_pem(&text).map_err(|e| anyhow::anyhow!("`{}`: {e}\n{hint}", file.display()));
    }
    let key = KeyPair::generate()?;
    write_secret(file, &key.serialize_pem()).with_context(|| format!("cannot write `{}`", file.display()))?;
    Ok(key)
}

/// Every name this coordinator is likely to be called by.
fn names(config: &Config) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut names = vec!["localhost".to_owned(), host, "127.0.0.1".to_owned(), "::1".to_owned()];
    names.push(config.listen.0.ip().to_string());
    names
}
