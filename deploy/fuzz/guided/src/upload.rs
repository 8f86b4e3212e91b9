//! Uploads with any claims, cut anywhere: what is there afterwards is what its name says, and of what was refused nothing is left.

use super::{
    Target,
    bytes::{Bytes, piece},
    scratch,
};
use std::{fs, path::PathBuf, sync::LazyLock};
use tempfile::TempDir;
use tombola_server::{Error, artifacts::Artifacts, config, fuzz};
use tombola_spec::Digest;
use tombola_wire::v1::{self, put_request::Part};

pub(crate) const TARGET: Target = Target { name: "upload", run, seeds, words: &[], longest: 4096 };

/// Artifacts of more than so many bytes are not taken.
const LIMIT: u64 = 1 << 20;

struct Shelf {
    folder: TempDir,
    artifacts: Artifacts,
    runtime: tokio::runtime::Runtime,
}

static SHELF: LazyLock<Shelf> = LazyLock::new(|| {
    let folder = scratch();
    let artifacts = Artifacts::open(folder.path(), config::Bytes(LIMIT)).expect("a folder of its own");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    Shelf { folder, artifacts, runtime }
});

fn run(bytes: &[u8]) {
    let (parts, sent) = parts(&mut Bytes::new(bytes));
    let Shelf { folder, artifacts, runtime } = &*SHELF;
    let came = runtime.block_on(fuzz::upload(artifacts, parts));
    let visible: Vec<PathBuf> =
        files(folder.path()).into_iter().filter(|path| path.file_name() != Some("state".as_ref())).collect();
    match came {
        Ok((name, existed)) => {
            assert!(!existed, "nothing was there");
            assert_eq!((name.digest, name.bytes), (Digest::of(&sent), sent.len() as u64));
            let there = folder.path().join(&name.digest.to_string()[..2]).join(name.digest.to_string());
            assert_eq!(visible, std::slice::from_ref(&there));
            assert_eq!(fs::read(there).expect("it is there"), sent);
            runtime.block_on(artifacts.remove(&name.digest)).expect("it can be removed");
        }
        Err(told) => {
            let expected = matches!(told, Error::Invalid(_) | Error::Corrupt(_));
            assert!(expected && !told.to_string().is_empty(), "{told:?}");
            assert!(visible.is_empty(), "refused, and left behind: {visible:?}");
        }
    }
}

/// The messages of an upload, and the bytes of all its chunks.
fn parts(bytes: &mut Bytes<'_>) -> (Vec<v1::PutRequest>, Vec<u8>) {
    let (claim, length) = (bytes.byte(), bytes.number());
    let name = bytes.text();
    let (mut parts, mut sent) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let part = match bytes.byte() {
            0 => None,
            1 => Some(Part::Header(v1::PutHeader::default())),
            2 => Some(Part::Chunk(vec![7; tombola_wire::CHUNK + usize::from(bytes.byte() % 2)])),
            _ => Some(Part::Chunk(bytes.piece().to_vec())),
        };
        if let Some(Part::Chunk(chunk)) = &part {
            sent.extend(chunk);
        }
        parts.push(v1::PutRequest { part });
    }
    let digest = if claim & 1 == 0 { Digest::of(&sent).to_string() } else { name };
    let bytes = if claim & 2 == 0 { sent.len() as u64 } else { length };
    if claim & 4 == 0 {
        let part = Some(Part::Header(v1::PutHeader { digest, bytes }));
        parts.insert(0, v1::PutRequest { part });
    }
    (parts, sent)
}

/// All files below a folder.
fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => all.extend(files(&entry.path())),
            _ => all.push(entry.path()),
        }
    }
    all
}

fn seeds() -> Vec<Vec<u8>> {
    let chunk = |text: &[u8]| [&[3], piece(text).as_slice()].concat();
    let good = [&[0, 0, 0], chunk(b"who").as_slice(), &chunk(b"le")].concat();
    let named = [&[1, 0], piece(Digest::of(b"x").to_string().as_bytes()).as_slice(), &chunk(b"x")].concat();
    vec![
        good,
        named,
        vec![0, 0, 0],
        vec![2, 5, 0, 3, 1, 9],
        vec![4, 0, 0, 3, 0],
        vec![0, 0, 0, 2, 0],
        vec![0, 0, 0, 2, 1],
    ]
}
