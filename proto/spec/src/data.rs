//! What is known about data sets without opening them: shape, classes, sizes, normalization.
//!
//! One line per set in [`KNOWN`]. Any other folder of data files is a data set too; a sweep that names one declares
//! `examples`, `test` and `classes` itself, and the worker checks them against the files.

/// What a data set looks like.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DataShape {
    /// Training examples, before a validation split is taken out of them.
    pub train: u32,
    /// Test examples.
    pub test: u32,
    /// Channels, height, width of one image.
    pub image: [u32; 3],
    /// Number of classes.
    pub classes: u32,
    /// Pixel mean, of pixels scaled to 0..1; subtracted.
    pub mean: PerChannel,
    /// Pixel standard deviation, of pixels scaled to 0..1; divided by.
    pub std: PerChannel,
}

/// A number for all channels of an image, or one for each of three.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum PerChannel {
    /// The same for all.
    All(f64),
    /// Of red, green and blue.
    Each([f64; 3]),
}

impl PerChannel {
    /// The number of a channel.
    pub fn of(self, channel: usize) -> f64 {
        match self {
            Self::All(value) => value,
            Self::Each(values) => values.get(channel).copied().unwrap_or(values[2]),
        }
    }
}

impl From<f64> for PerChannel {
    fn from(value: f64) -> Self {
        Self::All(value)
    }
}

impl std::fmt::Display for PerChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All(value) => write!(f, "{value}"),
            Self::Each([red, green, blue]) => write!(f, "{red}, {green}, {blue}"),
        }
    }
}

const fn idx(train: u32, test: u32, classes: u32, mean: f64, std: f64) -> DataShape {
    let (mean, std) = (PerChannel::All(mean), PerChannel::All(std));
    DataShape { train, test, image: [1, 28, 28], classes, mean, std }
}

const fn cifar(classes: u32, mean: [f64; 3], std: [f64; 3]) -> DataShape {
    let (mean, std) = (PerChannel::Each(mean), PerChannel::Each(std));
    DataShape { train: 50_000, test: 10_000, image: [3, 32, 32], classes, mean, std }
}

const CIFAR10: DataShape = cifar(10, [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);

/// The registry: name as written in a sweep file, shape, and the usual normalization of the set.
pub const KNOWN: &[(&str, DataShape)] = &[
    ("mnist", idx(60_000, 10_000, 10, 0.1307, 0.3081)),
    ("fashion_mnist", idx(60_000, 10_000, 10, 0.2860, 0.3530)),
    ("kmnist", idx(60_000, 10_000, 10, 0.1918, 0.3483)),
    ("emnist_balanced", idx(112_800, 18_800, 47, 0.1751, 0.3332)),
    ("emnist_digits", idx(240_000, 40_000, 10, 0.1736, 0.3317)),
    ("emnist_letters", idx(124_800, 20_800, 26, 0.1722, 0.3309)),
    ("cifar10", CIFAR10),
    // Its images after one pass through JPEG, quality 75: for comparisons on the same files, not with published tables.
    ("cifar10-jpeg75", CIFAR10),
    ("cifar100", cifar(100, [0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762])),
];

/// The shape of a known data set.
pub fn known(name: &str) -> Option<DataShape> {
    KNOWN.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape)
}

/// Training examples of each class of MNIST, the one known set whose classes are unequal.
const MNIST_CLASSES: [u32; 10] = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];

/// Training examples of a class of a known data set; `None` where there is no such class or the set is not known.
pub fn class_examples(set: &str, class: u32) -> Option<u32> {
    let shape = known(set).filter(|shape| class < shape.classes)?;
    match set {
        "mnist" => MNIST_CLASSES.get(class as usize).copied(),
        _ => Some(shape.train / shape.classes),
    }
}
