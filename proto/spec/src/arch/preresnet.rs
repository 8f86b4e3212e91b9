//! ResNets with normalization before each convolution (arXiv 1603.05027), in bottlenecks: the Early-Bird paper's
//! `PreResNet-D` (arXiv 1909.11957), with the names of its code.

use super::{
    Layer,
    trunk::{Filter, Trunk, depth_and_width, repeats},
};
use crate::SpecError;

/// How names of this family are written.
pub(super) const GRAMMAR: &str = "preresnet_D[_W], such as preresnet_101 or preresnet_164";

/// Channels inside the bottlenecks of the first stage, if the name says none.
const WIDTH: u32 = 16;

/// How many times as many channels come out of a bottleneck as it has inside.
const EXPANSION: u32 = 4;

/// The layers of `preresnet_<depth>[_<width>]`.
pub(super) fn layers(name: &str, input: [u32; 3], classes: u32) -> Option<Result<Vec<Layer>, SpecError>> {
    let rest = name.strip_prefix("preresnet_")?;
    Some(network(name, rest, input, classes))
}

fn network(name: &str, rest: &str, input: [u32; 3], classes: u32) -> Result<Vec<Layer>, SpecError> {
    let (depth, width) = depth_and_width(name, rest, WIDTH, GRAMMAR)?;
    let blocks = repeats(name, depth, 9)?;
    let mut trunk = Trunk::new(input);
    trunk.conv("conv1", Filter::new(width, 3, 1));
    for stage in 0..3 {
        for index in 0..blocks {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            bottleneck(&mut trunk, &format!("layer{}.{index}", stage + 1), width << stage, stride);
        }
    }
    trunk.batch_norm("bn");
    trunk.relu();
    Ok(trunk.classify(classes))
}

/// The shortcut is taken before the first normalization, and nothing follows the sum.
fn bottleneck(trunk: &mut Trunk, name: &str, channels: u32, stride: u32) {
    let outputs = EXPANSION * channels;
    let reshaped = stride != 1 || trunk.channels != outputs;
    trunk.residual(
        |body| {
            for (index, filter) in
                [Filter::new(channels, 1, 1), Filter::new(channels, 3, stride), Filter::new(outputs, 1, 1)]
                    .into_iter()
                    .enumerate()
            {
                body.batch_norm(&format!("{name}.bn{}", index + 1));
                body.relu();
                body.conv(&format!("{name}.conv{}", index + 1), filter);
            }
        },
        |shortcut| {
            if reshaped {
                shortcut.conv(&format!("{name}.downsample.0"), Filter::new(outputs, 1, stride));
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use crate::arch::{Architecture, Layer, Role};

    #[test]
    fn preresnet_164_is_as_large_as_the_published_one() {
        let network = Architecture::parse("preresnet_164", [3, 32, 32], 10).unwrap();
        assert_eq!(network.parameter_count(), 1_703_258);
        assert_eq!(network.weights().len(), 1 + 162 + 3 + 1, "stem, bottlenecks, shortcuts, head");
        let last = network.tensors().into_iter().rfind(|tensor| tensor.role == Role::Scale).unwrap();
        assert_eq!((last.name.as_str(), last.shape), ("bn.weight", vec![256]));
    }

    #[test]
    fn a_block_normalizes_before_it_filters_and_its_shortcut_does_not() {
        let network = Architecture::parse("preresnet_11", [3, 32, 32], 10).unwrap();
        let Layer::Residual { body, shortcut } = &network.layers[1] else {
            panic!("{:?}", network.layers[1])
        };
        assert!(matches!(&body[..3], [Layer::BatchNorm { .. }, Layer::Relu, Layer::Conv { .. }]));
        assert!(matches!(&shortcut[..], [Layer::Conv { name, .. }] if name == "layer1.0.downsample.0"));
        assert!(matches!(network.layers[2], Layer::Residual { .. }), "nothing follows a sum");
    }

    #[test]
    fn a_depth_that_is_no_preresnets_names_the_nearest() {
        let refused = Architecture::parse("preresnet_112", [3, 32, 32], 10).unwrap_err();
        assert!(refused.hint.ends_with("nearest: 110, 119"), "{refused}");
    }
}
