//! Data sets: files in a folder of the set's name, whole in memory.
//!
//! Nothing here knows tensors, devices or normalization; pixels and labels are numbers in memory. A format is a file that knows names
//! and contents, and a line in [`files`].

mod augment;
mod checkup;
mod cifar;
mod files;
mod idx;
mod inventory;
mod pixels;
mod split;
mod subset;
mod tensors;

pub use augment::{draw_views, sources, views};
pub use checkup::{Checkup, check_up};
pub use files::{is_set_name, usual_files};
pub use inventory::inventory;
pub use pixels::Pixels;
pub use split::{Split, batches, split};
pub use subset::{add_noise, of_classes, renumbered, subset};
pub use tensors::PartWriter;

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
    pub train_images: Pixels,
    /// Training labels, `[train]`, from 0.
    pub train_labels: Vec<u32>,
    /// Test pixels, `[test, C, H, W]`, row-major.
    pub test_images: Pixels,
    /// Test labels, `[test]`, from 0.
    pub test_labels: Vec<u32>,
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
        if train.images.scale() != test.images.scale() {
            let reason = "training and test images are not numbers of one type; hint: both U8, or both F32";
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
        if let Some(place) = part.labels.iter().position(|&label| label >= shape.classes) {
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
    let (mean, std) = train.images.moments(train.image, None);
    if !train.images.vary() {
        return Err(EngineError::data(set, "all training pixels are equal: there is nothing to learn from"));
    }
    let (mean, std) = (mean.into(), std.into());
    let last = train.labels.iter().chain(&test.labels).max().copied().unwrap_or(0);
    let classes = last + 1;
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
        part.digest_into(&mut hasher);
    }
    Digest(*hasher.finalize().as_bytes())
}
