//! Scales of batch normalization: channels that are multiplied by little go (network slimming, arXiv 1708.06519, section 3).

use super::{ChannelCriterion, Subject};
use crate::error::{EngineError, Result};
use tombola_spec::arch::Units;

/// |gamma| of each channel.
pub(super) struct BnScale;

impl ChannelCriterion for BnScale {
    fn score(&self, subject: &Subject, units: &[Units]) -> Result<Vec<Vec<f64>>> {
        units.iter().map(|units| scales(subject, units)).collect()
    }
}

fn scales(subject: &Subject, units: &Units) -> Result<Vec<f64>> {
    let Some(norm) = &units.norm else {
        return Err(EngineError::Settings(format!(
            "no batch normalization scales the channels of `{}`; hint: rank them by `l1_filter`",
            units.layer
        )));
    };
    Ok(subject.tensor(&format!("{norm}.weight"))?.into_iter().map(f64::abs).collect())
}
