//! Data sets from IDX files and CIFAR's batches: what is read, what is refused and how, splits and orders.

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::{fs, io::Write, path::Path};
use tempfile::TempDir;
use tombola_engine::data::{DataSet, batches, inventory, split};
use tombola_spec::{data::known, job::Stream, outcome::FailureClass, settings::Data};

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let sizes_be: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
    [&[0, 0, 8, sizes.len() as u8], sizes_be.as_slice(), bytes].concat()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three training and two test images of 2 x 3, classes 0 to 4.
fn tiny() -> [Vec<u8>; 4] {
    let pixels: Vec<u8> = (0..18).map(|n| n * 10).collect();
    [idx(&[3, 2, 3], &pixels), idx(&[3], &[0, 4, 1]), idx(&[2, 2, 3], &pixels[..12]), idx(&[2], &[3, 2])]
}

/// A data folder with one set.
fn folder(set: &str, files: &[Vec<u8>; 4], suffix: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(set)).unwrap();
    for (name, bytes) in NAMES.iter().zip(files) {
        fs::write(folder.path().join(set).join(format!("{name}{suffix}")), bytes).unwrap();
    }
    folder
}

#[test]
fn an_unknown_set_is_measured() {
    let set = DataSet::open(folder("mine", &tiny(), "").path(), "mine").unwrap();
    assert_eq!((set.shape.train, set.shape.test, set.shape.image, set.shape.classes), (3, 2, [1, 2, 3], 5));
    assert!((set.shape.mean.of(0) - 85.0 / 255.0).abs() < 1e-12, "{}", set.shape.mean);
    assert!(
        (set.shape.std.of(0) - 2_691.666_666_666_666_f64.sqrt() / 255.0).abs() < 1e-12,
        "{}",
        set.shape.std
    );
    assert_eq!((set.train_labels.as_slice(), set.test_labels.as_slice()), (&[0, 4, 1][..], &[3, 2][..]));
    assert_eq!(set.train_images.bytes().unwrap()[..4], [0, 10, 20, 30]);
}

#[test]
fn packed_and_unpacked_files_are_one_data_set() {
    let plain = DataSet::open(folder("mine", &tiny(), "").path(), "mine").unwrap();
    let packed =
        DataSet::open(folder("mine", &tiny().map(|bytes| gz(&bytes)), ".gz").path(), "mine").unwrap();
    assert_eq!(plain, packed);
    let mut other = tiny();
    *other[3].last_mut().unwrap() = 1;
    assert_ne!(DataSet::open(folder("mine", &other, "").path(), "mine").unwrap().digest, plain.digest);
}

#[test]
fn a_folder_may_be_written_with_dashes() {
    let folder = folder("my-own-set", &tiny(), "");
    assert_eq!(DataSet::open(folder.path(), "my_own_set").unwrap().name, "my_own_set");
    assert!(DataSet::open(folder.path(), "my-own-set").is_ok());
}

/// A data folder with one set named and laid out as EMNIST's are.
fn emnist(split: &str, files: &[Vec<u8>; 4]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join(format!("emnist_{split}"));
    fs::create_dir(&set).unwrap();
    for (name, bytes) in NAMES.iter().map(|name| name.replace("t10k", "test")).zip(files) {
        fs::write(set.join(format!("emnist-{split}-{name}")), bytes).unwrap();
    }
    folder
}

#[test]
fn emnist_images_are_turned_upright() {
    let folder = emnist("mine", &tiny());
    let set = DataSet::open(folder.path(), "emnist_mine").unwrap();
    assert_eq!(
        (set.shape.image, &set.train_images.bytes().unwrap()[..6]),
        ([1, 3, 2], &[0, 30, 10, 40, 20, 50][..])
    );
    assert_eq!(set.train_labels, [0, 4, 1]);
    // The registry's sizes are not those of this tiny set, so it is refused, upright and all.
    let error = DataSet::open(emnist("digits", &tiny()).path(), "emnist_digits").unwrap_err().to_string();
    assert!(error.contains("[1, 28, 28]") && error.contains("found 3 + 2 of [1, 3, 2]"), "{error}");
}

