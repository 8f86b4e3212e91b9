//! Pruning: a criterion scores, one shared selector cuts.
//!
//! One file per criterion and one line in [`criterion`]. A criterion only scores; how many weights go, which of equal
//! ones, and that dead ones stay dead is the selector's business, the same for all.

mod magnitude;
mod random_mask;
mod select;

pub use random_mask::random_mask;
pub use select::prune;

use crate::{
    checkpoint::{FileKind, TensorFile},
    error::Result,
    mask::Mask,
};
use std::path::Path;
use tombola_spec::{
    arch::Architecture,
    job::{PruneJob, RandomMaskJob},
    settings,
};

/// Ranks weights.
pub trait Criterion {
    /// A score for every weight, one vector per weight tensor and as long as it. Small ones go first.
    ///
    /// `weights` are the trained weights in the order of `Architecture::weights`. Scores of dead weights are not read.
    fn score(&self, weights: &[&[f32]]) -> Vec<Vec<f32>>;
}

/// The registry.
pub fn criterion(name: settings::Criterion) -> &'static dyn Criterion {
    match name {
        settings::Criterion::Magnitude => &magnitude::Magnitude,
    }
}

/// Does a prune job: scores the weights of one file, cuts the mask of another (`None` = dense).
///
/// # Errors
/// When a file cannot be read or is about another network, a rate is impossible, or a weight is not finite.
pub fn run_prune(job: &PruneJob, weights_file: &Path, mask_file: Option<&Path>) -> Result<Mask> {
    let architecture = job.network.architecture()?;
    let weights = load_weights(&architecture, weights_file)?;
    let mask = mask_file.map(|file| Mask::load(&architecture, file)).transpose()?;
    prune(&architecture, &job.rule, &weights, mask.as_ref(), &job.ties)
}

/// Does a random-mask job: draws a mask with the counts of the one in the file.
///
/// # Errors
/// When the file cannot be read or is about another network.
pub fn run_random_mask(job: &RandomMaskJob, mask_file: &Path) -> Result<Mask> {
    let architecture = job.network.architecture()?;
    let mask = Mask::load(&architecture, mask_file)?;
    Ok(random_mask(&mask, job.preserve, &job.stream))
}

fn load_weights(architecture: &Architecture, path: &Path) -> Result<Vec<Vec<f32>>> {
    let file = TensorFile::load(path, FileKind::Weights)?;
    file.expect_network(&architecture.name)?;
    let load = |name: &str| file.floats(name).map(std::borrow::Cow::into_owned);
    architecture.weights().iter().map(|weight| load(&weight.name)).collect()
}
