//! Pruning: a criterion scores, one shared selector cuts.
//!
//! One file per criterion and one line in [`criterion`]. A criterion only scores; how many weights go, which of equal
//! ones, and that dead ones stay dead is the selector's business, the same for all.

mod collapse;
mod deconstructed;
mod distance;
mod gradients;
mod grasp;
mod join;
mod magnitude;
mod random;
mod random_mask;
mod score_data;
mod select;
mod snip;
mod step;
mod subject;
mod synflow;

pub use collapse::collapse;
pub use distance::compare;
pub use join::{join, run_join};
pub use random_mask::random_mask;
pub(crate) use score_data::draw;
pub use step::prune;
pub use subject::Subject;

use crate::{error::Result, mask::Mask};
use std::path::Path;
use tombola_spec::{job::RandomMaskJob, settings};

/// Ranks weights.
trait Criterion {
    /// A score for every weight, one vector per weight tensor and as long as it. Small ones go first. Scores of dead
    /// weights are not read; they must not reach the living ones.
    ///
    /// # Errors
    /// When the subject lacks what the criterion looks at, or libtorch fails.
    fn score(&self, subject: &Subject, mask: &Mask) -> Result<Vec<Vec<f64>>>;

    /// Iterations of scoring and cutting in one prune step.
    fn iterations(&self) -> u32 {
        1
    }

    /// How much of `all` lives after the `done`-th iteration on the way to `goal`: weights, or shares of them.
    fn living_after(&self, done: u32, all: f64, goal: f64) -> f64 {
        if done < self.iterations() { all } else { goal }
    }

    /// Whether equal scores are what it gives: then the lot decides, which in others would mean that nothing was learnt.
    fn draws_lots(&self) -> bool {
        false
    }
}

/// The registry.
fn criterion(criterion: settings::Criterion) -> Box<dyn Criterion> {
    match criterion {
        settings::Criterion::Magnitude => Box::new(magnitude::Magnitude),
        settings::Criterion::Random => Box::new(random::Lots),
        settings::Criterion::Snip => Box::new(snip::Snip),
        settings::Criterion::Gradient => Box::new(snip::Gradient),
        settings::Criterion::Grasp { temperature, sign } => Box::new(grasp::Grasp { temperature, sign }),
        settings::Criterion::Synflow { iterations, schedule, dtype: _ } => {
            Box::new(synflow::Synflow { iterations, schedule })
        }
        settings::Criterion::Deconstructed { comparison, signs } => {
            Box::new(deconstructed::Deconstructed { comparison, signs })
        }
    }
}

/// A criterion's score of every weight, one vector per weight tensor; those of dead weights mean nothing.
///
/// # Errors
/// When the subject lacks what the criterion looks at, or libtorch fails.
pub fn scores(subject: &Subject, name: settings::Criterion, mask: &Mask) -> Result<Vec<Vec<f64>>> {
    criterion(name).score(subject, mask)
}

/// Does a random-mask job: draws a mask with the counts of the one in the file.
///
/// # Errors
/// When the file cannot be read or is about another network.
pub fn run_random_mask(job: &RandomMaskJob, mask_file: &Path) -> Result<Mask> {
    let architecture = job.network.architecture()?;
    let mask = Mask::load(&architecture, mask_file)?;
    Ok(random_mask(&mask, job.preserve, &job.whole, &job.stream))
}
