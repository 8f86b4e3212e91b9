//! ResNets of CIFAR-10 (arXiv 1512.03385, section 4.2), open_lth's `cifar_resnet_*`: three stages of basic blocks, with
//! 1x1 convolutions in the shortcuts that change shape. The lottery ticket paper's "ResNet-18" is `cifar_resnet_20`.

use super::{
    Layer,
    trunk::{Filter, Trunk, depth_and_width, repeats},
};
use crate::SpecError;

/// How names of this family are written.
pub(super) const GRAMMAR: &str = "cifar_resnet_D[_W], such as cifar_resnet_20 or cifar_resnet_20_32";

/// Channels of the first stage, if the name says none.
const WIDTH: u32 = 16;

/// The layers of `cifar_resnet_<depth>[_<width>]`.
pub(super) fn layers(name: &str, input: [u32; 3], classes: u32) -> Option<Result<Vec<Layer>, SpecError>> {
    let rest = name.strip_prefix("cifar_resnet_")?;
    Some(network(name, rest, input, classes))
}

fn network(name: &str, rest: &str, input: [u32; 3], classes: u32) -> Result<Vec<Layer>, SpecError> {
    let (depth, width) = depth_and_width(name, rest, WIDTH, GRAMMAR)?;
    let blocks = repeats(name, depth, 6)?;
    let mut trunk = Trunk::new(input);
    trunk.conv_bn_relu("conv", "bn", Filter::new(width, 3, 1));
    for index in 0..3 * blocks {
        let stage = index / blocks;
        let stride = if stage > 0 && index % blocks == 0 { 2 } else { 1 };
        block(&mut trunk, &format!("blocks.{index}"), width << stage, stride);
    }
    Ok(trunk.classify(classes))
}

fn block(trunk: &mut Trunk, name: &str, outputs: u32, stride: u32) {
    let reshaped = stride != 1 || trunk.channels != outputs;
    let part = |part: &str| format!("{name}.{part}");
    trunk.residual(
        |body| {
            body.conv_bn_relu(&part("conv1"), &part("bn1"), Filter::new(outputs, 3, stride));
            body.conv(&part("conv2"), Filter::new(outputs, 3, 1));
            body.batch_norm(&part("bn2"));
        },
        |shortcut| {
            if reshaped {
                shortcut.conv(&part("shortcut.0"), Filter::new(outputs, 1, stride));
                shortcut.batch_norm(&part("shortcut.1"));
            }
        },
    );
    trunk.relu();
}

#[cfg(test)]
mod tests {
    use crate::arch::Architecture;

    fn resnet(name: &str) -> Architecture {
        Architecture::parse(name, [3, 32, 32], 10).unwrap()
    }

    #[test]
    fn resnet_20_has_open_lths_weights_and_names() {
        let network = resnet("cifar_resnet_20");
        assert_eq!(network.weight_count(), 270_896);
        let head = network.weights().last().unwrap().clone();
        assert_eq!((head.name.as_str(), network.weight_count() - head.len() as u64), ("fc.weight", 270_256));
        let downsample: usize =
            network.weights().iter().filter(|w| w.name.contains("shortcut")).map(|w| w.len()).sum();
        assert_eq!(downsample, 2_560);
        let names: Vec<_> = network.tensors().into_iter().map(|tensor| tensor.name).collect();
        for name in [
            "conv.weight",
            "bn.running_var",
            "blocks.0.conv1.weight",
            "blocks.8.bn2.bias",
            "blocks.3.shortcut.0.weight",
            "blocks.6.shortcut.1.running_mean",
            "fc.bias",
        ] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        assert!(!names.iter().any(|name| name == "conv.bias" || name.starts_with("blocks.0.shortcut")));
    }

    #[test]
    fn a_wider_or_deeper_resnet_has_the_weights_of_its_layers() {
        // Twice the width: four times the weights of all convolutions but the first, which sees the same three colours.
        let convolutions = 270_256 - 432;
        assert_eq!(resnet("cifar_resnet_20_32").weight_count(), 4 * convolutions + 2 * 432 + 1_280);
        let block = 2 * 9 * (16 * 16 + 32 * 32 + 64 * 64);
        assert_eq!(resnet("cifar_resnet_32").weight_count(), 270_896 + 2 * block);
        let refused = Architecture::parse("cifar_resnet_20_16", [3, 32, 32], 10).unwrap_err();
        assert_eq!(refused.what, "`cifar_resnet_20_16` is called `cifar_resnet_20`");
    }

    /// 40.6 million multiply-adds is what is said of ResNet-20 everywhere; 1x1 shortcuts add 0.3.
    #[test]
    fn only_convolutions_and_the_head_are_counted_as_work() {
        let stage = |channels: u64, places: u64| channels * channels * 9 * places;
        let (one, two, three) = (stage(16, 1024), stage(32, 256), stage(64, 64));
        let stages = 6 * one + 5 * two + two / 2 + 5 * three + three / 2;
        let shortcuts = 16 * 32 * 256 + 32 * 64 * 64;
        assert_eq!(resnet("cifar_resnet_20").multiply_adds(), 27 * 16 * 1024 + stages + shortcuts + 640);
    }

    #[test]
    fn a_depth_that_is_no_resnets_names_the_nearest() {
        for (name, nearest) in [
            ("cifar_resnet_18", "nearest: 14, 20"),
            ("cifar_resnet_2", "nearest: 8"),
            ("cifar_resnet_4000000000", "nearest: 1202"),
            ("cifar_resnet_1208", "nearest: 1202"),
        ] {
            let refused = Architecture::parse(name, [3, 32, 32], 10).unwrap_err();
            assert!(refused.hint.ends_with(nearest), "{refused}");
        }
        for name in [
            "cifar_resnet_",
            "cifar_resnet_020",
            "cifar_resnet_20_",
            "cifar_resnet_20_0",
            "cifar_resnet_20_9999",
        ] {
            assert!(
                Architecture::parse(name, [3, 32, 32], 10).unwrap_err().hint.contains("cifar_resnet_D"),
                "{name}"
            );
        }
    }
}
