//! A data set looked at closely: what its files hold, and what is odd about it.

use super::{DataSet, files};
use crate::error::Result;
use std::path::{Path, PathBuf};
use tombola_spec::{
    data::{class_examples, known},
    worker::DataInfo,
};

/// Pixels of the usual files have the registry's mean and deviation to the digits it has; once through JPEG they are a little off.
const MOMENTS: f64 = 0.005;

/// What the files of a set hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkup {
    /// Name, digest and shape, as a worker reports them.
    pub info: DataInfo,
    /// What kind of files it has.
    pub format: &'static str,
    /// The files.
    pub files: Vec<PathBuf>,
    /// Training examples of each class.
    pub train: Vec<u32>,
    /// Test examples of each class.
    pub test: Vec<u32>,
    /// Mean of the training pixels of each channel, bytes scaled to 0..1.
    pub mean: Vec<f64>,
    /// Their standard deviation.
    pub std: Vec<f64>,
    /// What is odd, for people; a set can be used all the same.
    pub oddities: Vec<String>,
}

/// Reads the whole of a set.
///
/// # Errors
/// When it cannot be used: see [`DataSet::open`].
pub fn check_up(data_folder: &Path, set: &str) -> Result<Checkup> {
    let found = files::find(data_folder, set)?;
    let (format, files) = (found.format, found.all().into_iter().map(Path::to_owned).collect());
    let opened = DataSet::open(data_folder, set)?;
    let shape = &opened.shape;
    let (mean, std) =
        (0..shape.image[0]).map(|channel| opened.train_images.moments(shape.image, Some(channel))).unzip();
    let counts = |labels: &[u32]| {
        let mut counts = vec![0; shape.classes as usize];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    };
    let (train, test) = (counts(&opened.train_labels), counts(&opened.test_labels));
    let mut checkup =
        Checkup { info: opened.info(), format, files, train, test, mean, std, oddities: Vec::new() };
    checkup.oddities = checkup.class_oddities().chain(checkup.moment_oddities()).collect();
    Ok(checkup)
}

impl Checkup {
    fn class_oddities(&self) -> impl Iterator<Item = String> {
        let set = &self.info.set;
        (0..).zip(self.train.iter().zip(&self.test)).filter_map(move |(class, (&train, &test))| {
            match class_examples(set, class) {
                _ if train == 0 => Some(format!("class {class} has no training examples")),
                _ if test == 0 => Some(format!("class {class} has no test examples")),
                Some(usual) if usual != train => {
                    Some(format!("class {class} has {train} training examples, in the usual files {usual}"))
                }
                _ => None,
            }
        })
    }

    fn moment_oddities(&self) -> impl Iterator<Item = String> {
        let usual = known(&self.info.set);
        let found = self.mean.iter().zip(&self.std).enumerate();
        found.filter_map(move |(channel, (&mean, &std))| {
            let (usual_mean, usual_std) = usual.map(|shape| (shape.mean.of(channel), shape.std.of(channel)))?;
            let far = (mean - usual_mean).abs() > MOMENTS || (std - usual_std).abs() > MOMENTS;
            far.then(|| {
                format!(
                    "channel {channel} has mean {mean:.4} and deviation {std:.4}, in the usual files {usual_mean:.4} and {usual_std:.4}"
                )
            })
        })
    }
}
