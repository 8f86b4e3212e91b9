//! Units that can be taken out of a network whole: output channels of convolutions and neurons of hidden linear layers, each
//! with what it has of its own (filter, bias, normalization) and the place that reads it.
//!
//! Channels of a residual stream are tied: every block adds to them and every block reads them. They are no units; inside a
//! block all channels but those of its last convolution are (Li et al., arXiv 1608.08710, section 3.3). Nor are the outputs.

use super::{Architecture, Layer};
use crate::SpecError;

/// The units of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    /// The layer whose outputs they are; its filters are the rows of `<layer>.weight`.
    pub layer: String,
    /// How many there are.
    pub count: u32,
    /// Whether each has an entry of `<layer>.bias`.
    pub bias: bool,
    /// The batch normalization that scales and shifts each.
    pub norm: Option<String>,
    /// The one layer that reads them.
    pub reader: String,
    /// Columns of `<reader>.weight` for each: 1, but after a flattened image one for each of its places.
    pub places: u32,
}

impl Architecture {
    /// The units of all layers that have some, in forward order.
    pub fn units(&self) -> Vec<Units> {
        let mut found = Vec::new();
        walk(&self.layers, &mut found);
        found
    }

    /// This network with so many units in each of [`Architecture::units`], as a name and layers: `conv_2@30-64-200-9`. Such
    /// a name can be parsed like any other.
    ///
    /// # Errors
    /// When there are not as many widths, one is not between 1 and what there is, or nothing becomes narrower.
    pub fn narrowed(&self, widths: &[u32]) -> Result<Self, SpecError> {
        let units = self.units();
        let fits = units.len() == widths.len()
            && units.iter().zip(widths).all(|(units, width)| (1..=units.count).contains(width));
        let words: Vec<String> = widths.iter().map(u32::to_string).collect();
        if !fits {
            let all: Vec<String> = units.iter().map(|units| units.count.to_string()).collect();
            let what = format!("`{}` cannot have the widths {}", self.name, words.join("-"));
            let hint = match units.is_empty() {
                true => "it has nothing that can be narrowed".to_owned(),
                false => format!("one from 1 up to each of {}", all.join("-")),
            };
            return Err(SpecError::new(what, hint));
        }
        if units.iter().zip(widths).all(|(units, width)| units.count == *width) {
            let what = format!("`{}` has these widths anyway", self.name);
            return Err(SpecError::new(what, format!("write `{}`", self.name)));
        }
        let mut slim = Self { name: format!("{}@{}", self.name, words.join("-")), ..self.clone() };
        let widths: Vec<_> = units.iter().zip(widths.iter().copied()).collect();
        narrow(&mut slim.layers, &widths);
        Ok(slim)
    }
}

