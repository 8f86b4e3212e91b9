//! One mask of several: what tickets of different seeds have in common, and what they have together.

use crate::{
    error::{EngineError, Result},
    mask::Mask,
};
use std::path::Path;
use tombola_spec::job::{Join, JoinJob};

/// Does a join job over the masks in the files, in any order.
///
/// # Errors
/// When a file cannot be read or is about another network, or nothing would live.
pub fn run_join(job: &JoinJob, files: &[&Path]) -> Result<Mask> {
    let architecture = job.network.architecture()?;
    let masks: Vec<Mask> = files.iter().map(|file| Mask::load(&architecture, file)).collect::<Result<_>>()?;
    join(&masks, job.rule)
}

/// The mask in which those weights live that `rule` says.
///
/// # Errors
/// When there is no mask, or some layer would have no living weight.
pub fn join(masks: &[Mask], rule: Join) -> Result<Mask> {
    let none = || EngineError::Settings("there are no masks to join".to_owned());
    let mut joined = masks.first().ok_or_else(none)?.clone();
    if masks.iter().any(Mask::is_of_channels) {
        let what = "of channels that live in some masks no mask can be made weight by weight";
        return Err(EngineError::Settings(format!("{what}; hint: join masks of single weights")));
    }
    let needed = match rule {
        Join::Union => 1,
        Join::Intersection => masks.len(),
        Join::Majority => masks.len() / 2 + 1,
    };
    for (index, layer) in joined.layers.iter_mut().enumerate() {
        for (at, bit) in layer.bits.iter_mut().enumerate() {
            let votes = masks.iter().filter(|mask| mask.layers[index].bits[at] == 1).count();
            *bit = u8::from(votes >= needed);
        }
        layer.prunable = masks.iter().any(|mask| mask.layers[index].prunable);
        if layer.living() == 0 {
            let what = format!("no weight of `{}` lives in {needed} of {} masks", layer.name, masks.len());
            return Err(EngineError::Settings(format!("{what}; hint: join by `union`, or denser rounds")));
        }
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::arch::Architecture;

    /// Masks of a network with two weights, 1x1 each way: hidden, output.
    fn mask(bits: [[u8; 3]; 2]) -> Mask {
        let mut mask = Mask::dense(&Architecture::parse("mnist_lenet_3", [1, 1, 1], 1).unwrap());
        mask.layers.iter_mut().zip(bits).for_each(|(layer, bits)| layer.bits = bits.to_vec());
        mask
    }

    #[test]
    fn weights_live_by_vote() {
        let masks =
            [mask([[1, 1, 0], [1, 0, 1]]), mask([[1, 0, 0], [1, 1, 0]]), mask([[1, 1, 1], [1, 0, 0]])];
        let bits = |rule| join(&masks, rule).unwrap().layers.into_iter().map(|l| l.bits).collect::<Vec<_>>();
        assert_eq!(bits(Join::Union), [[1, 1, 1], [1, 1, 1]]);
        assert_eq!(bits(Join::Intersection), [[1, 0, 0], [1, 0, 0]]);
        assert_eq!(bits(Join::Majority), [[1, 1, 0], [1, 0, 0]]);
        // Of two, more than half are both.
        assert_eq!(
            join(&masks[..2], Join::Majority).unwrap(),
            join(&masks[..2], Join::Intersection).unwrap()
        );
    }

    #[test]
    fn a_layer_without_a_weight_in_common_fails() {
        let apart = [mask([[1, 0, 0], [1, 1, 1]]), mask([[0, 1, 0], [1, 1, 1]])];
        let error = join(&apart, Join::Intersection).unwrap_err().to_string();
        assert!(error.contains("`fc_layers.0.weight` lives in 2 of 2"), "{error}");
        assert!(join(&[], Join::Union).is_err());
    }
}
