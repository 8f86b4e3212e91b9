//! VGGs of CIFAR-10 with batch normalization, open_lth's `cifar_vgg_*`: convolutions with biases, called
//! `layers.<place>.conv` and `layers.<place>.bn`, poolings taking places too.
//!
//! `cifar_vgg_D` halves the image five times and needs one pixel to be left, as open_lth's does; `cifar_vgg_D_gap` takes
//! the mean over whatever is left after four halvings. On 32 x 32 pixels the two are the same function.

use super::{
    Layer,
    trunk::{Filter, Trunk},
};
use crate::SpecError;

/// How names of this family are written.
pub(super) const GRAMMAR: &str = "cifar_vgg_D or cifar_vgg_D_gap, D = 11, 13, 16, 19";

/// Depth, and convolutions between two poolings.
const DEPTHS: [(&str, [usize; 5]); 4] =
    [("11", [1, 1, 2, 2, 2]), ("13", [2, 2, 2, 2, 2]), ("16", [2, 2, 3, 3, 3]), ("19", [2, 2, 4, 4, 4])];
/// Channels of those convolutions.
const CHANNELS: [u32; 5] = [64, 128, 256, 512, 512];

/// The layers of `cifar_vgg_<depth>[_gap]`.
pub(super) fn layers(name: &str, input: [u32; 3], classes: u32) -> Option<Result<Vec<Layer>, SpecError>> {
    let rest = name.strip_prefix("cifar_vgg_")?;
    let (depth, global) = rest.strip_suffix("_gap").map_or((rest, false), |depth| (depth, true));
    let Some((_, counts)) = DEPTHS.iter().find(|(known, _)| *known == depth) else {
        let what = format!("`{name}` is no VGG");
        return Some(Err(SpecError::new(what, format!("known: {GRAMMAR}"))));
    };
    Some(network(name, counts, global, input, classes))
}

fn network(
    name: &str,
    counts: &[usize; 5],
    global: bool,
    input: [u32; 3],
    classes: u32,
) -> Result<Vec<Layer>, SpecError> {
    let mut trunk = Trunk::new(input);
    for (group, (&count, &channels)) in counts.iter().zip(&CHANNELS).enumerate() {
        if group > 0 {
            trunk.max_pool(2, 2, 0);
        }
        for _ in 0..count {
            let place = place(&trunk);
            let filter = Filter { bias: true, ..Filter::new(channels, 3, 1) };
            trunk.conv_bn_relu(&format!("layers.{place}.conv"), &format!("layers.{place}.bn"), filter);
        }
    }
    if global {
        let wrong = trunk.size.contains(&0);
        let hint = "it halves them 4 times: 16 x 16 are the least";
        return refuse(wrong, name, input, hint).map(|()| trunk.classify(classes));
    }
    let hint = "32 to 63 pixels a side are possible; other sizes with `_gap` at the end of the name";
    refuse(trunk.size.map(|side| side / 2) != [1, 1], name, input, hint)?;
    trunk.layers.push(Layer::AvgPool { size: 2 });
    trunk.layers.push(Layer::Flatten);
    trunk.layers.push(Layer::Linear { name: "fc".to_owned(), inputs: 512, outputs: classes });
    Ok(trunk.layers)
}

/// Number of convolutions and poolings so far.
fn place(trunk: &Trunk) -> usize {
    let counted = |layer: &&Layer| matches!(layer, Layer::Conv { .. } | Layer::MaxPool { .. });
    trunk.layers.iter().filter(counted).count()
}

fn refuse(wrong: bool, name: &str, [_, height, width]: [u32; 3], hint: &str) -> Result<(), SpecError> {
    match wrong {
        true => Err(SpecError::new(format!("images of {height} x {width} pixels do not fit `{name}`"), hint)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::arch::{Architecture, Role};

    fn vgg(name: &str, classes: u32) -> Architecture {
        Architecture::parse(name, [3, 32, 32], classes).unwrap()
    }

    #[test]
    fn vggs_have_the_published_weights() {
        let vgg_19 = vgg("cifar_vgg_19", 10);
        assert_eq!(vgg_19.weight_count(), 20_018_880 + 5_120);
        // SynFlow's: 13 convolutions and the head, whichever pooling.
        for name in ["cifar_vgg_16", "cifar_vgg_16_gap"] {
            let vgg_16 = vgg(name, 100);
            assert_eq!((vgg_16.weight_count(), vgg_16.weights().len()), (14_761_664, 14));
        }
        assert_eq!(vgg("cifar_vgg_13", 10).weights().len(), 11);
        assert_eq!(vgg("cifar_vgg_11", 10).weights().len(), 9);
    }

    #[test]
    fn poolings_take_places_in_the_names_as_open_lths_do() {
        let tensors = vgg("cifar_vgg_11", 10).tensors();
        let convolutions = tensors.iter().filter(|tensor| tensor.shape.len() == 4);
        let names: Vec<_> = convolutions.map(|tensor| tensor.name.as_str()).collect();
        let places = [0, 2, 4, 5, 7, 8, 10, 11].map(|place| format!("layers.{place}.conv.weight"));
        assert_eq!(names, places);
        let biases: Vec<_> = tensors.iter().filter(|tensor| tensor.role == Role::Bias).collect();
        assert_eq!((biases.len(), biases[0].name.as_str()), (9, "layers.0.conv.bias"));
    }

    #[test]
    fn images_that_do_not_end_in_one_pixel_are_sent_to_the_other_form() {
        for side in [31, 64] {
            let refused = Architecture::parse("cifar_vgg_16", [3, side, side], 10).unwrap_err();
            assert!(refused.hint.contains("_gap"), "{refused}");
        }
        assert!(Architecture::parse("cifar_vgg_16", [3, 63, 32], 10).is_ok());
        assert!(Architecture::parse("cifar_vgg_16_gap", [3, 64, 16], 10).is_ok());
        let refused = Architecture::parse("cifar_vgg_16_gap", [3, 64, 15], 10).unwrap_err();
        assert!(refused.hint.contains("16 x 16"), "{refused}");
        assert!(
            Architecture::parse("cifar_vgg_12", [3, 32, 32], 10).unwrap_err().hint.contains("11, 13, 16, 19")
        );
    }
}
