//! A user's own images as safetensors: read, refused, trained on; and sets looked at closely.

use crate::rig::{ADAM, PLANS, Rig, edit_recipe, job, recipe};
use std::{fs, path::Path};
use tempfile::TempDir;
use tombola_engine::data::{DataSet, PartWriter, Pixels, check_up, inventory, usual_files};
use tombola_spec::{
    data::{KNOWN, PerChannel},
    outcome::{FailureClass, Split},
};

/// A safetensors file of these tensors: name, type, shape, bytes.
fn file(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut header, mut bytes) = (serde_json::Map::new(), Vec::new());
    for (name, dtype, shape, data) in tensors {
        let offsets = [bytes.len(), bytes.len() + data.len()];
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets });
        header.insert((*name).to_owned(), entry);
        bytes.extend(data);
    }
    let header = serde_json::Value::from(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn wide(labels: &[i64]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}

/// `count` images of 2 x 1 x 2.
fn images(count: u8) -> (&'static str, &'static str, Vec<usize>, Vec<u8>) {
    ("images", "U8", vec![usize::from(count), 2, 1, 2], (0..count * 4).map(|n| n * 10).collect())
}

/// A data folder with a set `mine` of these files.
fn folder(train: &[u8], test: &[u8]) -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("mine")).unwrap();
    fs::write(root.path().join("mine/train.safetensors"), train).unwrap();
    fs::write(root.path().join("mine/test.safetensors"), test).unwrap();
    root
}

fn bytes(labels: &[i64]) -> Vec<u8> {
    let (name, dtype, shape, data) = images(labels.len() as u8);
    file(&[(name, dtype, &shape, data), ("labels", "I64", &[labels.len()], wide(labels))])
}

#[test]
fn shape_and_classes_come_from_the_file() {
    let root = folder(&bytes(&[0, 300, 1]), &bytes(&[2, 0]));
    let set = DataSet::open(root.path(), "mine").unwrap();
    let shape = set.shape;
    assert_eq!((shape.train, shape.test, shape.image, shape.classes), (3, 2, [2, 1, 2], 301));
    assert_eq!(set.train_labels, [0, 300, 1]);
    assert_eq!(set.train_images.bytes().unwrap()[4..8], [40, 50, 60, 70]);
    let (good, bad) = inventory(root.path(), &root.path().join("cache.json"));
    assert_eq!((good, bad), (vec![set.info()], vec![]));
}

#[test]
fn labels_may_be_integers_of_any_type() {
    let (name, dtype, shape, data) = images(2);
    let with = |labels_type: &str, labels: Vec<u8>| {
        let train = file(&[("labels", labels_type, &[2], labels), (name, dtype, &shape, data.clone())]);
        DataSet::open(folder(&train, &bytes(&[1, 0])).path(), "mine").unwrap()
    };
    let wanted = with("I64", wide(&[1, 0]));
    for (labels_type, width) in
        [("U8", 1), ("I8", 1), ("U16", 2), ("I16", 2), ("U32", 4), ("I32", 4), ("U64", 8)]
    {
        let labels = [1i64, 0].iter().flat_map(|label| label.to_le_bytes()[..width].to_vec()).collect();
        // The content is the same, whatever form it is in.
        assert_eq!(with(labels_type, labels), wanted, "{labels_type}");
    }
}

#[test]
fn floats_are_taken_as_they_are() {
    let values = [-1.0f32, 0.0, 2.0, 7.0, 3.0, 1.0, 0.5, -4.5];
    let part = file(&[("images", "F32", &[2, 2, 1, 2], floats(&values)), ("labels", "U8", &[2], vec![0, 1])]);
    let set = DataSet::open(folder(&part, &part).path(), "mine").unwrap();
    assert_eq!(set.train_images, Pixels::Floats(values.to_vec()));
    assert_eq!((set.train_images.scale(), set.train_images.at(3)), (1.0, 7.0));
    // Of the second channel: 2, 7, 0.5, -4.5.
    let (mean, std) = set.train_images.moments([2, 1, 2], Some(1));
    assert!((mean - 1.25).abs() < 1e-12 && (std - 16.8125f64.sqrt()).abs() < 1e-12, "{mean} {std}");
}

#[track_caller]
fn assert_refused(train: &[u8], says: &[&str]) {
    let error = DataSet::open(folder(train, &bytes(&[0, 1])).path(), "mine").unwrap_err();
    let text = error.to_string();
    assert_eq!(error.class(), FailureClass::DataMissing, "{text}");
    assert!(says.iter().all(|part| text.contains(part)), "{text}");
    assert!(text.contains("train.safetensors") && text.contains("hint: "), "{text}");
}

