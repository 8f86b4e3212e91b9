//! Data sets: files in a folder of the set's name, whole in memory.
//!
//! Nothing here knows tensors, devices or normalization; pixels and labels are bytes. A format is a file that knows names
//! and contents, and a line in [`files`].

mod augment;
mod cifar;
mod files;
mod idx;
mod inventory;
mod split;
mod subset;

pub use augment::{draw_views, sources, views};
pub use inventory::inventory;
pub use split::{Split, batches, split};
pub use subset::{add_noise, of_classes, renumbered, subset};

use crate::error::{EngineError, Result};
use std::path::Path;
use tombola_spec::{
    Digest,
    data::{DataShape, known},
    settings::Data,
    worker::DataInfo,
};

/// A data set in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// Its name, as in a sweep file.
    pub name: String,
    /// Its shape; for a set that is not in the registry, mean and deviation are computed from the training pixels and
    /// the classes are counted.
    pub shape: DataShape,
    /// BLAKE3 over shapes, images and labels.
    pub digest: Digest,
    /// Training pixels, `[train, C, H, W]`, row-major.
    pub train_images: Vec<u8>,
    /// Training labels, `[train]`, from 0.
    pub train_labels: Vec<u8>,
    /// Test pixels, `[test, C, H, W]`, row-major.
    pub test_images: Vec<u8>,
    /// Test labels, `[test]`, from 0.
    pub test_labels: Vec<u8>,
}

impl DataSet {
    /// Reads the data set `set` from its folder in `data_folder`. The folder may be written with `-` for `_`.
    ///
    /// # Errors
    /// When the folder or a file is missing, a file is damaged, or files do not fit together or the registry; the
    /// message names the file, what was expected and found, and what to do.
    pub fn open(data_folder: &Path, set: &str) -> Result<Self> {
        let files = files::find(data_folder, set)?;
        let train = files.train.read(set)?;
        let test = files.test.read(set)?;
        if train.image != test.image {
            let reason = format!(
                "training images are {:?}, test images {:?} (channels, height, width); {}",
                train.image,
                test.image,
                files::FETCH_AGAIN
            );
            return Err(EngineError::data(set, reason));
        }
        let shape = match known(set) {
            Some(shape) => checked(set, shape, &train, &test)?,
            None => measured(set, &train, &test)?,
        };
        Ok(Self {
            name: set.to_owned(),
            digest: digest(&train, &test),
            shape,
            train_images: train.images,
            train_labels: train.labels,
            test_images: test.images,
            test_labels: test.labels,
        })
    }

    /// Checks that the set is what a sweep's settings say it is.
    ///
    /// # Errors
    /// When counts, image size or classes differ.
    pub fn check(&self, settings: &Data) -> Result<()> {
        let sizes = |shape: &DataShape| (shape.train, shape.test, shape.image);
        let (found, wanted) = (&self.shape, &settings.shape);
        if sizes(found) == sizes(wanted) && found.classes <= wanted.classes {
            return Ok(());
        }
        let text = |s: &DataShape| {
            format!("{} + {} images of {:?} in {} classes", s.train, s.test, s.image, s.classes)
        };
        let reason = format!("the sweep declares {}, the files hold {}", text(wanted), text(found));
        Err(EngineError::data(&self.name, reason))
    }

    /// Name, digest and shape.
    pub fn info(&self) -> DataInfo {
        DataInfo { set: self.name.clone(), digest: self.digest, shape: self.shape }
    }
}

/// The registry's shape, if the files have it.
fn checked(set: &str, shape: DataShape, train: &files::Part, test: &files::Part) -> Result<DataShape> {
    let found = (train.count(), test.count(), train.image);
    if found != (shape.train, shape.test, shape.image) {
        let reason = format!(
            "expected {} + {} images of {:?} (training + test, channels x height x width), found {} + {} of {:?}; {}",
            shape.train,
            shape.test,
            shape.image,
            found.0,
            found.1,
            found.2,
            files::FETCH_AGAIN
        );
        return Err(EngineError::data(set, reason));
    }
    for part in [train, test] {
        if let Some(place) = part.labels.iter().position(|&label| u32::from(label) >= shape.classes) {
            let (label, file, last) = (part.labels[place], part.labels_file.display(), shape.classes - 1);
            let reason = format!(
                "label {label} of example {place} in `{file}` is not in 0..={last}; {}",
                files::FETCH_AGAIN
            );
            return Err(EngineError::data(set, reason));
        }
    }
    Ok(shape)
}

/// The shape of files that the registry does not know.
fn measured(set: &str, train: &files::Part, test: &files::Part) -> Result<DataShape> {
    let mut counts = [0u64; 256];
    train.images.iter().for_each(|&pixel| counts[usize::from(pixel)] += 1);
    let moment = |power: i32| {
        let sum: f64 =
            counts.iter().enumerate().map(|(pixel, &n)| n as f64 * (pixel as f64 / 255.0).powi(power)).sum();
        sum / train.images.len() as f64
    };
    let mean = moment(1);
    let std = (moment(2) - mean * mean).max(0.0).sqrt();
    let (mean, std) = (mean.into(), std.into());
    if counts.iter().filter(|&&n| n > 0).count() < 2 {
        return Err(EngineError::data(set, "all training pixels are equal: there is nothing to learn from"));
    }
    let last = train.labels.iter().chain(&test.labels).max().copied().unwrap_or(0);
    let classes = u32::from(last) + 1;
    Ok(DataShape { train: train.count(), test: test.count(), image: train.image, classes, mean, std })
}

/// BLAKE3 over shapes, images and labels of both parts: the same for packed and unpacked files.
fn digest(train: &files::Part, test: &files::Part) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("tombola data set v1");
    for part in [train, test] {
        let [channels, height, width] = part.image;
        for size in [part.count(), channels, height, width] {
            hasher.update(&size.to_le_bytes());
        }
        hasher.update(&part.images);
        hasher.update(&part.labels);
    }
    Digest(*hasher.finalize().as_bytes())
}
