//! TLS from outside: certificates of the coordinator's own making and of an authority, and what those are told who speak
//! something else.

use crate::{
    binary::Binary,
    rig::{Home, Served, eventually},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use tombola_access::{Access, Channel, Settings, Token};
use tombola_server::config::{Config, Tls};
use tombola_wire::v1::{ListRequest, sweep_service_client::SweepServiceClient};
use tonic::{Code, transport::Endpoint};

/// A coordinator that other machines reach.
async fn serve(home: &Home) -> Served {
    let flags = tombola_server::config::Flags { listen: Some("0.0.0.0:0".to_owned()), ..home.flags() };
    home.serve_with(Config::load(&flags).unwrap()).await
}

fn operator(home: &Home) -> Token {
    fs::read_to_string(home.state().join("operator.token")).unwrap().trim().parse().unwrap()
}

fn with(token: Token) -> Settings {
    Settings { token: Some(token), ..Settings::default() }
}

/// A way in, or why there is none.
async fn enter(url: String, settings: &Settings) -> Result<SweepServiceClient<Channel>, String> {
    let access = Access::load(settings).unwrap();
    let channel = access.connect(&Endpoint::from_shared(url).unwrap()).await;
    channel.map(SweepServiceClient::new).map_err(|error| error.to_string())
}

fn url(scheme: &str, host: &str, served: &Served) -> String {
    format!("{scheme}://{host}:{}", served.address.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_names_the_key_is_all_it_takes() {
    let home = Home::sqlite();
    let served = serve(&home).await;
    let address = fs::read_to_string(home.state().join("address")).unwrap();
    assert_eq!(address.trim(), url("https", "127.0.0.1", &served));
    let token = operator(&home);
    let mut sweeps = enter(address.trim().to_owned(), &with(token.clone())).await.unwrap();
    sweeps.list(ListRequest {}).await.unwrap();
    served.stop().await;

    // The key stays, so that tokens given out go on naming it.
    let served = serve(&home).await;
    assert_eq!(operator(&home).pin(), token.pin());
    let old =
        enter(url("https", "localhost", &served), &with(token)).await.unwrap().list(ListRequest {}).await;
    assert_eq!(old.unwrap_err().code(), Code::Unauthenticated, "it gets as far as the guard");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_believed_is_told_apart() {
    let (home, elsewhere) = (Home::sqlite(), Home::sqlite());
    let (served, other) = (serve(&home).await, serve(&elsewhere).await);
    let at = || url("https", "localhost", &served);
    let why = enter(at(), &with(operator(&elsewhere))).await.unwrap_err();
    assert!(
        why.contains("not the one that the token names") && why.contains("hint: it was set up anew"),
        "{why}"
    );
    let without_pin = Token::random(None).unwrap();
    let why = enter(at(), &with(without_pin.clone())).await.unwrap_err();
    assert!(why.contains("signed by nobody that is known here") && why.contains("--ca FILE"), "{why}");
    let ca = |home: &Home| Settings { ca: Some(home.state().join("tls.pem")), ..with(without_pin.clone()) };
    let why = enter(at(), &ca(&elsewhere)).await.unwrap_err();
    assert!(why.contains("hint:"), "{why}");
    // With the certificate itself it gets as far as the guard.
    let refused = enter(at(), &ca(&home)).await.unwrap().list(ListRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
    served.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_text_and_tls_are_told_of_each_other() {
    let (secure, open) = (Home::sqlite(), Home::sqlite());
    let (served, plain) = (serve(&secure).await, open.serve().await);
    let mut stray = enter(url("http", "127.0.0.1", &served), &Settings::default()).await.unwrap();
    let told = stray.list(ListRequest {}).await.unwrap_err();
    assert!(told.code() == Code::FailedPrecondition && told.message().contains("`https://`"), "{told}");
    let why = enter(url("https", "127.0.0.1", &plain), &with(operator(&secure))).await.unwrap_err();
    assert!(why.contains("does not speak TLS\nhint: write `http://`"), "{why}");
    served.stop().await;
    plain.stop().await;
}

/// What a browser is answered.
async fn get(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    // Whoever closes a connection of TLS without a farewell has still answered.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], address.port()))).await.unwrap()
}

/// A handshake with a client that believes whom this file names.
async fn shake_hands(address: SocketAddr, ca: &Path) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in tombola_access::certificates(ca).unwrap() {
        roots.add(certificate).unwrap();
    }
    let config = rustls::ClientConfig::builder_with_provider(tombola_access::provider());
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = "localhost".to_owned().try_into().unwrap();
    connector.connect(name, connect(address).await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_told_what_this_port_is() {
    let (secure, open) = (Home::sqlite(), Home::sqlite());
    let (served, plain) = (serve(&secure).await, open.serve().await);
    let answer = get(&mut connect(plain.address).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("This is a Tombola coordinator"),
        "{answer}"
    );
    let answer = get(&mut connect(served.address).await).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("write https://"), "{answer}");

    let mut stream = shake_hands(served.address, &secure.state().join("tls.pem")).await;
    let answer = get(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("This is a Tombola coordinator"),
        "{answer}"
    );
    served.stop().await;
    plain.stop().await;
}

/// An authority, and what it has signed, in a folder.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Signs a certificate for `name`: its file and that of its key.
    fn sign(&self, name: &str) -> [Option<PathBuf>; 2] {
        self.sign_key(name, &KeyPair::generate().unwrap())
    }

    /// The same for a key that is there.
    fn sign_key(&self, name: &str, key: &KeyPair) -> [Option<PathBuf>; 2] {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let [certificate, key_file] =
            [format!("{name}.pem"), format!("{name}.key")].map(|file| self.path(&file));
        fs::write(&certificate, params.signed_by(key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        [Some(certificate), Some(key_file)]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_prove_themselves_where_an_authority_is_named() {
    let (home, authority, stranger) = (Home::sqlite(), Authority::new(), Authority::new());
    let [cert, key] = authority.sign("localhost");
    let mut config = home.config();
    config.tls = Tls { cert, key, client_ca: Some(authority.path("ca.pem")) };
    let served = home.serve_with(config).await;
    let at = || url("https", "localhost", &served);
    let settings = |of: Option<&Authority>| {
        let [client_cert, client_key] = of.map_or([None, None], |of| of.sign("gpu7"));
        Settings { ca: Some(authority.path("ca.pem")), client_cert, client_key, ..with(operator(&home)) }
    };
    enter(at(), &settings(Some(&authority))).await.unwrap().list(ListRequest {}).await.unwrap();
    for unproved in [None, Some(&stranger)] {
        // By TLS 1.3 a client learns it only with the first answer.
        if let Ok(mut sweeps) = enter(at(), &settings(unproved)).await {
            let refused = sweeps.list(ListRequest {}).await.unwrap_err();
            assert_ne!(refused.code(), Code::Unauthenticated, "it must not get as far as the guard");
        }
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_cannot_be_used_keep_it_from_starting() {
    let (home, authority) = (Home::sqlite(), Authority::new());
    let ([cert, _], [_, key]) = (authority.sign("one"), authority.sign("two"));
    let start = async |cert: Option<PathBuf>, key: Option<PathBuf>| {
        let mut config = home.config();
        config.tls = Tls { cert, key, client_ca: None };
        tombola_server::app::Coordinator::start(config).await.err().unwrap().to_string()
    };
    let why = start(cert.clone(), key.clone()).await;
    assert!(why.contains("`tls.key` has to be the key of the first certificate"), "{why}");
    let why = start(cert, Some(authority.path("none"))).await;
    assert!(why.contains("holds no private key") && why.contains("none"), "{why}");
}

/// The certificate that a coordinator shows now.
async fn shown(address: SocketAddr, ca: &Path) -> Vec<u8> {
    let stream = shake_hands(address, ca).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_bad_one_never() {
    let (home, authority, key) = (Home::sqlite(), Authority::new(), KeyPair::generate().unwrap());
    let [cert, key_file] = authority.sign_key("localhost", &key).map(Option::unwrap);
    let files = [("CERT", &cert), ("KEY", &key_file)]
        .map(|(name, path)| (format!("TOMBOLA_COORDINATOR_TLS__{name}"), path.to_str().unwrap().to_owned()));
    let environment = files.each_ref().map(|(name, path)| (name.as_str(), path.as_str()));
    let coordinator = Binary::start(&home, &[], &environment).await;
    let (address, ca) = (coordinator.address, authority.path("ca.pem"));
    let hang_up = || {
        kill_process(Pid::from_raw(coordinator.id().cast_signed()).unwrap(), Signal::HUP).unwrap();
    };
    let first = shown(address, &ca).await;
    let old = with(operator(&home));
    let mut before = enter(format!("https://localhost:{}", address.port()), &old).await.unwrap();

    fs::write(&cert, "what a full disk leaves").unwrap();
    hang_up();
    for _ in 0..20 {
        assert_eq!(shown(address, &ca).await, first);
    }
    authority.sign_key("localhost", &key);
    hang_up();
    let second = eventually(|| async {
        let shown = shown(address, &ca).await;
        (shown != first).then_some(shown)
    });
    let second = second.await;
    before.list(ListRequest {}).await.expect("what is open stays open");
    // A token goes on naming the key.
    let url = format!("https://localhost:{}", address.port());
    enter(url, &old).await.unwrap().list(ListRequest {}).await.unwrap();
    assert_eq!(shown(address, &ca).await, second);
    assert_eq!(coordinator.stop().await, Some(0));
}
