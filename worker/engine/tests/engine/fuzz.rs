//! Files that are not what they say: each is read as it is or refused with words, in the memory that its bytes deserve.

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::{fs, io::Write, path::Path};
use tempfile::TempDir;
use tombola_engine::{
    checkpoint::{FileKind, TensorFile},
    data::{DataSet, PartWriter},
    mask::Mask,
};
use tombola_fuzz::{bound_memory, cases, damaged};
use tombola_spec::arch::Architecture;

/// More than libtorch and this test take; a count believed is a thousand times that.
const MEMORY: u64 = 8 << 30;

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let sizes_be: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
    [&[0, 0, 8, sizes.len() as u8], sizes_be.as_slice(), bytes].concat()
}

/// A data folder with the files of one set.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join("mine").join(name), bytes).unwrap();
    }
    folder
}

/// Reads a set; what is wrong with it is said with what to do.
fn open(folder: &TempDir) {
    bound_memory(MEMORY);
    if let Err(error) = DataSet::open(folder.path(), "mine") {
        assert!(error.to_string().len() > 10, "{error}");
    }
}

/// Opens MNIST's four files with these images and labels.
fn open_idx(images: &[u8], labels: &[u8], suffix: &str) {
    let pixels: Vec<u8> = (0..12).collect();
    let (images_name, labels_name) =
        (format!("train-images-idx3-ubyte{suffix}"), format!("train-labels-idx1-ubyte{suffix}"));
    open(&folder(&[
        (&images_name, images),
        (&labels_name, labels),
        ("t10k-images-idx3-ubyte", &idx(&[2, 2, 3], &pixels)),
        ("t10k-labels-idx1-ubyte", &idx(&[2], &[0, 1])),
    ]));
}

fn images() -> Vec<u8> {
    idx(&[2, 2, 3], &(0..12).collect::<Vec<u8>>())
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One part of a set as safetensors.
fn tensors() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut part = PartWriter::create(folder.path(), true, [1, 2, 2], &[0, 1], &[]).unwrap();
    part.push(&[0, 1, 2, 3]).and_then(|()| part.push(&[4, 5, 6, 7])).and_then(|()| part.finish()).unwrap();
    fs::read(folder.path().join("train.safetensors")).unwrap()
}

fn network() -> Architecture {
    Architecture::parse("mnist_lenet_4_3", [1, 2, 2], 2).unwrap()
}

fn mask() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask");
    Mask::dense(&network()).save(&network(), &path).unwrap();
    fs::read(path).unwrap()
}

fn checkpoint() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mut file = TensorFile::new(FileKind::Checkpoint, "mnist_lenet_4_3");
    file.put("fc.weight", &[2, 3], vec![0.5f32; 6]).unwrap();
    file.put("exp_avg.fc.weight", &[6], vec![1e-300f64; 6]).unwrap();
    file.put_note("iteration", &7u64).unwrap();
    file.save(&path).unwrap();
    fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn damaged_idx_images_are_read_or_refused(images in damaged(images())) {
        open_idx(&images, &idx(&[2], &[0, 1]), "");
    }

    #[test]
    fn damaged_idx_labels_are_read_or_refused(labels in damaged(idx(&[2], &[0, 1]))) {
        open_idx(&images(), &labels, "");
    }

    #[test]
    fn damaged_gzip_data_are_read_or_refused(images in damaged(gz(&images()))) {
        open_idx(&images, &gz(&idx(&[2], &[0, 1])), ".gz");
    }

    #[test]
    fn damaged_batches_are_read_or_refused(batch in damaged(vec![3; 2 * 3073]), fine in any::<bool>()) {
        let (train, test) = if fine { ("train.bin", "test.bin") } else { ("data_batch_1.bin", "test_batch.bin") };
        let others = ["data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
        let good = vec![1; 3073];
        let mut files = vec![(train, batch.as_slice()), (test, &good)];
        files.extend(others.map(|name| (name, good.as_slice())));
        open(&folder(&files));
    }

    #[test]
    fn damaged_tensors_of_images_are_read_or_refused(train in damaged(tensors())) {
        open(&folder(&[("train.safetensors", &train), ("test.safetensors", &tensors())]));
    }

    #[test]
    fn a_damaged_checkpoint_is_read_or_refused(bytes in damaged(checkpoint())) {
        bound_memory(MEMORY);
        if let Ok(file) = TensorFile::from_bytes(Path::new("checkpoint"), &bytes, FileKind::Checkpoint) {
            let held = |(_, shape, values): (&str, &[usize], &tombola_engine::checkpoint::Values)| {
                shape.iter().product::<usize>() == values.len()
            };
            prop_assert!(file.tensors().all(held));
            let _ = file.note::<u64>("iteration");
        }
    }

    #[test]
    fn a_damaged_mask_fits_its_network_or_is_refused(bytes in damaged(mask())) {
        bound_memory(MEMORY);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask");
        fs::write(&path, &bytes).unwrap();
        if let Ok(mask) = Mask::load(&network(), &path) {
            prop_assert!(mask.check(&network()).is_ok());
        }
        let _ = TensorFile::load_foreign(&path, FileKind::Mask, "mnist_lenet_4_3");
    }
}
