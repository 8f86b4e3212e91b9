//! What an operator writes: a coordinator's configuration, slots, tokens, certificates. Each is taken, or refused with words.

use super::{Target, repository, scratch};
use serde::de::DeserializeOwned;
use std::{fmt::Display, fs, path::PathBuf, sync::LazyLock};
use tempfile::TempDir;
use tombola_access::{Token, certificates, private_key};
use tombola_agent::SlotSpec;
use tombola_server::config::{Bytes, Config, Flags, Span};

pub(crate) const TARGET: Target = Target { name: "settings", run, seeds, words: WORDS, longest: 8192 };

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "listen = ", "insecure = ", "tokens = ", "[tls]\n", "cert = ", "state = ", "database = ", "\"sqlite\"",
    "\"postgres://a@b/c\"", "[limits]\n", "query_rows = ", "[uploads]\n", "[workers]\n", "heartbeat = ",
    "term = ", "[log]\n", "\"127.0.0.1:0\"", "\"[::]:1\"", "\"16MiB\"", "\"1GiB\"", "\"72h\"", "\"1ms\"",
    "\"18446744073709551615GiB\"", "18446744073709551615", "xcpu", "cuda:", "=", "tombola_",
    "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\n",
];

static FOLDER: LazyLock<TempDir> = LazyLock::new(scratch);

fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 7 {
        0 => says_why(Config::load(&Flags { config: Some(file(rest)), ..Flags::default() }).map(|config| {
            assert!(config.workers.schedule().max_tries > 0 && (config.is_guarded() || !config.speaks_tls()));
        })),
        1 => says_why(
            SlotSpec::parse_list(&text, 8).map(|slots| assert!(slots.iter().all(|slot| slot.lanes > 0))),
        ),
        2 => says_why(text.parse::<Token>().map(|token| {
            assert!(token.reveal().parse::<Token>().is_ok_and(|again| again == token), "{text}");
        })),
        3 => says_why(certificates(&file(rest))),
        4 => says_why(private_key(&file(rest))),
        5 => amount::<Bytes>(&text),
        _ => amount::<Span>(&text),
    }
}

fn file(bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join("file");
    fs::write(&path, bytes).expect("a folder of its own");
    path
}

fn says_why<T>(answer: Result<T, impl Display>) {
    if let Err(error) = answer {
        assert!(!error.to_string().is_empty());
    }
}

/// An amount is printed as something that is read as the same.
fn amount<T: DeserializeOwned + Display + PartialEq>(text: &str) {
    let Ok(read) = serde_json::from_value::<T>(text.into()) else { return };
    let again = serde_json::from_value::<T>(read.to_string().into());
    assert!(again.is_ok_and(|again| again == read), "{text:?} is printed as {read}");
}

fn seeds() -> Vec<Vec<u8>> {
    let configs = repository("deploy", "toml").into_iter().map(|file| [b"\0".as_slice(), &file].concat());
    let token = Token::random(None).map(|token| format!("\x02{}", token.reveal()).into_bytes());
    let pem = "\x03-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n";
    let others =
        ["\x01cpu=2,cuda:1=3,2xcpu", pem, "\x0516MiB", "\x051.5GiB", "\x0672h", "\x061m30s", "\x06500ms"];
    configs.chain(token).chain(others.map(|text| text.as_bytes().to_vec())).collect()
}