#[test]
fn emnist_letters_are_numbered_from_1_in_the_files_and_from_0_everywhere_else() {
    let shape = known("emnist_letters").unwrap();
    let images = |n: u32| idx(&[n, 28, 28], &vec![1; n as usize * 784]);
    let labels = |n: u32| idx(&[n], &(1..=26).cycle().take(n as usize).collect::<Vec<_>>());
    let [train, test] = [shape.train, shape.test];
    let files = [images(train), labels(train), images(test), labels(test)];
    let set = DataSet::open(emnist("letters", &files).path(), "emnist_letters").unwrap();
    assert!(set.train_labels.iter().copied().eq((0..26).cycle().take(train as usize)));
    assert!(set.test_labels.iter().copied().eq((0..26).cycle().take(test as usize)));
    // Other EMNIST sets have a class 0.
    let error = DataSet::open(emnist("letters", &tiny()).path(), "emnist_letters").unwrap_err().to_string();
    assert!(error.contains("has label 0, less than 1"), "{error}");
}

#[track_caller]
fn assert_refused(files: &[Vec<u8>; 4], suffix: &str, says: &[&str]) {
    assert_set_refused("mine", files, suffix, says);
}

#[track_caller]
fn assert_set_refused(set: &str, files: &[Vec<u8>; 4], suffix: &str, says: &[&str]) {
    let error = DataSet::open(folder(set, files, suffix).path(), set).unwrap_err();
    assert_eq!(error.class(), FailureClass::DataMissing, "{error}");
    let text = error.to_string();
    assert!(
        says.iter().all(|part| text.contains(part)) && text.starts_with(&format!("data set `{set}`")),
        "{text}"
    );
}

fn with(index: usize, change: impl FnOnce(&mut Vec<u8>)) -> [Vec<u8>; 4] {
    let mut files = tiny();
    change(&mut files[index]);
    files
}

#[test]
fn damaged_files_are_named_with_what_was_expected_and_found() {
    let images = format!("{}`", NAMES[0]);
    assert_refused(&with(0, |f| f.truncate(20)), "", &[&images, "cut short: 4 of 18 bytes", "fetch"]);
    assert_refused(&with(0, |f| f.truncate(10)), "", &[&images, "10 of 16 bytes of its header"]);
    assert_refused(&with(0, Vec::clear), "", &["0 of 16 bytes"]);
    assert_refused(&with(0, |f| f.push(0)), "", &["goes on after the 18 bytes", "[3, 2, 3]"]);
    assert_refused(
        &with(0, |f| f[2] = 0x0d),
        "",
        &["not an IDX file of bytes in 3 dimensions", "[00, 00, 0d, 03]"],
    );
    assert_refused(&with(1, |f| f[3] = 3), "", &[NAMES[1], "in 1 dimensions"]);
    assert_refused(&with(0, |f| f[4..16].fill(0xff)), "", &["impossible sizes"]);
    assert_refused(&with(0, |f| f[4..8].fill(0x0f)), "", &["cut short"]);
    assert_refused(&with(1, |f| *f = idx(&[2], &[0, 1])), "", &["has 3 images", "has 2 labels"]);
    assert_refused(&with(0, |f| *f = idx(&[3, 0, 3], &[])), "", &["has no images"]);
    assert_refused(&with(2, |f| *f = idx(&[2, 3, 2], &[9; 12])), "", &["[1, 2, 3]", "[1, 3, 2]"]);
    assert_refused(&with(0, |f| f[16..].fill(7)), "", &["all training pixels are equal"]);
}