#[test]
fn malformed_files_are_named_with_what_to_do() {
    let (name, dtype, shape, data) = images(2);
    let labels = ("labels", "I64", &[2usize][..], wide(&[0, 1]));
    let with = |images: (&str, &str, &[usize], Vec<u8>)| file(&[images, labels.clone()]);
    let labelled =
        |labels: (&str, &str, &[usize], Vec<u8>)| file(&[(name, dtype, &shape, data.clone()), labels]);
    let whole = labelled(labels.clone());

    assert_refused(&whole[..whole.len() - 1], &["not a whole safetensors file", "write it again"]);
    assert_refused(b"", &["not a whole safetensors file"]);
    assert_refused(b"PK\x03\x04 no tensors at all", &["not a whole safetensors file"]);
    assert_refused(&file(std::slice::from_ref(&labels)), &["holds no `images`, but `labels`"]);
    assert_refused(&file(&[]), &["holds no `images`, but nothing"]);
    assert_refused(&file(&[(name, dtype, &shape, data.clone())]), &["holds no `labels`"]);
    assert_refused(&with((name, dtype, &[2, 4], data.clone())), &["shape [2, 4]", "[N, C, H, W]"]);
    assert_refused(&with((name, dtype, &[0, 2, 1, 2], vec![])), &["shape [0, 2, 1, 2]", "none of them 0"]);
    assert_refused(&with((name, "I8", &shape, data.clone())), &["`images` of type I8", "U8"]);
    assert_refused(&with((name, "F32", &[2, 1, 1, 1], floats(&[1.0, f32::NAN]))), &["NaN in image 1"]);
    assert_refused(&labelled(("labels", "I64", &[3], wide(&[0, 1, 2]))), &["shape [3] for 2 images"]);
    assert_refused(&labelled(("labels", "I64", &[2, 1], wide(&[0, 1]))), &["shape [2, 1] for 2 images"]);
    assert_refused(
        &labelled(("labels", "F32", &[2], floats(&[0.0, 1.0]))),
        &["`labels` of type F32", "integers"],
    );
    assert_refused(&labelled(("labels", "I64", &[2], wide(&[0, -1]))), &["label -1 of image 1", "from 0"]);
    assert_refused(
        &labelled(("labels", "U64", &[2], wide(&[-1, 1]))),
        &["label 18446744073709551615 of image 0"],
    );
}

#[test]
fn the_two_parts_must_fit_together() {
    let fail = |train: &[u8], test: &[u8]| {
        DataSet::open(folder(train, test).path(), "mine").unwrap_err().to_string()
    };
    let floats =
        file(&[("images", "F32", &[1, 2, 1, 2], floats(&[1.0; 4])), ("labels", "U8", &[1], vec![0])]);
    assert!(fail(&bytes(&[0, 1]), &floats).contains("not numbers of one type"));
    let small = file(&[("images", "U8", &[1, 1, 1, 2], vec![1, 2]), ("labels", "U8", &[1], vec![0])]);
    assert!(fail(&bytes(&[0, 1]), &small).contains("test images [1, 1, 2]"));
    let root = folder(&bytes(&[0, 1]), &small);
    fs::remove_file(root.path().join("mine/test.safetensors")).unwrap();
    let missing = DataSet::open(root.path(), "mine").unwrap_err().to_string();
    assert!(missing.contains("`test.safetensors` is not in"), "{missing}");
}

/// Writes both parts of a set as an import does.
fn written(place: &Path, image: [u32; 3], train: (&[u8], &[u32]), test: (&[u8], &[u32])) {
    fs::create_dir_all(place).unwrap();
    for (is_train, (pixels, labels)) in [(true, train), (false, test)] {
        let classes = ["cat".to_owned(), "dog".to_owned()];
        let mut writer = PartWriter::create(place, is_train, image, labels, &classes).unwrap();
        let size = image.iter().product::<u32>() as usize;
        pixels.chunks_exact(size).for_each(|pixels| writer.push(pixels).unwrap());
        writer.finish().unwrap();
    }
}

