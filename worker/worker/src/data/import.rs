//! `data import`: a folder of images for each class, as ImageNet has it, becomes two safetensors files, resized once.

use super::{Said, folder_text, name_fault};
use anyhow::{Context, bail, ensure};
use image::{ImageReader, imageops::FilterType};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};
use tombola_engine::data::{DataSet, PartWriter};

/// Larger images are no thumbnails: a set is in memory whole.
const LARGEST: u32 = 1024;
/// Images decoded between two writes, for each thread.
const AT_ONCE: usize = 32;
/// Names of the folder of test images.
const TEST: [&str; 2] = ["val", "test"];

/// Images of a part with their labels, in the order of class and file name.
struct Part {
    files: Vec<PathBuf>,
    labels: Vec<u32>,
}

pub(super) fn run(folder: &Path, data: &Path, name: &str, size: u32) -> anyhow::Result<Said> {
    if let Some(fault) = name_fault(name) {
        bail!("{fault}");
    }
    ensure!((1..=LARGEST).contains(&size), "`{size}` is not a size; hint: 1 to {LARGEST} pixels");
    ensure!(
        tombola_spec::data::known(name).is_none(),
        "`{name}` is the name of a known data set; hint: give yours another one"
    );
    let place = data.join(name);
    let there = fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(!there, "`{}` is there already; hint: remove it, or choose another name", place.display());
    let (train_folder, test_folder) = (folder.join("train"), test_folder(folder)?);
    let classes = classes(&train_folder)?;
    let (train, test) = (listed(&train_folder, &classes)?, listed(&test_folder, &classes)?);
    fs::create_dir_all(&place).with_context(|| format!("cannot make `{}`", place.display()))?;
    // Both parts or none: half a set would be reported as a broken one for ever.
    let made = write(&place, true, &train, &classes, size)
        .and_then(|()| write(&place, false, &test, &classes, size));
    if let Err(error) = made {
        let _ = fs::remove_dir_all(&place);
        return Err(error);
    }
    let info = DataSet::open(data, name)?.info();
    let text = format!(
        "{name} is made in {}: {}, digest {}\n`tombola data check {name}` has the line for a sweep file",
        folder_text(&place),
        super::shape_text(&info.shape),
        info.digest.short()
    );
    Ok(Said { text, well: true })
}

fn test_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    let found = TEST.map(|name| folder.join(name)).into_iter().find(|folder| folder.is_dir());
    found.with_context(|| {
        format!(
            "`{}` has no folder `val` or `test`; hint: {}/val/CLASS/*.jpg",
            folder.display(),
            folder.display()
        )
    })
}

/// Names in a folder that are not hidden, sorted.
fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_str().with_context(|| format!("`{}` is not a name in UTF-8", name.display()))?;
        if !name.starts_with('.') {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

fn classes(train: &Path) -> anyhow::Result<Vec<String>> {
    let classes: Vec<String> = names(train)?.into_iter().filter(|name| train.join(name).is_dir()).collect();
    ensure!(
        classes.len() >= 2,
        "`{}` has {} class folders; hint: a folder for each class, at least two",
        train.display(),
        classes.len()
    );
    Ok(classes)
}

fn is_image(name: &str) -> bool {
    let extension = Path::new(name).extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| ["png", "jpg", "jpeg"].iter().any(|known| extension == *known))
}

fn listed(folder: &Path, classes: &[String]) -> anyhow::Result<Part> {
    let mut part = Part { files: Vec::new(), labels: Vec::new() };
    let unknown =
        names(folder)?.into_iter().find(|name| folder.join(name).is_dir() && !classes.contains(name));
    if let Some(name) = unknown {
        bail!(
            "`{}` has a class `{name}` that the training images lack; hint: the same classes in both",
            folder.display()
        );
    }
    for (label, class) in (0..).zip(classes) {
        let class = folder.join(class);
        let found = names(&class)?.into_iter().filter(|name| is_image(name)).map(|name| class.join(name));
        let before = part.files.len();
        part.files.extend(found);
        ensure!(part.files.len() > before, "`{}` has no image; hint: PNG or JPEG files", class.display());
        part.labels.resize(part.files.len(), label);
    }
    Ok(part)
}

fn write(place: &Path, train: bool, part: &Part, classes: &[String], size: u32) -> anyhow::Result<()> {
    let mut writer = PartWriter::create(place, train, [3, size, size], &part.labels, classes)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for files in part.files.chunks(threads * AT_ONCE) {
        for pixels in decoded(files, size, threads)? {
            writer.push(&pixels)?;
        }
    }
    Ok(writer.finish()?)
}

/// These images, in their order, on several threads.
fn decoded(files: &[PathBuf], size: u32, threads: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    thread::scope(|scope| {
        let parts = files.chunks(files.len().div_ceil(threads).max(1));
        let running: Vec<_> = parts
            .map(|files| {
                scope.spawn(move || {
                    files.iter().map(|file| pixels(file, size)).collect::<anyhow::Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in running {
            let broken = |_| anyhow::anyhow!("a thread that decodes images broke");
            all.extend(thread.join().map_err(broken)??);
        }
        Ok(all)
    })
}

/// An image, `[3, size, size]`: its shorter side scaled to `size`, the middle of the longer one.
fn pixels(file: &Path, size: u32) -> anyhow::Result<Vec<u8>> {
    let unreadable = || format!("cannot read the image `{}`; hint: mend it, or take it out", file.display());
    // By its content: names lie more often than files.
    let reader =
        ImageReader::open(file).and_then(ImageReader::with_guessed_format).with_context(unreadable)?;
    let image = reader.decode().with_context(unreadable)?;
    let image =
        image::DynamicImage::ImageRgb8(image.to_rgb8()).resize_to_fill(size, size, FilterType::Triangle);
    let image = image.to_rgb8();
    let planes = (0..3).flat_map(|channel| image.pixels().map(move |pixel| pixel.0[channel]));
    Ok(planes.collect())
}