#[test]
fn damaged_gzip_is_told_from_damaged_idx() {
    let packed = tiny().map(|bytes| gz(&bytes));
    let change = |change: fn(&mut Vec<u8>)| {
        let mut files = packed.clone();
        change(&mut files[0]);
        files
    };
    assert_refused(&tiny(), ".gz", &[".gz` is damaged or no gzip file (invalid gzip header)"]);
    assert_refused(&change(|f| f.truncate(f.len() - 5)), ".gz", &["cut short: the gzip data end early"]);
    assert_refused(&change(|f| *f.last_mut().unwrap() ^= 1), ".gz", &["is damaged", "checksum"]);
    assert_refused(&packed, "", &["is a gzip file: name it"]);
}

#[test]
fn a_registered_set_must_have_its_registered_size_and_classes() {
    assert_set_refused("mnist", &tiny(), "", &["expected 60000 + 10000 images", "found 3 + 2"]);
    let shape = known("mnist").unwrap();
    let [train, test] = [shape.train, shape.test];
    let images = |n: u32| idx(&[n, 28, 28], &vec![1; n as usize * 784]);
    let labels = |n: u32| idx(&[n], &vec![0; n as usize]);
    let mut files = [images(train), labels(train), images(test), labels(test)];
    files[3][8 + 77] = 10;
    assert_set_refused("mnist", &files, "", &["label 10 of example 77", NAMES[3], "not in 0..=9"]);
}

#[test]
fn a_set_that_is_not_there_says_where_to_put_it() {
    let folder = folder("mine", &tiny(), "");
    let error = DataSet::open(folder.path(), "kmnist").unwrap_err();
    assert_eq!(error.class(), FailureClass::DataMissing);
    assert!(error.to_string().contains("put its files into"), "{error}");
    fs::remove_file(folder.path().join("mine").join(NAMES[3])).unwrap();
    let error = DataSet::open(folder.path(), "mine").unwrap_err().to_string();
    assert!(error.contains("`t10k-labels-idx1-ubyte[.gz]` is not in"), "{error}");
    fs::create_dir(folder.path().join("cifar10")).unwrap();
    let error = DataSet::open(folder.path(), "cifar10").unwrap_err().to_string();
    assert!(
        error.contains("holds no data")
            && error.contains("four IDX files or binary batches or `train.safetensors`"),
        "{error}"
    );
    for name in ["../mine", "", ".hidden", "a/b", "/etc"] {
        assert_eq!(DataSet::open(folder.path(), name).unwrap_err().class(), FailureClass::User, "{name}");
    }
}

#[test]
fn the_sweeps_declaration_is_checked_against_the_files() {
    let set = DataSet::open(folder("mine", &tiny(), "").path(), "mine").unwrap();
    let mut data = Data::whole("mine", set.shape, 1);
    data.shape.mean = 0.5.into();
    data.shape.classes = 7;
    set.check(&data).unwrap();
    data.shape.classes = 4;
    assert!(set.check(&data).is_err());
    data.shape = tombola_spec::data::DataShape { train: 4, ..set.shape };
    let error = set.check(&data).unwrap_err();
    assert!(error.to_string().contains("declares 4 + 2 images"), "{error}");
}

