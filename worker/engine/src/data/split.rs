//! Which examples are trained on, and in what order.

use crate::{
    error::{EngineError, Result},
    random::{Purpose, Random},
};
use tombola_spec::job::Stream;

/// Training examples in two parts, each in increasing order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Examples trained on.
    pub train: Vec<u32>,
    /// Examples held out.
    pub validation: Vec<u32>,
}

/// Holds `validation` of `examples` training examples out, at random.
///
/// # Errors
/// When none would be left to train on.
pub fn split(examples: u32, validation: u32, seed: u64) -> Result<Split> {
    if validation >= examples {
        return Err(EngineError::Settings(format!(
            "`validation = {validation}` leaves none of the {examples} training examples to train on"
        )));
    }
    // The split is a property of the data, the same for all trials: only the seed is in its key.
    let key = Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let mut validation_part = Random::new(Purpose::Split, &key, "", 0).permutation(examples);
    let mut train = validation_part.split_off(validation as usize);
    train.sort_unstable();
    validation_part.sort_unstable();
    Ok(Split { train, validation: validation_part })
}

/// The examples `train` in the order of an epoch. Does not depend on the batch size: the caller cuts batches and drops
/// the last partial one.
pub fn batches(order: &Stream, epoch: u64, train: &[u32]) -> Vec<u32> {
    let mut examples = train.to_vec();
    Random::new(Purpose::Order, order, "epoch", epoch).shuffle(&mut examples);
    examples
}
