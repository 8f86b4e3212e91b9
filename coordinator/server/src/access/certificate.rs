//! The certificate this coordinator shows, which may be renewed while it serves.
//!
//! What is shown always has the key that was there at the start: tokens name it, and whoever holds one would believe no other.
//! A new file that cannot be shown is refused, and the certificate before is shown on.

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tombola_access::{Pin, certificates, private_key, provider};

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Said of a chain and a key that are not each other's.
const FITS: &str = "hint: `tls.key` has to be the key of the first certificate in `tls.cert`";

/// The certificate that is shown.
pub(crate) struct Certificate {
    /// Where it comes from, if it was given: its file and that of its key.
    files: Option<[PathBuf; 2]>,
    pin: Pin,
    shown: RwLock<Arc<CertifiedKey>>,
    /// What the files looked like when they were last read.
    seen: Mutex<Stamp>,
}

/// When each file was changed, and how long it is; nothing of one that cannot be looked at.
type Stamp = Vec<Option<(SystemTime, u64)>>;

/// What a look at the files led to.
#[derive(Debug)]
pub(super) enum Look {
    /// They are as they were.
    Same,
    /// What is in them is shown from now on.
    Renewed,
    /// It cannot be, and why.
    Refused(anyhow::Error),
}

impl Certificate {
    /// The certificate in the files of a configuration, which names both.
    ///
    /// # Errors
    /// When they hold none, or not each other's key.
    pub(super) fn given(cert: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let files = [cert, key];
        // Before they are read: what is changed in between is looked at again.
        let seen = stamp(&files);
        let (shown, pin) = read(&files)?;
        Ok(Self { files: Some(files), pin, shown: RwLock::new(Arc::new(shown)), seen: Mutex::new(seen) })
    }

