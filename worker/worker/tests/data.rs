//! `tombola-worker data …`, and `tombola data …` that starts it: sets listed, got, checked, made of folders of images.
#![expect(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]

use image::{Rgb, RgbImage};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir_all(home.path().join("data")).unwrap();
        Self(home)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn run(&self, words: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tombola-worker"));
        command.arg("data").args(words);
        self.told(command)
    }

    /// Exit code, and all that was said.
    fn told(&self, mut command: Command) -> (i32, String) {
        command.current_dir(self.0.path()).env("HOME", self.0.path());
        command.env("TOMBOLA_WORKER_DATA", self.path("data")).env("TOMBOLA_WORKER_DIR", self.path("worker"));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let said = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (status.code().unwrap(), said)
    }

    /// A folder as ImageNet has it: two classes, images of several sizes and both formats.
    fn pictures(&self) {
        for (part, class, name, size, colour) in [
            ("train", "cat", "a.png", [12, 8], [200, 0, 0]),
            ("train", "cat", "b.jpg", [8, 20], [180, 0, 0]),
            ("train", "dog", "a.JPEG", [8, 8], [0, 0, 220]),
            ("val", "cat", "z.png", [9, 9], [210, 0, 0]),
            ("val", "dog", "y.png", [16, 8], [0, 0, 255]),
        ] {
            let file = self.path("pictures").join(part).join(class).join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            RgbImage::from_pixel(size[0], size[1], Rgb(colour)).save(file).unwrap();
        }
        fs::write(self.path("pictures/train/cat/notes.txt"), "no image").unwrap();
    }
}

#[test]
fn a_folder_of_images_becomes_a_data_set_that_is_listed_and_checked() {
    let home = Home::new();
    home.pictures();
    let (code, said) = home.run(&["import", "pictures", "pets", "--size", "4"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 + 2 images of 3x4x4, 2 classes"), "{said}");

    let (code, said) = home.run(&["list"]);
    assert_eq!(code, 0, "{said}");
    let line =
        |set: &str| said.lines().find(|line| line.trim().starts_with(set)).unwrap_or_default().to_owned();
    assert!(line("pets").contains("3 + 2 images of 3x4x4"), "{said}");
    assert!(line("cifar100").contains("not there; `tombola data get cifar100`"), "{said}");

    let (code, said) = home.run(&["check", "pets"]);
    assert_eq!(code, 0, "{said}");
    for part in
        ["train.safetensors, test.safetensors", "training     2 1", "test         1 of each class", "digest"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let declared =
        "data = { set = \"pets\", image = [3, 4, 4], classes = 2, examples = 3, test = 2, mean = [0.";
    assert!(said.contains(declared), "{said}");
    // Red and blue: each colour's mean over three plain images, those of JPEG a little off.
    let (_, json) = home.run(&["check", "pets", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for (channel, wanted) in [380.0, 0.0, 220.0].into_iter().enumerate() {
        let mean = json[0]["mean"][channel].as_f64().unwrap();
        assert!((mean - wanted / 3.0 / 255.0).abs() < 0.01, "{channel}: {mean}");
    }

    let (code, said) = home.run(&["import", "pictures", "pets", "--size", "4"]);
    assert!(code == 1 && said.contains("is there already"), "{said}");
}

#[test]
fn what_cannot_be_imported_is_named_and_leaves_nothing_behind() {
    let home = Home::new();
    home.pictures();
    let refused = |words: &[&str], says: &str| {
        let (code, said) = home.run(&[&["import"], words].concat());
        assert!(code == 1 && said.contains(says) && said.contains("hint: "), "{words:?}: {said}");
        assert!(!home.path("data/pets").exists(), "{words:?}");
    };
    refused(&["pictures", "pets", "--size", "0"], "`0` is not a size");
    refused(&["pictures", "../pets", "--size", "4"], "cannot be a data set's name");
    refused(&["pictures", "mnist", "--size", "4"], "the name of a known data set");
    refused(&["pictures/train", "pets", "--size", "4"], "no folder `val` or `test`");
    fs::write(home.path("pictures/val/dog/broken.png"), "no image").unwrap();
    refused(&["pictures", "pets", "--size", "4"], "val/dog/broken.png");
    fs::remove_file(home.path("pictures/val/dog/broken.png")).unwrap();
    fs::create_dir(home.path("pictures/val/fish")).unwrap();
    refused(&["pictures", "pets", "--size", "4"], "has a class `fish`");
    fs::remove_dir(home.path("pictures/val/fish")).unwrap();
    fs::create_dir(home.path("pictures/train/fish")).unwrap();
    refused(&["pictures", "pets", "--size", "4"], "train/fish` has no image");
}

#[test]
fn what_cannot_be_had_here_is_told_file_by_file() {
    let home = Home::new();
    let (code, said) = home.run(&["get", "cifar100"]);
    let place = home.path("data/cifar100");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!("put these files into {}:\n  train.bin\n  test.bin\n", place.display())),
        "{said}"
    );
    assert!(said.contains("cs.toronto.edu") && said.contains("tombola data check cifar100"), "{said}");
    let (_, said) = home.run(&["get", "emnist_letters"]);
    assert!(said.contains("emnist-letters-train-images-idx3-ubyte") && said.contains(".gz"), "{said}");
    let (code, said) = home.run(&["get", "mine"]);
    assert!(
        code == 1 && said.contains("`images` [N, C, H, W]") && said.contains("tombola data import"),
        "{said}"
    );
    let (code, said) = home.run(&["check", "mine"]);
    assert!(code == 1 && said.contains("unusable") && said.contains("put its files into"), "{said}");
    let (code, said) = home.run(&["check"]);
    assert!(code == 0 && said.contains("no data sets in"), "{said}");
}

#[test]
fn fashion_mnist_is_laid_out_from_debians_package_or_the_package_is_named() {
    let home = Home::new();
    let (code, said) = home.run(&["get", "fashion_mnist"]);
    if !Path::new("/usr/share/datasets/fashion-mnist").exists() {
        assert!(code == 1 && said.contains("apt-get install dataset-fashion-mnist"), "{said}");
        return;
    }
    assert!(code == 0 && said.contains("60000 + 10000 images of 1x28x28"), "{said}");
    let (code, said) = home.run(&["get", "fashion_mnist"]);
    assert!(code == 0 && said.contains("fashion_mnist is there"), "{said}");
    let (code, said) = home.run(&["check"]);
    assert!(code == 0 && said.contains("6000 of each class") && !said.contains("odd"), "{said}");
}

#[test]
fn tombola_data_is_the_same_command() {
    let home = Home::new();
    let tombola = Path::new(env!("CARGO_BIN_EXE_tombola-worker")).with_file_name("tombola");
    let told = |words: &[&str]| {
        let mut command = Command::new(&tombola);
        command.args(words);
        home.told(command)
    };
    let (code, said) = told(&["data", "get", "cifar10"]);
    assert!(code == 1 && said.contains("data_batch_5.bin"), "{said}");
    let (code, said) = told(&["--output", "json", "data", "list", "--data", "elsewhere"]);
    let shown: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, shown["sets"].as_array().unwrap().len()), (0, tombola_spec::data::KNOWN.len()));
    assert!(shown["folder"].as_str().unwrap().ends_with("elsewhere"), "{said}");
}