#[test]
fn the_inventory_lists_good_and_bad_sets_and_remembers_digests() {
    let folder = folder("mine", &tiny(), "");
    let root = folder.path();
    for set in ["broken", "other"] {
        fs::create_dir(root.join(set)).unwrap();
    }
    fs::write(root.join("broken").join(NAMES[0]), b"junk").unwrap();
    fs::write(root.join("other/readme.txt"), b"not a set").unwrap();
    let cache = root.join("cache.json");
    let (good, bad) = inventory(root, &cache);
    assert_eq!(good, [DataSet::open(root, "mine").unwrap().info()]);
    assert_eq!(bad.iter().map(|(set, _)| set.as_str()).collect::<Vec<_>>(), ["broken"]);

    // The cache is what is read the second time: a mark left in it comes back.
    let digest = good[0].digest.to_string();
    let mark = "ab".repeat(32);
    fs::write(&cache, fs::read_to_string(&cache).unwrap().replace(&digest, &mark)).unwrap();
    assert_eq!(inventory(root, &cache).0[0].digest.to_string(), mark);

    // A changed file is read again.
    let mut labels = tiny()[1].clone();
    labels.push(0);
    fs::write(root.join("mine").join(NAMES[1]), &labels).unwrap();
    let (good, bad) = inventory(root, &cache);
    assert_eq!((good.len(), bad.len()), (0, 2));

    // Neither a damaged nor an unwritable cache, nor a missing folder, is an error.
    fs::write(&cache, b"{").unwrap();
    fs::write(root.join("mine").join(NAMES[1]), &tiny()[1]).unwrap();
    assert_eq!(inventory(root, &cache).0[0].digest.to_string(), digest);
    assert_eq!(inventory(root, Path::new("/nowhere/cache.json")).0.len(), 1);
    assert_eq!(inventory(&root.join("absent"), &cache), (vec![], vec![]));
}

/// Records of CIFAR's format: labels, then three planes of one value each.
fn cifar(images: &[(&[u8], [u8; 3])]) -> Vec<u8> {
    let record = |(labels, planes): &(&[u8], [u8; 3])| {
        let pixels = planes.iter().flat_map(|&value| [value; 1024]);
        labels.iter().copied().chain(pixels).collect::<Vec<u8>>()
    };
    images.iter().flat_map(record).collect()
}

fn cifar_folder(set: &str, files: &[(&str, Vec<u8>)]) -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join(set)).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(root.path().join(set).join(name), bytes).unwrap());
    root
}

#[test]
fn batches_of_cifar_10_are_read_in_order() {
    let batch = |n: u8| cifar(&[(&[n], [n, 10, 20]), (&[n + 5], [30, n, 40])]);
    let mut files: Vec<(String, Vec<u8>)> =
        (0..5).map(|n| (format!("data_batch_{}.bin", n + 1), batch(n))).collect();
    files.push(("test_batch.bin".to_owned(), cifar(&[(&[9], [1, 2, 3])])));
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let root = cifar_folder("mine", &files);
    let set = DataSet::open(root.path(), "mine").unwrap();
    assert_eq!(
        (set.shape.train, set.shape.test, set.shape.image, set.shape.classes),
        (10, 1, [3, 32, 32], 10)
    );
    assert_eq!(set.train_labels, [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]);
    let corners: Vec<u8> = set.train_images.bytes().unwrap().iter().step_by(1024).take(6).copied().collect();
    assert_eq!(corners, [0, 10, 20, 30, 0, 40]);

    fs::remove_file(root.path().join("mine/data_batch_3.bin")).unwrap();
    let missing = DataSet::open(root.path(), "mine").unwrap_err().to_string();
    assert!(missing.contains("`data_batch_3.bin`") && missing.contains("binary batches"), "{missing}");
    fs::write(root.path().join("mine/data_batch_3.bin"), &batch(2)[..3000]).unwrap();
    let short = DataSet::open(root.path(), "mine").unwrap_err().to_string();
    assert!(short.contains("3000 bytes") && short.contains("3073"), "{short}");
    let (_, unusable) = inventory(root.path(), &root.path().join("cache.json"));
    assert_eq!(unusable.len(), 1, "it is listed with what is wrong");
}

#[test]
fn of_cifar_100_the_fine_label_counts() {
    let (train, test) = (cifar(&[(&[3, 77], [1, 2, 3])]), cifar(&[(&[3, 12], [4, 5, 6])]));
    let root = cifar_folder("mine", &[("train.bin", train), ("test.bin", test)]);
    let set = DataSet::open(root.path(), "mine").unwrap();
    assert_eq!((set.train_labels, set.test_labels), (vec![77], vec![12]));
    let refused = DataSet::open(
        cifar_folder(
            "cifar100",
            &[("train.bin", cifar(&[(&[3, 7], [1; 3])])), ("test.bin", cifar(&[(&[3, 7], [1; 3])]))],
        )
        .path(),
        "cifar100",
    );
    assert!(refused.unwrap_err().to_string().contains("expected 50000 + 10000"));
}