/// Reads `30-64-200-9`, written in one way only.
pub(super) fn widths(text: &str) -> Result<Vec<u32>, SpecError> {
    let width = |text: &str| {
        let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    text.split('-').map(width).collect::<Option<_>>().ok_or_else(|| {
        SpecError::new(format!("`{text}` is not a list of widths"), "write one for each layer: `30-64-200-9`")
    })
}

/// Adds the units of these layers that are read inside of them.
fn walk(layers: &[Layer], found: &mut Vec<Units>) {
    let mut open: Option<Units> = None;
    for layer in layers {
        let (name, inputs, outputs, bias) = match layer {
            Layer::Linear { name, inputs, outputs } => (name, *inputs, *outputs, true),
            Layer::Conv { name, inputs, outputs, bias, .. } => (name, *inputs, *outputs, *bias),
            Layer::BatchNorm { name, .. } => {
                open.iter_mut().for_each(|units| units.norm = Some(name.clone()));
                continue;
            }
            Layer::Residual { body, shortcut } => {
                open = None;
                walk(body, found);
                walk(shortcut, found);
                continue;
            }
            Layer::Flatten
            | Layer::MaxPool { .. }
            | Layer::AvgPool { .. }
            | Layer::GlobalAvgPool
            | Layer::Dropout { .. }
            | Layer::Relu => continue,
        };
        if let Some(units) = open.take() {
            found.push(Units { reader: name.clone(), places: inputs / units.count, ..units });
        }
        let (layer, reader) = (name.clone(), String::new());
        open = Some(Units { layer, count: outputs, bias, norm: None, reader, places: 1 });
    }
}

fn narrow(layers: &mut [Layer], widths: &[(&Units, u32)]) {
    let made = |name: &str| widths.iter().find(|(units, _)| units.layer == name).map(|&(_, width)| width);
    let read = |name: &str| {
        let reads = widths.iter().find(|(units, _)| units.reader == name);
        reads.map(|(units, width)| width * units.places)
    };
    for layer in layers {
        match layer {
            Layer::Linear { name, inputs, outputs } | Layer::Conv { name, inputs, outputs, .. } => {
                *outputs = made(name).unwrap_or(*outputs);
                *inputs = read(name).unwrap_or(*inputs);
            }
            Layer::BatchNorm { name, channels } => {
                let normalized = widths.iter().find(|(units, _)| units.norm.as_ref() == Some(name));
                *channels = normalized.map_or(*channels, |&(_, width)| width);
            }
            Layer::Residual { body, shortcut } => {
                narrow(body, widths);
                narrow(shortcut, widths);
            }
            Layer::Flatten
            | Layer::MaxPool { .. }
            | Layer::AvgPool { .. }
            | Layer::GlobalAvgPool
            | Layer::Dropout { .. }
            | Layer::Relu => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str) -> Architecture {
        Architecture::parse(name, [3, 32, 32], 10).unwrap()
    }

    fn told(name: &str) -> Vec<String> {
        let told = |u: Units| {
            let norm = u.norm.map_or_else(String::new, |norm| format!(" {norm}"));
            format!("{} {}{norm} > {} x{}", u.layer, u.count, u.reader, u.places)
        };
        network(name).units().into_iter().map(told).collect()
    }

    #[test]
    fn a_plain_network_can_lose_all_but_its_outputs() {
        assert_eq!(
            told("conv_2"),
            [
                "conv_layers.0 64 > conv_layers.1 x1",
                "conv_layers.1 64 > fc_layers.0 x256",
                "fc_layers.0 256 > fc_layers.1 x1",
                "fc_layers.1 256 > fc x1",
            ]
        );
        let vgg = told("cifar_vgg_16");
        assert_eq!(vgg.len(), 13);
        assert_eq!(vgg[12], "layers.16.conv 512 layers.16.bn > fc x1");
    }

    #[test]
    fn a_residual_network_can_lose_what_is_inside_its_blocks() {
        let resnet = told("cifar_resnet_20");
        assert_eq!(resnet.len(), 9, "{resnet:?}");
        assert_eq!(resnet[3], "blocks.3.conv1 32 blocks.3.bn1 > blocks.3.conv2 x1");
        let preresnet = told("preresnet_11");
        assert_eq!(
            preresnet[..2],
            [
                "layer1.0.conv1 16 layer1.0.bn2 > layer1.0.conv2 x1",
                "layer1.0.conv2 16 layer1.0.bn3 > layer1.0.conv3 x1",
            ]
        );
        assert_eq!(told("imagenet_resnet_50").len(), 32);
    }

    #[test]
    fn a_narrower_network_has_the_shapes_of_its_name() {
        let slim = network("conv_2").narrowed(&[30, 64, 200, 9]).unwrap();
        assert_eq!(slim.name, "conv_2@30-64-200-9");
        assert_eq!(slim, network("conv_2@30-64-200-9"));
        let weights = 3 * 30 * 9 + 30 * 64 * 9 + 64 * 256 * 200 + 200 * 9 + 9 * 10;
        assert_eq!(slim.weight_count(), weights);
        let slim = network("cifar_resnet_20@16-16-1-32-32-32-64-64-64");
        assert_eq!(slim.weight_count(), 270_896 - 15 * 2 * 16 * 9);
        assert_eq!(slim.element_count(), network("cifar_resnet_20").element_count() - 15 * (288 + 4));
    }

    #[test]
    fn widths_that_a_network_cannot_have_are_refused() {
        for (name, hint) in [
            ("conv_2@30-64", "one from 1 up to each of 64-64-256-256"),
            ("conv_2@65-64-256-256", "one from 1 up to each of 64-64-256-256"),
            ("conv_2@0-64-256-256", "write one for each layer"),
            ("conv_2@64-64-256-256", "write `conv_2`"),
            ("conv_2@", "write one for each layer"),
        ] {
            let refused = Architecture::parse(name, [3, 32, 32], 10).unwrap_err();
            assert!(refused.hint.contains(hint), "{name}: {refused}");
        }
    }
}
