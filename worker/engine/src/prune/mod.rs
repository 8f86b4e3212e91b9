//! Pruning: a criterion scores, one shared selector cuts.
//!
//! One file per criterion and one line in [`criterion`], or in [`channel_criterion`]. A criterion only scores; how many weights go, which of equal
//! ones, and that dead ones stay dead is the selector's business, the same for all.

mod bn_scale;
pub(crate) mod channels;
mod collapse;
mod deconstructed;
mod distance;
mod given;
mod gradients;
mod grasp;
mod join;
mod l1_filter;
mod magnitude;
mod random;
mod random_mask;
mod score_data;
mod select;
mod snip;
mod step;
mod subject;
mod supermask;
mod synflow;

pub use collapse::collapse;
pub(crate) use distance::Packed;
pub use distance::{compare, in_units};
pub use join::{join, run_join};
pub use random_mask::random_mask;
pub(crate) use score_data::draw;
pub use step::prune;
pub use subject::Subject;

use crate::{
    error::{EngineError, Result},
    mask::Mask,
};
use std::path::Path;
use tombola_spec::{
    arch::Units,
    job::{RandomMaskJob, Stream},
    settings,
};

/// What a criterion learns by.
struct Lessons<'a> {
    /// Key of what it draws.
    stream: &'a Stream,
    /// Hears of each lesson that is over, and says whether to go on.
    learned: &'a dyn Fn(u32) -> bool,
}

/// Ranks weights.
trait Criterion {
    /// Learns, once before the first cut, what it scores by: one that looks for a while rather than once. `false` if it
    /// was stopped.
    ///
    /// # Errors
    /// When the subject lacks what the criterion looks at, or libtorch fails.
    fn learn(&mut self, _subject: &Subject, _mask: &Mask, _lessons: &Lessons<'_>) -> Result<bool> {
        Ok(true)
    }

    /// How many lessons it takes.
    fn lessons(&self) -> u32 {
        0
    }

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

/// Ranks channels.
trait ChannelCriterion {
    /// A score for every channel, one vector for each of `Architecture::units`. Small ones go first; those of dead channels
    /// are not read.
    ///
    /// # Errors
    /// When the network has not what the criterion looks at.
    fn score(&self, subject: &Subject, units: &[Units]) -> Result<Vec<Vec<f64>>>;

    /// As [`Criterion::draws_lots`].
    fn draws_lots(&self) -> bool {
        false
    }
}

/// The registry of what ranks weights.
fn criterion(criterion: settings::Criterion) -> Result<Box<dyn Criterion>> {
    Ok(match criterion {
        settings::Criterion::Magnitude => Box::new(magnitude::Magnitude),
        settings::Criterion::Random => Box::new(random::Lots),
        settings::Criterion::Snip => Box::new(snip::Snip),
        settings::Criterion::Gradient => Box::new(snip::Gradient),
        settings::Criterion::Grasp { temperature, sign } => Box::new(grasp::Grasp { temperature, sign }),
        settings::Criterion::Synflow { iterations, schedule, dtype: _ } => {
            Box::new(synflow::Synflow { iterations, schedule })
        }
        settings::Criterion::Supermask { iterations, batch, lr, momentum, rescale } => {
            Box::new(supermask::Supermask { iterations, batch, lr, momentum, rescale, logits: None })
        }
        settings::Criterion::Deconstructed { comparison, signs } => {
            Box::new(deconstructed::Deconstructed { comparison, signs })
        }
        settings::Criterion::File => Box::new(given::Given),
        settings::Criterion::BnScale | settings::Criterion::L1Filter => {
            return Err(unsuitable(criterion, "channels, not single weights"));
        }
    })
}

/// The registry of what ranks channels.
fn channel_criterion(criterion: settings::Criterion) -> Result<Box<dyn ChannelCriterion>> {
    match criterion {
        settings::Criterion::BnScale => Ok(Box::new(bn_scale::BnScale)),
        settings::Criterion::L1Filter => Ok(Box::new(l1_filter::L1Filter)),
        settings::Criterion::Random => Ok(Box::new(random::Lots)),
        _ => Err(unsuitable(criterion, "single weights, not channels")),
    }
}

fn unsuitable(criterion: settings::Criterion, what: &str) -> EngineError {
    EngineError::Settings(format!("`{}` ranks {what}; hint: another criterion or `unit`", criterion.name()))
}

/// A criterion's score of every weight, one vector per weight tensor; those of dead weights mean nothing. What it draws
/// is keyed by `stream`.
///
/// # Errors
/// When the subject lacks what the criterion looks at, or libtorch fails.
pub fn scores(
    subject: &Subject,
    name: settings::Criterion,
    mask: &Mask,
    stream: &Stream,
) -> Result<Vec<Vec<f64>>> {
    let mut criterion = criterion(name)?;
    criterion.learn(subject, mask, &Lessons { stream, learned: &|_| true })?;
    criterion.score(subject, mask)
}

/// Does a random-mask job: draws a mask with the counts of the one in the file.
///
/// # Errors
/// When the file cannot be read or is about another network.
pub fn run_random_mask(job: &RandomMaskJob, mask_file: &Path) -> Result<Mask> {
    let architecture = job.network.architecture()?;
    let mask = Mask::load(&architecture, mask_file)?;
    Ok(match mask.is_of_channels() {
        true => channels::random(&architecture, &mask, job.preserve, &job.whole, &job.stream),
        false => random_mask(&mask, job.preserve, &job.whole, &job.stream),
    })
}
