//! Dialing: over TLS to whoever is to be believed, with a token.

use crate::{
    BadToken, Identity, NoFile, Road, Token,
    pin::OtherKey,
    road::Wire,
    tls::{self, Trust},
};
use hyper_util::rt::TokioIo;
use rustls::{
    AlertDescription, CertificateError, Error as TlsError, InvalidMessage, RootCertStore,
    pki_types::ServerName,
};
use std::{error::Error, io, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio_rustls::TlsConnector;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Endpoint, Uri},
};

/// How long a dial may take, all of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection whose requests carry the token.
pub type Channel = InterceptedService<tonic::transport::Channel, Bearer>;

/// Where what is needed to get in comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The token itself: from the environment, never from a flag, which others can see.
    pub token: Option<Token>,
    /// The file that holds it; read for each request, so that a new token needs no restart.
    pub token_file: Option<PathBuf>,
    /// Certificates of the authority that signed the coordinator's.
    pub ca: Option<PathBuf>,
    /// Our own certificates and key, where a coordinator asks for them.
    pub client_cert: Option<PathBuf>,
    /// See `client_cert`.
    pub client_key: Option<PathBuf>,
}

/// What keeps these settings from being used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file is not what it has to be.
    #[error(transparent)]
    File(#[from] NoFile),
    /// The file of the token cannot be read.
    #[error("cannot read the token in `{path}`: {source}")]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{path}`: {source}")]
    NoToken {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BadToken,
    },
    /// Half of what belongs together.
    #[error("a client certificate needs its key, and a key its certificate\nhint: give both, or neither")]
    Half,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody answers there, or not in time.
    #[error("{0}")]
    Silent(String),
    /// Somebody does, and cannot be believed or understood.
    #[error("{0}")]
    Tls(String),
    /// What is needed to get in cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// What is needed to get in.
#[derive(Debug, Clone)]
pub struct Access {
    source: Source,
    roots: Option<Arc<RootCertStore>>,
    identity: Option<Arc<Identity>>,
    road: Road,
}

/// Where a token comes from.
#[derive(Debug, Clone)]
enum Source {
    Nothing,
    Given(Token),
    File(PathBuf),
}

impl Source {
    fn token(&self) -> Result<Option<Token>, AccessError> {
        let path = match self {
            Self::Nothing => return Ok(None),
            Self::Given(token) => return Ok(Some(token.clone())),
            Self::File(path) => path.clone(),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(token) => Ok(Some(token)),
                Err(source) => Err(AccessError::NoToken { path, source }),
            },
            Err(source) => Err(AccessError::Unread { path, source }),
        }
    }
}

impl Access {
    /// Nothing is needed: a coordinator of this machine.
    pub fn open() -> Self {
        Self { source: Source::Nothing, roots: None, identity: None, road: Road::default() }
    }

    /// Reads and checks what the settings name.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn load(settings: &Settings) -> Result<Self, AccessError> {
        let source = match (&settings.token_file, &settings.token) {
            (Some(file), _) => Source::File(file.clone()),
            (None, Some(token)) => Source::Given(token.clone()),
            (None, None) => Source::Nothing,
        };
        source.token()?;
        let identity = match (&settings.client_cert, &settings.client_key) {
            (Some(chain), Some(key)) => Some(Arc::new(Identity::read(chain, key)?)),
            (None, None) => None,
            _ => return Err(AccessError::Half),
        };
        let roots = settings.ca.as_deref().map(tls::roots).transpose()?.map(Arc::new);
        Ok(Self { source, roots, identity, road: Road::default() })
    }

    /// The same, over another network.
    #[must_use]
    pub fn over(self, road: Road) -> Self {
        Self { road, ..self }
    }

    /// With scheme: what needs TLS to get in speaks TLS, but to this machine only if it was said so.
    pub fn url(&self, address: &str) -> String {
        if address.contains("://") {
            return address.to_owned();
        }
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let open = matches!(self.source, Source::Nothing) && self.roots.is_none() && self.identity.is_none();
        let scheme = if open || is_here(host) { "http" } else { "https" };
        format!("{scheme}://{address}")
    }

    /// Connects.
    ///
    /// # Errors
    /// In words for people: nobody there, somebody else there, not the words this port speaks.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Channel, DialError> {
        let token = self.source.token()?;
        let uri = endpoint.uri();
        let (host, secure) = (uri.host().unwrap_or_default(), uri.scheme_str() == Some("https"));
        // In plain text a token is for nobody's eyes but this machine's; whoever needs none there does not miss it.
        let bearer = Bearer(if secure || is_here(host) { self.source.clone() } else { Source::Nothing });
        let (road, tls) = (self.road.clone(), secure.then(|| self.tls(token.as_ref(), host)).transpose()?);
        let connect = tower::service_fn(move |uri| dial(road.clone(), tls.clone(), uri));
        let connected = tokio::time::timeout(PATIENCE, endpoint.connect_with_connector(connect)).await;
        let late = |_| DialError::Silent(format!("no answer within {} s", PATIENCE.as_secs()));
        let channel = connected.map_err(late)?.map_err(|error| explain(&error))?;
        Ok(InterceptedService::new(channel, bearer))
    }

    fn tls(&self, token: Option<&Token>, host: &str) -> Result<Tls, DialError> {
        let trust = match (&self.roots, token.and_then(Token::pin)) {
            (Some(roots), _) => Trust::Roots(Arc::clone(roots)),
            (None, Some(pin)) => Trust::Pinned(pin),
            (None, None) => Trust::Roots(Arc::new(tls::public_roots())),
        };
        let config = tls::client(&trust, self.identity.as_deref());
        let config = config.map_err(|error| DialError::Tls(words(&error)))?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| DialError::Tls(format!("`{host}` cannot be the name of a host")))?;
        Ok(Tls { connector: Arc::new(config).into(), name })
    }
}