    /// One that this coordinator made for itself.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn own(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> anyhow::Result<Self> {
        let (shown, pin) = certified(chain, key)?;
        Ok(Self { files: None, pin, shown: RwLock::new(Arc::new(shown)), seen: Mutex::default() })
    }

    /// The pin of its key, which is the same for as long as this coordinator serves.
    pub(crate) fn pin(&self) -> Pin {
        self.pin
    }

    /// Whether it was made by this coordinator.
    pub(super) fn is_own(&self) -> bool {
        self.files.is_none()
    }

    /// Looks at the files now and then, and when the operator says so by SIGHUP, until it is stopped. One that was made here is
    /// good until the next start.
    ///
    /// # Errors
    /// When this system has no signals.
    pub(crate) fn keep(
        self: Arc<Self>,
        stop: CancellationToken,
    ) -> std::io::Result<impl Future<Output = ()>> {
        // From here on the signal ends nothing any more.
        let mut hangup = self.files.as_ref().map(|_| signal(SignalKind::hangup())).transpose()?;
        Ok(async move {
            while let Some(hangup) = &mut hangup {
                let asked = tokio::select! {
                    () = stop.cancelled() => return,
                    _ = hangup.recv() => true,
                    () = tokio::time::sleep(EVERY) => false,
                };
                self.tell(self.look(asked));
            }
        })
    }

    /// Shows what is in the files, if that is new, or if `asked` to, and if it is good.
    pub(super) fn look(&self, asked: bool) -> Look {
        let Some(files) = &self.files else { return Look::Same };
        let now = stamp(files);
        let before =
            std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), now.clone());
        if now == before && !asked {
            return Look::Same;
        }
        match read(files).and_then(|(new, pin)| self.same_key(new, pin)) {
            Ok(new) => {
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                Look::Renewed
            }
            Err(error) => Look::Refused(error),
        }
    }

    fn same_key(&self, new: CertifiedKey, pin: Pin) -> anyhow::Result<CertifiedKey> {
        anyhow::ensure!(
            pin == self.pin,
            "its key is another than that which tokens name\nhint: renew with the key that is there (`certbot renew \
             --reuse-key`, for one), or start the coordinator again: everybody who has no --ca then needs a new token"
        );
        Ok(new)
    }

    fn tell(&self, look: Look) {
        let file =
            self.files.iter().flatten().next().map(|file| file.display().to_string()).unwrap_or_default();
        match look {
            Look::Same => {}
            Look::Renewed => tracing::info!(
                file,
                "access.renewed: the certificate was read again, and is shown from now on"
            ),
            Look::Refused(error) => {
                let why = format!("{error:#}").replace('\n', "; ");
                tracing::error!(
                    file,
                    why,
                    "access.certificate: the new one is refused; the one before is shown on"
                );
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

fn read([cert, key]: &[PathBuf; 2]) -> anyhow::Result<(CertifiedKey, Pin)> {
    certified(certificates(cert)?, private_key(key)?)
}

/// A chain with its key, and the pin of that.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<(CertifiedKey, Pin)> {
    let Some(first) = chain.first() else { anyhow::bail!("there is no certificate") };
    let pin = Pin::of(first)?;
    let certified = CertifiedKey::from_der(chain, key, &provider());
    Ok((certified.map_err(|error| anyhow::anyhow!("TLS: {error}\n{FITS}"))?, pin))
}

fn stamp(files: &[PathBuf; 2]) -> Stamp {
    let stamp = |file: &PathBuf| {
        let data = std::fs::metadata(file).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::same_key::agree, Certificate, Look};
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
    use std::{fs, path::PathBuf, sync::PoisonError};
    use tempfile::TempDir;

    /// The files of a certificate for some name; told apart by it.
    fn write(folder: &TempDir, key: &KeyPair, name: &str) -> [PathBuf; 2] {
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(key).unwrap();
        let files = ["cert.pem", "key.pem"].map(|file| folder.path().join(file));
        fs::write(&files[0], certificate.pem()).unwrap();
        fs::write(&files[1], key.serialize_pem()).unwrap();
        files
    }

    fn given(folder: &TempDir, key: &KeyPair) -> Certificate {
        let [cert, key] = write(folder, key, "a");
        Certificate::given(cert, key).unwrap()
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        let shown = certificate.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.end_entity_cert().unwrap().as_ref().to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_found_and_shown() {
        let (folder, key) = (TempDir::new().unwrap(), KeyPair::generate().unwrap());
        let certificate = given(&folder, &key);
        let first = shown(&certificate);
        assert!(matches!(certificate.look(false), Look::Same));
        write(&folder, &key, "a-longer-name");
        assert!(matches!(certificate.look(false), Look::Renewed));
        assert_ne!(shown(&certificate), first);
        assert!(matches!(certificate.look(false), Look::Same));
        assert!(matches!(certificate.look(true), Look::Renewed), "who asks is answered");
    }

    #[test]
    fn what_cannot_be_shown_is_refused_once_and_the_one_before_stays() {
        let (folder, key) = (TempDir::new().unwrap(), KeyPair::generate().unwrap());
        let certificate = given(&folder, &key);
        let first = shown(&certificate);
        let refused = |look: Look| match look {
            Look::Refused(error) => error.to_string(),
            other => panic!("{other:?}"),
        };
        fs::write(folder.path().join("cert.pem"), "half a certific").unwrap();
        let why = refused(certificate.look(false));
        assert!(why.contains("cert.pem") && why.contains("hint:"), "{why}");
        assert!(matches!(certificate.look(false), Look::Same), "it is said once");
        // A key that tokens do not name, first without its certificate.
        write(&folder, &key, "abc");
        fs::write(folder.path().join("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let why = refused(certificate.look(false));
        assert!(why.contains("`tls.key` has to be the key"), "{why}");
        write(&folder, &KeyPair::generate().unwrap(), "abcd");
        let why = refused(certificate.look(false));
        assert!(why.contains("another than that which tokens name\nhint:"), "{why}");
        fs::remove_file(folder.path().join("cert.pem")).unwrap();
        refused(certificate.look(false));
        assert_eq!(shown(&certificate), first);
    }

    #[test]
    fn a_standby_has_the_key_of_its_leader() {
        let (common, folder, other) =
            (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
        let [key, another] = [(); 2].map(|()| KeyPair::generate().unwrap());
        let own = |key: &KeyPair| {
            let params = CertificateParams::new(Vec::new()).unwrap().self_signed(key).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
            Certificate::own(vec![params.der().clone()], key).unwrap()
        };
        let told = |certificate: &Certificate, leads| agree(common.path(), certificate, leads);
        assert_eq!(told(&own(&another), false).unwrap(), None, "nobody has led yet");
        assert_eq!(told(&own(&key), true).unwrap(), None);
        assert_eq!(told(&given(&folder, &key), false).unwrap(), None);
        let why = told(&own(&another), false).unwrap_err().to_string();
        assert!(
            why.contains("not the one that tokens name") && why.contains("hint: copy `tls.key`"),
            "{why}"
        );
        let warned = told(&given(&other, &another), false).unwrap().unwrap();
        assert!(warned.contains("this standby has another key"), "{warned}");
        // Whoever leads has the say.
        let warned = told(&own(&another), true).unwrap().unwrap();
        assert!(warned.contains("needs a new one"), "{warned}");
        assert_eq!(told(&own(&another), true).unwrap(), None);
        told(&own(&key), false).unwrap_err();
    }
}
