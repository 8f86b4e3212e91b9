//! Conv-2, Conv-4 and Conv-6: small VGGs without batch normalization (arXiv 1803.03635, Figure 2).
//!
//! Convolutions are called `conv_layers.0`, `conv_layers.1`, …; what follows them is called as in [`super::lenet`].

use super::{
    Layer, lenet,
    trunk::{Filter, Trunk},
};
use crate::SpecError;

/// How names of this family are written.
pub(super) const GRAMMAR: &str = "conv_2, conv_4, conv_6";

/// Channels of each pair of convolutions; a pooling by two follows each pair.
const PAIRS: [u32; 3] = [64, 128, 256];
/// Hidden linear layers.
const HIDDEN: [u32; 2] = [256, 256];

/// The layers of `conv_<convolutions>`.
pub(super) fn layers(name: &str, input: [u32; 3], classes: u32) -> Option<Result<Vec<Layer>, SpecError>> {
    let pairs = match name.strip_prefix("conv_")? {
        "2" => 1,
        "4" => 2,
        "6" => 3,
        _ => {
            let what = format!("`{name}` is none of the convolutional networks of the lottery ticket paper");
            return Some(Err(SpecError::new(what, format!("known: {GRAMMAR}"))));
        }
    };
    Some(network(name, input, classes, &PAIRS[..pairs]))
}

fn network(name: &str, input: [u32; 3], classes: u32, pairs: &[u32]) -> Result<Vec<Layer>, SpecError> {
    let mut trunk = Trunk::new(input);
    for (pair, &channels) in pairs.iter().enumerate() {
        for index in 2 * pair..2 * pair + 2 {
            trunk.conv(&format!("conv_layers.{index}"), Filter { bias: true, ..Filter::new(channels, 3, 1) });
            trunk.relu();
        }
        trunk.max_pool(2, 2, 0);
    }
    if trunk.size.contains(&0) {
        let least = 1 << pairs.len();
        let what = format!("images of {} x {} pixels are too small for `{name}`", input[1], input[2]);
        return Err(SpecError::new(
            what,
            format!("it halves them {} times: {least} x {least} are the least", pairs.len()),
        ));
    }
    let [height, width] = trunk.size;
    trunk.layers.extend(lenet::perceptron(trunk.channels * height * width, &HIDDEN, classes));
    Ok(trunk.layers)
}

#[cfg(test)]
mod tests {
    use crate::arch::Architecture;

    fn conv(name: &str) -> Architecture {
        Architecture::parse(name, [3, 32, 32], 10).unwrap()
    }

    /// The paper lists 4.3 M, 2.4 M and 1.7 M; the last contradicts the layers it lists.
    #[test]
    fn the_papers_networks_have_the_weights_of_their_layers() {
        let counts = ["conv_2", "conv_4", "conv_6"].map(|name| conv(name).weight_count());
        assert_eq!(counts, [4_300_992, 2_425_024, 2_261_184]);
        let convolutions = |p: &&crate::arch::Parameter| p.shape.len() == 4;
        let share: usize = conv("conv_6").weights().iter().filter(convolutions).map(|p| p.len()).sum();
        assert_eq!(share, 1_144_512);
    }

    #[test]
    fn a_convolution_costs_its_weights_at_each_place() {
        let (first, second) = (3 * 64 * 9 * 32 * 32, 64 * 64 * 9 * 32 * 32);
        let linear = 16 * 16 * 64 * 256 + 256 * 256 + 256 * 10;
        assert_eq!(conv("conv_2").multiply_adds(), first + second + linear);
    }

    #[test]
    fn parameters_are_called_after_their_place() {
        let names: Vec<_> =
            conv("conv_2").weights().into_iter().map(|p| (p.name, p.fan_in, p.fan_out)).collect();
        let layer = |name: &str, fan_in, fan_out| (format!("{name}.weight"), fan_in, fan_out);
        assert_eq!(
            names[..3],
            [
                layer("conv_layers.0", 27, 576),
                layer("conv_layers.1", 576, 576),
                layer("fc_layers.0", 16_384, 256),
            ]
        );
    }

    #[test]
    fn images_that_vanish_in_the_poolings_are_refused() {
        let refused = Architecture::parse("conv_6", [3, 7, 32], 10).unwrap_err();
        assert!(refused.hint.contains("8 x 8"), "{refused}");
        assert!(Architecture::parse("conv_6", [1, 8, 8], 10).is_ok());
        assert!(Architecture::parse("conv_3", [3, 32, 32], 10).is_err());
    }
}
