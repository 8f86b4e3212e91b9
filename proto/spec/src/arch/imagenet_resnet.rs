//! ResNets of ImageNet (arXiv 1512.03385, Table 1) as torchvision has them, names included, so that a ticket loads into its
//! modules. `imagenet_resnet_*` begins with a 7x7 convolution and a pooling; `resnet_*`, for images of 32 or 64 pixels,
//! with a 3x3 convolution alone; `wide_resnet_18` is that with twice the channels.
//!
//! The stride of a bottleneck is in its 3x3 convolution, as in torchvision. A width is the channels of the first stage.

use super::{
    Layer,
    trunk::{Filter, Trunk, another_name, depth_and_width},
};
use crate::SpecError;

/// How names of this family are written.
pub(super) const GRAMMAR: &str = "imagenet_resnet_D[_W] or for small images resnet_D[_W], D = 18, 34, 50, such as \
                                  resnet_18; wide_resnet_18";

/// Channels of the first stage, if the name says none.
const WIDTH: u32 = 64;

/// How many times as many channels come out of a bottleneck as it has inside.
const EXPANSION: u32 = 4;

/// The small ResNet-18 with twice the channels.
const WIDE: &str = "wide_resnet_18";

/// The layers of `imagenet_resnet_<depth>[_<width>]`, `resnet_<depth>[_<width>]` and `wide_resnet_18`.
pub(super) fn layers(name: &str, input: [u32; 3], classes: u32) -> Option<Result<Vec<Layer>, SpecError>> {
    let (rest, small) = match (name, name.strip_prefix("imagenet_resnet_")) {
        (WIDE, _) => ("18_128", true),
        ("resnet_18_128", _) => return Some(Err(another_name(name, WIDE))),
        (_, Some(rest)) => (rest, false),
        (_, None) => (name.strip_prefix("resnet_")?, true),
    };
    Some(network(name, rest, small, input, classes))
}

fn network(
    name: &str,
    rest: &str,
    small: bool,
    input: [u32; 3],
    classes: u32,
) -> Result<Vec<Layer>, SpecError> {
    let (depth, width) = depth_and_width(name, rest, WIDTH, GRAMMAR)?;
    let (stages, block) = stages(name, depth)?;
    let mut trunk = Trunk::new(input);
    if small {
        trunk.conv_bn_relu("conv1", "bn1", Filter::new(width, 3, 1));
    } else {
        trunk.conv_bn_relu("conv1", "bn1", Filter::new(width, 7, 2));
        trunk.max_pool(3, 2, 1);
    }
    for (stage, blocks) in stages.into_iter().enumerate() {
        for index in 0..blocks {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            block(&mut trunk, &format!("layer{}.{index}", stage + 1), width << stage, stride);
        }
    }
    Ok(trunk.classify(classes))
}

/// Adds the block of a name, of so many channels and of a stride.
type Block = fn(&mut Trunk, &str, u32, u32);

/// Blocks of each stage.
fn stages(name: &str, depth: u32) -> Result<([u32; 4], Block), SpecError> {
    match depth {
        18 => Ok(([2, 2, 2, 2], basic)),
        34 => Ok(([3, 4, 6, 3], basic)),
        50 => Ok(([3, 4, 6, 3], bottleneck)),
        _ => {
            let what = format!("`{name}` cannot be {depth} layers deep");
            Err(SpecError::new(what, "depths are 18, 34 and 50"))
        }
    }
}

fn basic(trunk: &mut Trunk, name: &str, channels: u32, stride: u32) {
    let part = |part: &str| format!("{name}.{part}");
    let reshaped = stride != 1 || trunk.channels != channels;
    trunk.residual(
        |body| {
            body.conv_bn_relu(&part("conv1"), &part("bn1"), Filter::new(channels, 3, stride));
            body.conv(&part("conv2"), Filter::new(channels, 3, 1));
            body.batch_norm(&part("bn2"));
        },
        |shortcut| downsample(shortcut, name, reshaped, channels, stride),
    );
    trunk.relu();
}

fn bottleneck(trunk: &mut Trunk, name: &str, channels: u32, stride: u32) {
    let part = |part: &str| format!("{name}.{part}");
    let outputs = EXPANSION * channels;
    let reshaped = stride != 1 || trunk.channels != outputs;
    trunk.residual(
        |body| {
            body.conv_bn_relu(&part("conv1"), &part("bn1"), Filter::new(channels, 1, 1));
            body.conv_bn_relu(&part("conv2"), &part("bn2"), Filter::new(channels, 3, stride));
            body.conv(&part("conv3"), Filter::new(outputs, 1, 1));
            body.batch_norm(&part("bn3"));
        },
        |shortcut| downsample(shortcut, name, reshaped, outputs, stride),
    );
    trunk.relu();
}

