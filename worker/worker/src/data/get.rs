//! `data get`: lays out what is on this machine already, and says what to put where of the rest. Nothing is downloaded.

use super::{Said, folder_text, name_fault, shape_text};
use anyhow::Context;
use std::{fs, os::unix::fs::symlink, path::Path};
use tombola_engine::data::{DataSet, usual_files};

/// Sets that Debian packages: package, folder.
const PACKAGED: &[(&str, &str, &str)] =
    &[("fashion_mnist", "dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist")];

/// Where sets are given out, for people.
const HOMES: &[(&str, &str)] = &[
    ("mnist", "https://yann.lecun.com/exdb/mnist and its mirrors"),
    ("fashion_mnist", "https://github.com/zalandoresearch/fashion-mnist"),
    ("kmnist", "http://codh.rois.ac.jp/kmnist"),
    ("emnist", "https://www.nist.gov/itl/products-and-services/emnist-dataset (the archive of binary files)"),
    ("cifar", "https://www.cs.toronto.edu/~kriz/cifar.html (the binary version)"),
];

pub(super) fn run(data: &Path, set: &str) -> anyhow::Result<Said> {
    if let Some(fault) = name_fault(set) {
        anyhow::bail!("{fault}");
    }
    let folder = data.join(set);
    if let Ok(there) = DataSet::open(data, set) {
        return Ok(well(format!("{set} is there: {}", shape_text(&there.shape))));
    }
    let Some(files) = usual_files(set) else { return Ok(own(&folder, set)) };
    let packaged = PACKAGED.iter().find(|(packaged, _, _)| *packaged == set);
    if let Some((_, package, source)) = packaged.filter(|(_, _, source)| Path::new(source).is_dir()) {
        link(Path::new(source), &folder, &files)?;
        let there = DataSet::open(data, set)?;
        let from = format!("from Debian's {package}");
        return Ok(well(format!(
            "{set} is laid out in {}, {from}: {}",
            folder_text(&folder),
            shape_text(&there.shape)
        )));
    }
    let mut text = match packaged {
        Some((_, package, _)) => {
            format!("install Debian's package: `apt-get install {package}`, then get {set} again; or ")
        }
        None => format!("{set} is not on this machine, and nothing is downloaded; "),
    };
    text += &format!("put these files into {}", folder_text(&folder));
    text += if files[0].ends_with("-ubyte") { ", as they are or with `.gz`:\n" } else { ":\n" };
    files.iter().for_each(|file| text += &format!("  {file}\n"));
    if set == "cifar10-jpeg75" {
        text += "its images are CIFAR-10's after one pass through JPEG, quality 75\n";
    }
    if let Some((_, home)) = HOMES.iter().find(|(family, _)| set.starts_with(family)) {
        text += &format!("they are from {home}\n");
    }
    text += &format!("`tombola data check {set}` then tells whether they are right");
    Ok(Said { text, well: false })
}

fn well(text: String) -> Said {
    Said { text, well: true }
}

/// What a set of the user's own may look like.
fn own(folder: &Path, set: &str) -> Said {
    let folder = folder_text(folder);
    let text = format!(
        "{set} is not a known data set; your own is one of these, in {folder}:\n\
         \x20 train.safetensors and test.safetensors, each with `images` [N, C, H, W] (U8 or F32) and `labels` [N] (integers)\n\
         \x20 four IDX files, named as MNIST's\n\
         \x20 binary batches, named as CIFAR's\n\
         a folder of images for each class becomes one: `tombola data import FOLDER {set} --size 64`"
    );
    Said { text, well: false }
}

fn link(source: &Path, folder: &Path, files: &[String]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for file in files {
        let names = [format!("{file}.gz"), file.clone()];
        let name = names.iter().find(|name| source.join(name).is_file());
        let name =
            name.with_context(|| format!("`{}` lacks `{file}`; hint: install it again", source.display()))?;
        let place = folder.join(name);
        if fs::symlink_metadata(&place).is_err() {
            symlink(source.join(name), &place)
                .with_context(|| format!("cannot make `{}`", place.display()))?;
        }
    }
    Ok(())
}
