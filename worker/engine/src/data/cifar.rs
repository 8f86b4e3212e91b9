//! The binary batches of CIFAR-10 and CIFAR-100: records of labels and 3 x 32 x 32 pixels, channel by channel.
//!
//! CIFAR-10's records have one label, CIFAR-100's two, a coarse one that is passed over and a fine one.

use super::{
    Pixels,
    files::{FETCH_AGAIN, Format, Part, PartFiles, SetFiles},
};
use crate::error::{EngineError, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tombola_spec::data::known;

/// This format.
pub(super) const FORMAT: Format = Format { what: "binary batches", owns, find, usual };

const IMAGE: [u32; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// Files of a training part and a test part, and how many labels an image has in them: the last one counts.
const LAYOUTS: [(&[&str], &[&str], usize); 2] = [
    (
        &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
        &["test_batch.bin"],
        1,
    ),
    (&["train.bin"], &["test.bin"], 2),
];

struct Files {
    batches: Vec<PathBuf>,
    labels: usize,
}

fn owns(name: &str) -> bool {
    LAYOUTS.iter().any(|(train, test, _)| train.contains(&name) || test.contains(&name))
}

fn find(folder: &Path, _set: &str) -> std::result::Result<SetFiles, String> {
    let mut missing = Vec::new();
    for (train, test, labels) in LAYOUTS {
        let part = |names: &[&str]| -> Box<dyn PartFiles> {
            Box::new(Files { batches: names.iter().map(|name| folder.join(name)).collect(), labels })
        };
        match train.iter().chain(test).find(|name| !folder.join(name).is_file()) {
            None => return Ok(SetFiles { train: part(train), test: part(test), format: "binary batches" }),
            Some(name) => missing.push(format!("`{name}`")),
        }
    }
    Err(missing.join(" or "))
}

fn usual(set: &str) -> Option<Vec<String>> {
    let shape = known(set).filter(|shape| shape.image == IMAGE)?;
    let (train, test, _) = LAYOUTS[usize::from(shape.classes == 100)];
    Some(train.iter().chain(test).map(|&name| name.to_owned()).collect())
}

impl PartFiles for Files {
    fn paths(&self) -> Vec<&Path> {
        self.batches.iter().map(PathBuf::as_path).collect()
    }

    fn read(&self, set: &str) -> Result<Part> {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for path in &self.batches {
            let bytes = fs::read(path).map_err(EngineError::io(path))?;
            let record = self.labels + PIXELS;
            if bytes.is_empty() || bytes.len() % record != 0 {
                let (path, length) = (path.display(), bytes.len());
                let reason = format!(
                    "`{path}` has {length} bytes, which is no number of records of {record}; {FETCH_AGAIN}"
                );
                return Err(EngineError::data(set, reason));
            }
            for record in bytes.chunks_exact(record) {
                labels.push(u32::from(record[self.labels - 1]));
                images.extend(&record[self.labels..]);
            }
        }
        let labels_file = self.batches.first().cloned().unwrap_or_default();
        Ok(Part { image: IMAGE, images: Pixels::Bytes(images), labels, labels_file })
    }
}
