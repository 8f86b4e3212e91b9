//! What an agent kept of its reports: it is read whole, up to a torn end, or refused; written anew it says the same.

use super::{
    Target,
    bytes::{Bytes, piece},
    messages::SAID,
    scratch,
};
use prost::Message as _;
use std::{fs, sync::LazyLock};
use tempfile::TempDir;
use tombola_agent::fuzz;
use tombola_wire::v1::{self, from_worker};

pub(crate) const TARGET: Target =
    Target { name: "spool", run, seeds, words: &["tombola spool 1\n", "train", "user"], longest: 4096 };

static FOLDER: LazyLock<TempDir> = LazyLock::new(scratch);

fn run(bytes: &[u8]) {
    let path = FOLDER.path().join("spool");
    fs::write(&path, file(bytes)).expect("a folder of its own");
    match fuzz::spooled(FOLDER.path()) {
        Ok(reports) => {
            let again = fuzz::spooled(FOLDER.path()).expect("it was written a moment ago");
            let bytes = |all: Vec<v1::Report>| all.iter().map(v1::Report::encode_to_vec).collect::<Vec<_>>();
            assert_eq!(bytes(again), bytes(reports));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file as it is, or one whose records have the length and the check that they need: nobody guesses these.
fn file(bytes: &[u8]) -> Vec<u8> {
    let Some((1, rest)) = bytes.split_first().map(|(kind, rest)| (kind % 2, rest)) else {
        return bytes.get(1..).unwrap_or_default().to_vec();
    };
    let (mut rest, mut file) = (Bytes::new(rest), b"tombola spool 1\n".to_vec());
    while !rest.is_empty() {
        let body = rest.piece();
        file.extend((body.len() as u32).to_le_bytes());
        file.extend(&tombola_spec::Digest::of(body).0[..8]);
        file.extend(body);
    }
    file
}

fn seeds() -> Vec<Vec<u8>> {
    let reports = SAID.iter().cloned().filter_map(|message| match message {
        from_worker::Message::Report(report) => Some([[0; 12].as_slice(), &report.encode_to_vec()].concat()),
        _ => None,
    });
    let framed: Vec<Vec<u8>> = reports.map(|body| piece(&body)).collect();
    let whole = [&[1], framed.concat().as_slice()].concat();
    let raw = [&[0], file(&whole).as_slice()].concat();
    vec![whole, raw, b"\x00tombola spool 2\nx".to_vec(), b"\x00tombola".to_vec()]
}
