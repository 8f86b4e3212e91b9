//! Files of named tensors: round trips, determinism, atomicity, and damage.

use proptest::prelude::*;
use std::{collections::HashMap, fs, path::Path};
use tombola_engine::{
    checkpoint::{FORMAT, FileKind, TensorFile, Values, write_atomically},
    error::EngineError,
};
use tombola_spec::{Digest, outcome::FailureClass};

/// One tensor of each type, of odd sizes, and notes.
fn example() -> TensorFile {
    let mut file = TensorFile::new(FileKind::Checkpoint, "mnist_lenet_300_100");
    file.put("fc.weight", &[3, 1], vec![1.5f32, -0.0, f32::MIN_POSITIVE]).unwrap();
    file.put("exp_avg.fc.weight", &[3], vec![1e-300f64, f64::NAN, -1.0 / 3.0]).unwrap();
    file.put("mask.fc.weight", &[1, 3], vec![1u8, 0, 1]).unwrap();
    file.put("updates", &[], vec![i64::MIN]).unwrap();
    file.put("none", &[0], Vec::<f32>::new()).unwrap();
    file.put_note("iteration", &120_000u64).unwrap();
    file.put_note("text", &"a \"quoted\" line\nand ünïcode").unwrap();
    file
}

fn bits(file: &TensorFile) -> Vec<u64> {
    match file.values("exp_avg.fc.weight").unwrap() {
        Values::F64(values) => values.iter().map(|value| value.to_bits()).collect(),
        other => panic!("not f64: {other:?}"),
    }
}

#[test]
fn what_is_saved_is_loaded_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lane.safetensors");
    let saved = example().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!((saved.digest, saved.bytes), (Digest::of(&bytes), bytes.len() as u64));

    let loaded = TensorFile::load(&path, FileKind::Checkpoint).unwrap();
    assert_eq!(loaded.network(), "mnist_lenet_300_100");
    assert_eq!(loaded.shape("fc.weight").unwrap(), [3, 1]);
    assert_eq!(
        loaded.f32s("fc.weight").unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        [1.5f32.to_bits(), (-0.0f32).to_bits(), f32::MIN_POSITIVE.to_bits()]
    );
    assert_eq!(bits(&loaded), bits(&example()), "f64, NaN included");
    assert_eq!(loaded.u8s("mask.fc.weight").unwrap(), [1, 0, 1]);
    assert!(matches!(loaded.values("updates").unwrap(), Values::I64(values) if values == &[i64::MIN]));
    assert_eq!(loaded.needed_note::<u64>("iteration").unwrap(), 120_000);
    assert_eq!(loaded.needed_note::<String>("text").unwrap(), "a \"quoted\" line\nand ünïcode");
    assert_eq!(loaded.note::<u64>("absent").unwrap(), None);
    assert_eq!(loaded.to_bytes().unwrap(), bytes);
}

#[test]
fn equal_contents_are_equal_bytes_whatever_the_order_they_were_put_in() {
    let mut other = TensorFile::new(FileKind::Weights, "n");
    let mut file = other.clone();
    file.put("b", &[1], vec![1f32]).unwrap();
    file.put("a", &[2], vec![1f64, 2.0]).unwrap();
    file.put_note("x", &1).unwrap();
    file.put_note("y", &2).unwrap();
    other.put_note("y", &2).unwrap();
    other.put_note("x", &1).unwrap();
    other.put("a", &[2], vec![1f64, 2.0]).unwrap();
    other.put("b", &[1], vec![1f32]).unwrap();
    assert_eq!(file.to_bytes().unwrap(), other.to_bytes().unwrap());
}

/// The writer is ours, so the format's own reader must agree with it.
#[test]
fn the_safetensors_crate_reads_the_files_and_every_tensor_is_aligned() {
    let bytes = example().to_bytes().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 5);
    for (name, view) in tensors.iter() {
        let offset = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        let width = match view.dtype() {
            safetensors::Dtype::F64 | safetensors::Dtype::I64 => 8,
            safetensors::Dtype::F32 => 4,
            _ => 1,
        };
        assert_eq!(offset % width, 0, "{name}");
    }
    let weight = tensors.tensor("fc.weight").unwrap();
    assert_eq!((weight.shape(), &weight.data()[..4]), (&[3, 1][..], &1.5f32.to_le_bytes()[..]));
}

