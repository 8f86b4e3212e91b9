//! Architectures as declarative layer lists: names, shapes, exact weight counts and FLOPs, known without libtorch.
//!
//! `layer` has the kinds of layers. One file per family; a family is one line in [`FAMILIES`]. A family turns a name of open_lth's grammar into layers
//! and knows nothing of training; the engine interprets the layers and knows nothing of families.

mod cifar_resnet;
mod cifar_vgg;
mod conv;
mod imagenet_resnet;
mod layer;
mod lenet;
mod preresnet;
mod trunk;
mod units;

pub use layer::{Layer, Parameter, Role};
pub use units::Units;

use crate::SpecError;

/// A network: an input shape and the layers applied in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// The name it was made from.
    pub name: String,
    /// Channels, height, width of one input.
    pub input: [u32; 3],
    /// Number of outputs (classes).
    pub outputs: u32,
    /// Layers in forward order.
    pub layers: Vec<Layer>,
}

/// Most values of one input; whatever fits in memory by the batch is far below.
const MOST_INPUTS: u64 = 1 << 24;

type Family = fn(&str, [u32; 3], u32) -> Option<Result<Vec<Layer>, SpecError>>;

/// The registry. Each entry: the grammar for people, and the parser (`None` = not my family).
const FAMILIES: &[(&str, Family)] = &[
    (lenet::GRAMMAR, lenet::layers),
    (conv::GRAMMAR, conv::layers),
    (cifar_resnet::GRAMMAR, cifar_resnet::layers),
    (cifar_vgg::GRAMMAR, cifar_vgg::layers),
    (imagenet_resnet::GRAMMAR, imagenet_resnet::layers),
    (preresnet::GRAMMAR, preresnet::layers),
];

impl Architecture {
    /// The architecture a name stands for, on inputs `[C, H, W]` with `outputs` classes. `<name>@<widths>` is one with fewer
    /// units, as [`Architecture::narrowed`] names them.
    ///
    /// # Errors
    /// When no family knows the name, then the hint lists the grammars; when the inputs are too large, too small, or none.
    pub fn parse(name: &str, input: [u32; 3], outputs: u32) -> Result<Self, SpecError> {
        if let Some((whole, widths)) = name.split_once('@') {
            return Self::parse(whole, input, outputs)?.narrowed(&units::widths(widths)?);
        }
        let values: u64 = input.iter().fold(1, |product, &size| product.saturating_mul(size.into()));
        if values == 0 {
            let what = format!("images of {input:?} (channels, height, width) have no values");
            return Err(SpecError::new(what, "each of the three is at least 1"));
        }
        if values > MOST_INPUTS {
            return Err(SpecError::new(
                format!("images of {input:?} (channels, height, width) have {values} values"),
                format!("at most {MOST_INPUTS} are possible"),
            ));
        }
        let layers =
            FAMILIES.iter().find_map(|(_, family)| family(name, input, outputs)).unwrap_or_else(|| {
                let grammars: Vec<_> = FAMILIES.iter().map(|(grammar, _)| *grammar).collect();
                Err(SpecError::new(
                    format!("no architecture is called `{name}`"),
                    format!("known: {}", grammars.join("; ")),
                ))
            })?;
        Ok(Self { name: name.to_owned(), input, outputs, layers })
    }

    /// The same with dropout after each hidden linear layer's rectifier.
    #[must_use]
    pub fn with_dropout(mut self) -> Self {
        let mut layers: Vec<Layer> = Vec::new();
        for layer in self.layers {
            let dropout = match (layers.last(), &layer) {
                (Some(Layer::Linear { name, outputs, .. }), Layer::Relu) => {
                    Some(Layer::Dropout { name: name.clone(), width: *outputs })
                }
                _ => None,
            };
            layers.extend([Some(layer), dropout].into_iter().flatten());
        }
        self.layers = layers;
        self
    }

    /// Name and width of each of its dropout layers.
    pub fn dropouts(&self) -> Vec<(&str, u32)> {
        let mut dropouts = Vec::new();
        for layer in &self.layers {
            if let Layer::Dropout { name, width } = layer {
                dropouts.push((name.as_str(), *width));
            }
        }
        dropouts
    }