fn downsample(shortcut: &mut Trunk, name: &str, reshaped: bool, outputs: u32, stride: u32) {
    if reshaped {
        shortcut.conv(&format!("{name}.downsample.0"), Filter::new(outputs, 1, stride));
        shortcut.batch_norm(&format!("{name}.downsample.1"));
    }
}

#[cfg(test)]
mod tests {
    use crate::arch::{Architecture, Parameter};
    use std::collections::BTreeSet;

    fn imagenet(name: &str) -> Architecture {
        Architecture::parse(name, [3, 224, 224], 1000).unwrap()
    }

    /// Counts of trainable elements as torchvision's documentation gives them, multiply-adds as its model pages do.
    #[test]
    fn networks_of_imagenet_are_as_large_as_torchvisions() {
        for (name, parameters, giga) in [
            ("imagenet_resnet_18", 11_689_512, 1.81),
            ("imagenet_resnet_34", 21_797_672, 3.66),
            ("imagenet_resnet_50", 25_557_032, 4.09),
        ] {
            let network = imagenet(name);
            assert_eq!(network.parameter_count(), parameters, "{name}");
            assert!(
                (network.multiply_adds() as f64 / 1e9 - giga).abs() < 0.01,
                "{name} {}",
                network.multiply_adds()
            );
        }
        // Running mean and variance of each channel: 4,800 channels in ResNet-18.
        let network = imagenet("imagenet_resnet_18");
        assert_eq!(network.element_count(), 11_689_512 + 2 * 4_800);
    }

    /// The lists are the names and shapes of torchvision 0.26's `state_dict()`, without `num_batches_tracked`, which
    /// `load_state_dict` fills in by itself.
    #[test]
    fn networks_of_imagenet_have_torchvisions_names_and_shapes() {
        let told = |tensor: &Parameter| {
            let shape: Vec<_> = tensor.shape.iter().map(u32::to_string).collect();
            format!("{} {}", tensor.name, shape.join("x"))
        };
        for (name, list) in [
            ("imagenet_resnet_18", include_str!("torchvision_resnet18.txt")),
            ("imagenet_resnet_50", include_str!("torchvision_resnet50.txt")),
        ] {
            let found: BTreeSet<_> = imagenet(name).tensors().iter().map(told).collect();
            let wanted: BTreeSet<_> = list.lines().map(str::to_owned).collect();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn networks_of_small_images_differ_in_their_beginning_alone() {
        let small = |name: &str| Architecture::parse(name, [3, 32, 32], 1000).unwrap();
        let (resnet, imagenet) = (small("resnet_18"), imagenet("imagenet_resnet_18"));
        assert_eq!(resnet.weight_count() + 64 * 3 * (49 - 9), imagenet.weight_count());
        assert_eq!(resnet.tensors()[1..], imagenet.tensors()[1..]);
        // Twice as wide at both ends of each convolution but the first, and before the last layer.
        let [first, last] = [64 * 3 * 9, 512 * 1000];
        let inner = resnet.weight_count() - first - last;
        assert_eq!(small("wide_resnet_18").weight_count(), 4 * inner + 2 * first + 2 * last);
        let refused = Architecture::parse("resnet_18_128", [3, 32, 32], 10).unwrap_err();
        assert!(refused.hint.contains("`wide_resnet_18`"), "{refused}");
        // The image is halved three times: 4 x 4 places are left for the last convolution.
        assert_eq!(Architecture::parse("resnet_18", [3, 32, 32], 10).unwrap().multiply_adds(), 555_422_720);
    }

    #[test]
    fn other_depths_are_refused_with_those_there_are() {
        let refused = Architecture::parse("imagenet_resnet_20", [3, 224, 224], 10).unwrap_err();
        assert!(refused.what.contains("20 layers") && refused.hint.contains("18, 34 and 50"), "{refused}");
        for name in ["resnet_", "resnet_18_", "imagenet_resnet_18_2048", "imagenet_resnet_x"] {
            let refused = Architecture::parse(name, [3, 224, 224], 10).unwrap_err();
            assert!(refused.hint.contains("imagenet_resnet_D"), "{refused}");
        }
        assert!(Architecture::parse("wide_resnet_50", [3, 224, 224], 10).is_err());
    }
}