#[test]
fn a_file_left_half_written_by_a_crash_is_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lane.safetensors");
    example().save(&path).unwrap();
    // What a killed process leaves: the beginning of the next file, under its temporary name.
    fs::write(folder.path().join("lane.safetensors.4242.tmp"), b"half").unwrap();
    assert!(TensorFile::load(&path, FileKind::Checkpoint).is_ok());
    example().save(&path).unwrap();
    assert!(TensorFile::load(&path, FileKind::Checkpoint).is_ok());
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_litter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    let error = write_atomically(&path, b"new").unwrap_err();
    assert_eq!(error.class(), FailureClass::Infrastructure);
    assert!(path.is_dir());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is removed");
    let nowhere = folder.path().join("absent/file");
    assert!(matches!(write_atomically(&nowhere, b"new"), Err(EngineError::Io { .. })));
}

/// A device that is always full: the file is opened, and no byte fits.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named_as_such() {
    let full =
        std::io::Write::write_all(&mut fs::OpenOptions::new().write(true).open("/dev/full").unwrap(), b"x");
    let error = EngineError::Io { path: "/state/lane".into(), source: full.unwrap_err() };
    assert!(error.to_string().starts_with("disk full: cannot write `/state/lane`"), "{error}");
}

#[track_caller]
fn assert_refused(bytes: &[u8], says: &str) {
    let error =
        TensorFile::from_bytes(Path::new("dir/x.safetensors"), bytes, FileKind::Checkpoint).unwrap_err();
    assert_eq!(error.class(), FailureClass::Internal);
    let text = error.to_string();
    assert!(text.contains("`dir/x.safetensors`") && text.contains(says), "{text}");
}

/// A file with the given metadata and one tensor of the given type.
fn foreign(metadata: &[(&str, &str)], dtype: safetensors::Dtype) -> Vec<u8> {
    let data = [0u8; 8];
    let view = safetensors::tensor::TensorView::new(dtype, vec![8 * 8 / dtype.bitsize()], &data).unwrap();
    let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    safetensors::serialize([("w", view)], Some(metadata)).unwrap()
}

#[test]
fn files_that_are_not_ours_say_what_they_are() {
    let good = example().to_bytes().unwrap();
    assert_refused(&good[..good.len() - 1], "cut short");
    assert_refused(&good[..40], "cut short");
    assert_refused(b"", "cut short");
    assert_refused(b"PK\x03\x04 this is a zip file of PyTorch's", "hint: remove it");
    assert_refused(&[good.as_slice(), b"x"].concat(), "bytes too many");
    assert_refused(&foreign(&[], safetensors::Dtype::F32), "was not written by Tombola");
    let ours = [("tombola.format", "1"), ("tombola.kind", "checkpoint"), ("tombola.network", "n")];
    assert_refused(&foreign(&ours, safetensors::Dtype::BF16), "unsupported type");
    let mut mask = ours;
    mask[1].1 = "mask";
    assert_refused(&foreign(&mask, safetensors::Dtype::F32), "holds mask, not checkpoint");
}

#[test]
fn a_file_of_a_newer_tombola_is_left_to_upgraded_workers() {
    let newer = (FORMAT + 1).to_string();
    let bytes =
        foreign(&[("tombola.format", &newer), ("tombola.kind", "checkpoint")], safetensors::Dtype::F32);
    let error = TensorFile::from_bytes(Path::new("x"), &bytes, FileKind::Checkpoint).unwrap_err();
    assert_eq!(error.class(), FailureClass::Infrastructure);
    assert_eq!(
        error.to_string(),
        "`x` was written by a newer Tombola (format 2; this build reads 1); hint: upgrade this worker"
    );
}

#[test]
fn a_missing_file_is_the_disks_fault_not_the_jobs() {
    let error = TensorFile::load(Path::new("/nowhere/x.safetensors"), FileKind::Weights).unwrap_err();
    assert_eq!(error.class(), FailureClass::Infrastructure);
}

#[test]
fn asking_for_what_is_not_there_is_an_error_that_names_it() {
    let mut file = example();
    for (error, says) in [
        (file.f32s("absent").unwrap_err(), "no tensor `absent`"),
        (file.f32s("updates").unwrap_err(), "`updates` of type I64, not F32"),
        (file.needed_note::<u64>("absent").unwrap_err(), "no note `absent`"),
        (file.needed_note::<u64>("text").unwrap_err(), "wrong note `text`"),
        (file.expect_network("resnet").unwrap_err(), "`mnist_lenet_300_100`, not `resnet`"),
        (file.put("w", &[2, 2], vec![1f32; 3]).unwrap_err(), "3 values for shape [2, 2]"),
        (file.put("w", &[usize::MAX, 2], vec![1f32; 3]).unwrap_err(), "3 values"),
    ] {
        assert!(error.to_string().contains(says), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
                                 keep in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let mut bytes = example().to_bytes().unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        let _ = TensorFile::from_bytes(Path::new("x"), &bytes, FileKind::Checkpoint);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = TensorFile::from_bytes(Path::new("x"), &bytes, FileKind::Checkpoint);
    }
}