#[test]
fn what_is_written_image_by_image_is_read_again() {
    let root = TempDir::new().unwrap();
    written(&root.path().join("pets"), [1, 1, 2], (&[1, 2, 3, 4, 5, 6], &[1, 0, 1]), (&[7, 8], &[0]));
    let set = DataSet::open(root.path(), "pets").unwrap();
    assert_eq!(set.train_images.bytes().unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!((set.train_labels, set.test_labels), (vec![1, 0, 1], vec![0]));

    let mut short = PartWriter::create(root.path(), true, [1, 1, 2], &[0, 1], &[]).unwrap();
    assert!(short.push(&[1]).is_err() && short.push(&[1, 2]).is_ok());
    assert!(short.finish().unwrap_err().to_string().contains("lacks 1 of its images"));
    assert!(!root.path().join("train.safetensors").exists(), "what is not whole is not there");
}

/// The rig's set, once as IDX files and once as floats of another scale: the same lesson.
#[test]
fn a_network_learns_floats_as_it_learns_bytes() {
    let rig = Rig::new();
    let set = DataSet::open(&rig.data(), "tiny").unwrap();
    let place = rig.data().join("floats");
    fs::create_dir(&place).unwrap();
    for (name, pixels, labels) in
        [("train", &set.train_images, &set.train_labels), ("test", &set.test_images, &set.test_labels)]
    {
        let [channels, height, width] = set.shape.image.map(|n| n as usize);
        let doubled: Vec<f32> = (0..pixels.len()).map(|place| pixels.at(place) as f32 * 2.0).collect();
        let labels: Vec<i64> = labels.iter().map(|&label| label.into()).collect();
        let bytes = file(&[
            ("images", "F32", &[labels.len(), channels, height, width], floats(&doubled)),
            ("labels", "I64", &[labels.len()], wide(&labels)),
        ]);
        fs::write(place.join(format!("{name}.safetensors")), bytes).unwrap();
    }
    let bytes = job(1, recipe(ADAM), 100);
    let mut floats = bytes.clone();
    floats.job.0 = 2;
    edit_recipe(&mut floats, |recipe| {
        recipe.data.set = "floats".to_owned();
        let double = |number: PerChannel| PerChannel::All(2.0 * number.of(0));
        let shape = &mut recipe.data.shape;
        (shape.mean, shape.std) = (double(shape.mean), double(shape.std));
    });
    let outcomes = rig.run(PLANS[0], vec![bytes, floats]);
    let loss = |lane| outcomes.points(lane, "loss", Split::Test)[&100];
    assert!((loss(1) - loss(2)).abs() < 1e-3 * loss(1).abs().max(1e-3), "{} and {}", loss(1), loss(2));
}

#[test]
fn a_close_look_counts_classes_and_finds_what_is_odd() {
    let root = TempDir::new().unwrap();
    let train: Vec<u8> = (0..12).map(|n| n * 20).collect();
    written(&root.path().join("pets"), [3, 1, 1], (&train, &[0, 2, 2, 0]), (&train[..6], &[2, 0]));
    let found = check_up(root.path(), "pets").unwrap();
    assert_eq!((found.format, found.files.len()), ("safetensors", 2));
    assert_eq!((&found.train[..], &found.test[..]), (&[2, 0, 2][..], &[1, 0, 1][..]));
    // 0, 60, 120, 180; 20, 80, …; 40, 100, …
    for (channel, mean) in [90.0, 110.0, 130.0].into_iter().enumerate() {
        assert!((found.mean[channel] - mean / 255.0).abs() < 1e-12);
        assert!((found.std[channel] - 4500f64.sqrt() / 255.0).abs() < 1e-12);
    }
    assert_eq!(found.oddities, ["class 1 has no training examples"]);
    assert!(check_up(root.path(), "dogs").is_err());
}

#[test]
fn the_usual_files_of_every_known_set_are_known() {
    for (set, shape) in KNOWN {
        let files = usual_files(set).unwrap();
        assert_eq!(
            files.len(),
            if shape.classes == 100 {
                2
            } else if shape.image[0] == 3 {
                6
            } else {
                4
            },
            "{set}"
        );
    }
    assert!(usual_files("emnist_letters").unwrap()[2].starts_with("emnist-letters-test-images"));
    assert_eq!(usual_files("mine"), None);
}

#[test]
fn the_real_sets_have_nothing_odd() {
    for set in ["mnist", "fashion_mnist"] {
        let Some(folder) = crate::rig::sets::folder_of(set) else { continue };
        let found = check_up(&folder, set).unwrap();
        assert_eq!(found.oddities, [""; 0], "{set}");
        assert_eq!(found.train.iter().sum::<u32>(), 60_000);
    }
}