#[test]
fn a_split_is_complete_disjoint_and_decided_by_its_seed_alone() {
    let halves = split(60_000, 5_000, 1).unwrap();
    assert_eq!((halves.train.len(), halves.validation.len()), (55_000, 5_000));
    assert!(halves.train.is_sorted() && halves.validation.is_sorted());
    let mut all = [halves.train.clone(), halves.validation.clone()].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..60_000));
    assert_eq!(split(60_000, 5_000, 1).unwrap(), halves);
    assert_ne!(split(60_000, 5_000, 2).unwrap(), halves);
    assert!(split(10, 0, 1).unwrap().validation.is_empty());
    assert_eq!(split(10, 10, 1).unwrap_err().class(), FailureClass::User);
}

#[test]
fn an_epochs_order_is_a_permutation_of_its_own() {
    let order = Stream { seed: 1, branch: String::new(), copy: 0, round: 3, repeat: 0 };
    let train: Vec<u32> = (100..1100).collect();
    let first = batches(&order, 0, &train);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, train);
    assert_eq!(batches(&order, 0, &train), first);
    assert_ne!(batches(&order, 1, &train), first);
    assert_ne!(batches(&Stream { round: 4, ..order }, 0, &train), first);
}

fn real(set: &str) -> Option<DataSet> {
    crate::rig::sets::folder_of(set).map(|folder| DataSet::open(&folder, set).unwrap())
}

/// Mean and deviation of training pixels, scaled to 0..1, by another way than the reader's.
fn moments(set: &DataSet) -> (f64, f64) {
    let pixels = set.train_images.bytes().unwrap();
    let moment =
        |power| pixels.iter().map(|&p| (f64::from(p) / 255.0).powi(power)).sum::<f64>() / pixels.len() as f64;
    (moment(1), (moment(2) - moment(1).powi(2)).sqrt())
}

#[track_caller]
fn assert_registered(set: &DataSet, digest: &str) {
    let shape = known(&set.name).unwrap();
    assert_eq!(set.shape, shape);
    let (mean, std) = moments(set);
    assert!((mean - shape.mean.of(0)).abs() < 1e-4 && (std - shape.std.of(0)).abs() < 1e-4, "{mean} {std}");
    assert_eq!(set.digest.to_string(), digest, "the digest of a set is part of results' identity");
}

#[test]
fn fashion_mnist_is_what_it_should_be() {
    let Some(set) = real("fashion_mnist") else { return };
    assert_eq!(set.train_labels[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    let count = |class| set.train_labels.iter().filter(|&&label| label == class).count();
    assert!((0..10).all(|class| count(class) == 6000));
    assert_registered(&set, "7ae8c5c5f9c244ea0fbbcafe24f5a05c77569b23fb7ab6acd636cf4e549e98c0");
}

#[test]
fn mnist_is_what_it_should_be() {
    let Some(set) = real("mnist") else { return };
    assert_eq!(set.train_labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(set.test_labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    assert_registered(&set, "85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe");
}

fn open_damaged(which: usize, suffix: &str, damage: impl FnOnce(&mut Vec<u8>)) {
    let files = if suffix.is_empty() { tiny() } else { tiny().map(|bytes| gz(&bytes)) };
    let mut files = files;
    damage(&mut files[which]);
    let folder = folder("mine", &files, suffix);
    let _ = DataSet::open(folder.path(), "mine");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(which in 0..4usize, packed in any::<bool>(), keep in any::<prop::sample::Index>(),
                                 cut in any::<bool>(),
                                 changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        open_damaged(which, if packed { ".gz" } else { "" }, |bytes| {
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if cut {
                bytes.truncate(keep.index(bytes.len()));
            }
        });
    }
}