    /// All tensors: the trained ones in forward order, weight before bias, then the running statistics in forward order.
    /// This order is the order of the flat buffer.
    pub fn tensors(&self) -> Vec<Parameter> {
        let tensors = self.layers.iter().flat_map(Layer::tensors);
        let (mut trained, statistics): (Vec<_>, Vec<_>) =
            tensors.partition(|tensor| tensor.role.is_trained());
        trained.extend(statistics);
        trained
    }

    /// Trained tensors: the first of [`Architecture::tensors`].
    pub fn parameters(&self) -> Vec<Parameter> {
        self.tensors().into_iter().filter(|tensor| tensor.role.is_trained()).collect()
    }

    /// Convolution and linear weights, in the order of [`Architecture::parameters`].
    pub fn weights(&self) -> Vec<Parameter> {
        self.parameters().into_iter().filter(|p| p.role == Role::Weight).collect()
    }

    /// Names of the tensors of the output layer.
    pub fn head(&self) -> Vec<String> {
        let weights = self.weights();
        let layer = weights.last().map_or("", |weight| weight.name.trim_end_matches("weight"));
        self.parameters().into_iter().map(|p| p.name).filter(|name| name.starts_with(layer)).collect()
    }

    /// Number of convolution and linear weights: the denominator of `density`.
    pub fn weight_count(&self) -> u64 {
        self.weights().iter().map(|p| p.len() as u64).sum()
    }

    /// Number of all trained elements, biases included.
    pub fn parameter_count(&self) -> u64 {
        self.parameters().iter().map(|p| p.len() as u64).sum()
    }

    /// Number of elements of all tensors, running statistics included.
    pub fn element_count(&self) -> u64 {
        self.tensors().iter().map(|tensor| tensor.len() as u64).sum()
    }

    /// Whether it normalizes batches, and so keeps running statistics.
    pub fn normalizes(&self) -> bool {
        self.tensors().iter().any(|tensor| !tensor.role.is_trained())
    }

    /// Multiply-adds of one forward pass of one example, dense, convolution and linear layers only (ShrinkBench's
    /// definition).
    pub fn multiply_adds(&self) -> u64 {
        layer::multiply_adds(&self.layers)
    }

    /// The share of each weight tensor in [`Architecture::multiply_adds`], by name.
    pub fn multiply_adds_by_weight(&self) -> Vec<(String, u64)> {
        layer::by_weight(&self.layers)
    }

    /// Floating-point operations of one training iteration of `batch` examples: forward, and backward at twice the
    /// forward cost, two operations per multiply-add.
    pub fn training_flops(&self, batch: u32) -> u64 {
        self.multiply_adds().saturating_mul(6).saturating_mul(batch.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_grammars() {
        let error = Architecture::parse("alexnet", [3, 32, 32], 10).unwrap_err();
        assert_eq!(error.what, "no architecture is called `alexnet`");
        assert!(error.hint.contains("mnist_lenet_"), "{}", error.hint);
    }

    #[test]
    fn dropout_follows_hidden_linear_layers_and_no_other() {
        let dropouts = |name: &str| -> Vec<(String, u32)> {
            let network = Architecture::parse(name, [3, 32, 32], 10).unwrap();
            let (tensors, dropping) = (network.tensors(), network.with_dropout());
            assert_eq!(dropping.tensors(), tensors);
            dropping.dropouts().into_iter().map(|(name, width)| (name.to_owned(), width)).collect()
        };
        let hidden = |index: u32, width| (format!("fc_layers.{index}"), width);
        assert_eq!(dropouts("mnist_lenet_300_100"), [hidden(0, 300), hidden(1, 100)]);
        assert_eq!(dropouts("conv_2"), [hidden(0, 256), hidden(1, 256)]);
        assert!(dropouts("cifar_resnet_20").is_empty() && dropouts("cifar_vgg_16").is_empty());
    }

    #[test]
    fn images_beyond_all_memory_are_refused() {
        let error = Architecture::parse("mnist_lenet_300", [65_536, 65_536, u32::MAX], 10).unwrap_err();
        assert!(error.what.contains("65536") && error.hint.contains("16777216"), "{error}");
        assert!(Architecture::parse("mnist_lenet_300", [1, 4096, 4096], 10).is_ok());
    }
}
