//! What is known about data sets without opening them: shape, classes, sizes, normalization.
//!
//! One line per set in [`KNOWN`]. Any other folder of IDX files is a data set too; a sweep that names one declares
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
    pub mean: f64,
    /// Pixel standard deviation, of pixels scaled to 0..1; divided by.
    pub std: f64,
}

const fn idx(train: u32, test: u32, classes: u32, mean: f64, std: f64) -> DataShape {
    DataShape { train, test, image: [1, 28, 28], classes, mean, std }
}

/// The registry: name as written in a sweep file, shape, and the usual normalization of the set.
pub const KNOWN: &[(&str, DataShape)] = &[
    ("mnist", idx(60_000, 10_000, 10, 0.1307, 0.3081)),
    ("fashion_mnist", idx(60_000, 10_000, 10, 0.2860, 0.3530)),
    ("kmnist", idx(60_000, 10_000, 10, 0.1918, 0.3483)),
    ("emnist_balanced", idx(112_800, 18_800, 47, 0.1751, 0.3332)),
    ("emnist_digits", idx(240_000, 40_000, 10, 0.1736, 0.3317)),
    ("emnist_letters", idx(124_800, 20_800, 26, 0.1722, 0.3309)),
];

/// The shape of a known data set.
pub fn known(name: &str) -> Option<DataShape> {
    KNOWN.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape)
}
