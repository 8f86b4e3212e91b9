//! Size of filters: channels whose filters are small go (arXiv 1608.08710, section 3.1).

use super::{ChannelCriterion, Subject};
use crate::error::Result;
use tombola_spec::arch::Units;

/// Sum of |weight| over what each channel is made of.
pub(super) struct L1Filter;

impl ChannelCriterion for L1Filter {
    fn score(&self, subject: &Subject, units: &[Units]) -> Result<Vec<Vec<f64>>> {
        let of = |units: &Units| {
            let weights = subject.tensor(&format!("{}.weight", units.layer))?;
            let filters = weights.chunks(weights.len() / units.count as usize);
            Ok(filters.map(|filter| filter.iter().map(|weight| weight.abs()).sum()).collect())
        };
        units.iter().map(of).collect()
    }
}
