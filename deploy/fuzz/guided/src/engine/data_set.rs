//! Files of data sets: IDX, plain and packed, CIFAR's batches, safetensors. A set is read, or refused with words, in the memory
//! that its bytes deserve.

use crate::{Target, scratch};
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write, path::Path, sync::LazyLock};
use tempfile::TempDir;
use tombola_engine::data::{DataSet, PartWriter, check_up};

pub(crate) const TARGET: Target = Target {
    name: "data_set",
    run,
    seeds,
    words: &[
        "train",
        "images",
        "labels",
        "U8",
        "F32",
        "I64",
        "shape",
        "data_offsets",
        "__metadata__",
        "dtype",
    ],
    longest: 16 << 10,
};

/// The file that the input is, and the others of its set.
struct Layout {
    file: &'static str,
    others: Vec<(&'static str, Vec<u8>)>,
    good: Vec<u8>,
}

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let pixels: Vec<u8> = (0..12).collect();
    let (images, labels) = (idx(&[2, 2, 3], &pixels), idx(&[2], &[0, 1]));
    let (train_images, train_labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let test = [("t10k-images-idx3-ubyte", images.clone()), ("t10k-labels-idx1-ubyte", labels.clone())];
    let with = |file, good: Vec<u8>, others: &[(&'static str, Vec<u8>)]| Layout {
        file,
        good,
        others: others.to_vec(),
    };
    let [test_images, test_labels] = test;
    let idx_files = |name, bytes: &Vec<u8>| [(name, bytes.clone()), test_images.clone(), test_labels.clone()];
    let batch = |pixel| vec![pixel; 2 * 3073];
    let fine: Vec<u8> = vec![1; 2 * 3074];
    let batches =
        ["data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];
    let batches = batches.map(|name| (name, batch(1)));
    vec![
        with(train_images, images.clone(), &idx_files(train_labels, &labels)),
        with(train_labels, labels.clone(), &idx_files(train_images, &images)),
        with(
            "train-images-idx3-ubyte.gz",
            gz(&images),
            &idx_files("train-labels-idx1-ubyte.gz", &gz(&labels)),
        ),
        with("data_batch_1.bin", batch(3), &batches),
        with("train.bin", fine.clone(), &[("test.bin", fine)]),
        with("train.safetensors", tensors(), &[("test.safetensors", tensors())]),
    ]
});

static FOLDER: LazyLock<TempDir> = LazyLock::new(scratch);

fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let layout = &LAYOUTS[usize::from(*kind) % LAYOUTS.len()];
    let folder = FOLDER.path().join("mine");
    lay_out(&folder, layout, rest);
    match DataSet::open(FOLDER.path(), "mine") {
        Ok(set) => {
            let info = set.info();
            assert!(info.shape.train > 0 && info.shape.classes > 0, "{info:?}");
            // What can be trained on can be looked at.
            check_up(FOLDER.path(), "mine").unwrap_or_else(|error| panic!("{error}"));
        }
        Err(error) => assert!(error.to_string().len() > 10, "{error}"),
    }
    fs::remove_dir_all(&folder).expect("a folder of its own");
}

fn lay_out(folder: &Path, layout: &Layout, bytes: &[u8]) {
    fs::create_dir_all(folder).expect("a folder of its own");
    let others = layout.others.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
    for (name, bytes) in others.chain([(layout.file, bytes)]) {
        fs::write(folder.join(name), bytes).expect("a folder of its own");
    }
}

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let sizes_be: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
    [&[0, 0, 8, sizes.len() as u8], sizes_be.as_slice(), bytes].concat()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

/// One part of a set as safetensors.
fn tensors() -> Vec<u8> {
    let folder = scratch();
    let part = PartWriter::create(folder.path(), true, [1, 2, 2], &[0, 1], &[]);
    let written = part.and_then(|mut part| {
        part.push(&[0, 1, 2, 3])?;
        part.push(&[4, 5, 6, 7])?;
        part.finish()
    });
    written.unwrap_or_else(|error| panic!("{error}"));
    fs::read(folder.path().join("train.safetensors")).expect("it was written a moment ago")
}

fn seeds() -> Vec<Vec<u8>> {
    let all = LAYOUTS.iter().enumerate();
    all.map(|(kind, layout)| [&[kind as u8], layout.good.as_slice()].concat()).collect()
}