/// Whether a host is this machine, by its name.
fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

async fn dial(road: Road, tls: Option<Tls>, uri: Uri) -> io::Result<TokioIo<Box<dyn Wire>>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let usual = if tls.is_some() { 443 } else { 80 };
    let wire = road.open(host, uri.port_u16().unwrap_or(usual)).await?;
    Ok(TokioIo::new(match tls {
        Some(tls) => Box::new(tls.connector.connect(tls.name, wire).await?),
        None => wire,
    }))
}

/// What went wrong with a dial, by what is at its bottom.
fn explain(error: &(dyn Error + 'static)) -> DialError {
    let mut at = error;
    loop {
        // What an I/O error holds is not its source but itself.
        let held = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(tls) = held.and_then(|held| held.downcast_ref::<TlsError>()) {
            return DialError::Tls(words(tls));
        }
        match at.source() {
            Some(source) => at = source,
            None => return DialError::Silent(at.to_string()),
        }
    }
}

/// A failure of TLS, and what to do about it.
fn words(error: &TlsError) -> String {
    let (what, hint) = match error {
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => (
            "it does not speak TLS".to_owned(),
            "write `http://` before its address if it needs none, or look whether something else listens there",
        ),
        TlsError::InvalidCertificate(CertificateError::Other(other)) if other.0.is::<OtherKey>() => (
            OtherKey.to_string(),
            "it was set up anew, or somebody else answers in its place: ask its operator for a new token",
        ),
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "its certificate is signed by nobody that is known here".to_owned(),
            "use a token that names its key (`tombola token create` prints one), or name the authority's certificate \
             (--ca FILE)",
        ),
        TlsError::InvalidCertificate(
            error @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }),
        ) => (
            format!("its certificate is for another name: {error}"),
            "use the name that the certificate has as its address",
        ),
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::HandshakeFailure,
        ) => (
            format!("it does not accept this client: {error}"),
            "it may want a client certificate: settings `client_cert` and `client_key` of a worker, --client-cert and --client-key of `tombola`",
        ),
        _ => (format!("TLS failed: {error}"), "look at the coordinator's certificate, and at both clocks"),
    };
    format!("{what}\nhint: {hint}")
}

/// Puts the token into each request: one in a file is read anew, so that a connection outlives the token it began with (the
/// operator's is another after each start of the coordinator).
#[derive(Debug, Clone)]
pub struct Bearer(Source);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        // A file that is not there now may be soon: the coordinator is starting, perhaps.
        let token = self.0.token().map_err(|error| Status::unavailable(error.to_string()))?;
        if let Some(header) = token.and_then(|token| format!("Bearer {}", token.bearer()).parse().ok()) {
            let mut header: MetadataValue<Ascii> = header;
            // Neither printed nor kept in tables of compressed headers.
            header.set_sensitive(true);
            request.metadata_mut().insert("authorization", header);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_tls_to_get_in_speaks_it_to_other_machines() {
        let token = Some(Token::random(None).unwrap());
        let with_token = Access::load(&Settings { token, ..Settings::default() }).unwrap();
        assert_eq!(with_token.url("lab:7654"), "https://lab:7654");
        assert_eq!(with_token.url("http://lab:7654"), "http://lab:7654");
        for here in ["127.0.0.1:7654", "localhost:7654", "[::1]:7654"] {
            assert_eq!(with_token.url(here), format!("http://{here}"));
        }
        assert_eq!(Access::open().url("lab:7654"), "http://lab:7654");
    }

    #[test]
    fn settings_that_cannot_be_used_say_what_is_wrong_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "tombola_half").unwrap();
        let of_file = |file: PathBuf| Settings { token_file: Some(file), ..Settings::default() };
        let refused = |settings| Access::load(&settings).unwrap_err().to_string();
        let words = refused(of_file(file.clone()));
        assert!(words.contains(file.to_str().unwrap()) && !words.contains("half"), "{words}");
        assert!(refused(of_file(folder.path().join("none"))).contains("cannot read the token"));
        let settings = Settings { client_cert: Some(file.clone()), ..Settings::default() };
        assert!(refused(settings).contains("needs its key"));
        let settings = Settings { ca: Some(file), ..Settings::default() };
        assert!(refused(settings).contains("holds no certificates"));
    }
}
