//! Checkpoints, weights and masks, ours and others': a file is read, or refused with words, in the memory that its bytes
//! deserve. What was read is written as something that is read as the same.

use crate::{Target, scratch};
use std::{fs, path::Path, sync::LazyLock};
use tempfile::TempDir;
use tombola_engine::{
    checkpoint::{FileKind, TensorFile},
    mask::Mask,
};
use tombola_spec::arch::Architecture;

pub(crate) const TARGET: Target = Target {
    name: "tensors",
    run,
    seeds,
    words: &[
        "__metadata__",
        "dtype",
        "shape",
        "data_offsets",
        "U8",
        "F32",
        "F64",
        "I64",
        "fc.weight",
        "exp_avg.",
        "iteration",
        "prunable",
        "mnist_lenet_4_3",
        "[0,0]",
        "18446744073709551615",
        "tombola",
    ],
    longest: 4096,
};

const NETWORK: &str = "mnist_lenet_4_3";

static FOLDER: LazyLock<TempDir> = LazyLock::new(scratch);

fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    // The length of the header comes first, which few guess.
    let (framed, rest) = (kind & 4 == 0, rest);
    let whole = if framed { frame(rest) } else { rest.to_vec() };
    match kind % 4 {
        0 => file(&whole, FileKind::Checkpoint),
        1 => file(&whole, FileKind::Weights),
        2 => mask(&whole),
        _ => foreign(&whole),
    }
}

/// A header ends where its braces do.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut depth = 0;
    let closes = |byte: &u8| {
        depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        depth <= 0
    };
    let length = bytes.iter().position(closes).map_or(bytes.len(), |end| end + 1);
    [(length as u64).to_le_bytes().as_slice(), bytes].concat()
}

fn file(bytes: &[u8], kind: FileKind) {
    match TensorFile::from_bytes(Path::new("file"), bytes, kind) {
        Ok(file) => {
            for (name, shape, values) in file.tensors() {
                assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
            }
            drop(file.note::<u64>("iteration"));
            let again = file.to_bytes().unwrap_or_else(|error| panic!("{error}"));
            let read = TensorFile::from_bytes(Path::new("file"), &again, kind);
            let read = read.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(read.to_bytes().unwrap_or_else(|error| panic!("{error}")), again);
        }
        Err(error) => assert!(error.to_string().len() > 10, "{error}"),
    }
}

fn mask(bytes: &[u8]) {
    let path = FOLDER.path().join("mask");
    fs::write(&path, bytes).expect("a folder of its own");
    match Mask::load(&network(), &path) {
        Ok(mask) => {
            mask.check(&network()).unwrap_or_else(|error| panic!("{error}"));
            assert!(mask.counts().layers.iter().all(|layer| layer.living <= layer.total));
        }
        Err(error) => assert!(error.to_string().len() > 10, "{error}"),
    }
    drop(Mask::load_body(&network(), &path));
}

/// As people hand them in.
fn foreign(bytes: &[u8]) {
    let path = FOLDER.path().join("foreign");
    fs::write(&path, bytes).expect("a folder of its own");
    for kind in [FileKind::Mask, FileKind::Weights] {
        if let Err(error) = TensorFile::load_foreign(&path, kind, NETWORK) {
            assert!(error.to_string().len() > 10, "{error}");
        }
    }
}

fn network() -> Architecture {
    Architecture::parse(NETWORK, [1, 2, 2], 2).expect("a network of ours")
}

fn seeds() -> Vec<Vec<u8>> {
    let path = FOLDER.path().join("seed");
    let mut files = Vec::new();
    for (number, kind) in (0..).zip([FileKind::Checkpoint, FileKind::Weights]) {
        let mut file = TensorFile::new(kind, NETWORK);
        let put = file.put("fc.weight", &[2, 3], vec![0.5f32; 6]);
        let put = put.and_then(|()| file.put("exp_avg.fc.weight", &[6], vec![1e-300f64; 6]));
        let put = put.and_then(|()| file.put_note("iteration", &7u64));
        let bytes = put.and_then(|()| file.to_bytes()).unwrap_or_else(|error| panic!("{error}"));
        files.push((number, bytes));
    }
    Mask::dense(&network()).save(&network(), &path).unwrap_or_else(|error| panic!("{error}"));
    let mask = fs::read(&path).expect("it was written a moment ago");
    files.extend([(2, mask.clone()), (3, mask)]);
    let raw = files.iter().map(|(kind, bytes)| [&[kind | 4], bytes.as_slice()].concat());
    let framed = files.iter().map(|(kind, bytes)| [&[*kind], bytes.get(8..).unwrap_or_default()].concat());
    raw.chain(framed).collect()
}
