//! Architectures as declarative layer lists: names, shapes, exact weight counts and FLOPs, known without libtorch.
//!
//! One file per family; a family is one line in [`FAMILIES`]. A family turns a name of open_lth's grammar into layers
//! and knows nothing of training; the engine interprets the layers and knows nothing of families.

mod conv;
mod lenet;

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

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// `[B, C, H, W]` to `[B, C*H*W]`.
    Flatten,
    /// `y = x W^T + b`, weight `[outputs, inputs]` as in PyTorch.
    Linear {
        /// PyTorch's module path, such as `fc_layers.0`; parameters are `<name>.weight` and `<name>.bias`.
        name: String,
        /// Columns of the weight.
        inputs: u32,
        /// Rows of the weight.
        outputs: u32,
    },
    /// Convolution with zeros around the image: `[B, inputs, H, W]` to `[B, outputs, H', W']`, weight
    /// `[outputs, inputs, kernel, kernel]` and bias as in PyTorch.
    Conv {
        /// PyTorch's module path, as of [`Layer::Linear`].
        name: String,
        /// Channels that go in.
        inputs: u32,
        /// Channels that come out.
        outputs: u32,
        /// Height and width of the filter.
        kernel: u32,
        /// Steps between two places of the filter.
        stride: u32,
        /// Zeros on each side.
        padding: u32,
        /// Height and width of what comes out.
        size: [u32; 2],
    },
    /// The largest of each `size` x `size` square, squares side by side; what is left over at the end is dropped.
    MaxPool {
        /// Height and width of a square.
        size: u32,
    },
    /// Rectifier, elementwise.
    Relu,
}

impl Layer {
    /// Its trainable tensors, weight before bias.
    fn parameters(&self) -> Vec<Parameter> {
        match self {
            Self::Flatten | Self::MaxPool { .. } | Self::Relu => Vec::new(),
            Self::Linear { name, inputs, outputs } => pair(name, vec![*outputs, *inputs]),
            Self::Conv { name, inputs, outputs, kernel, .. } => {
                pair(name, vec![*outputs, *inputs, *kernel, *kernel])
            }
        }
    }

    /// Multiply-adds of its weight for one example; what a layer does beside (biases, rectifiers) is not counted.
    fn multiply_adds(&self) -> u64 {
        let product = |factors: &[u32]| factors.iter().map(|&n| u64::from(n)).product();
        match self {
            Self::Flatten | Self::MaxPool { .. } | Self::Relu => 0,
            Self::Linear { inputs, outputs, .. } => product(&[*inputs, *outputs]),
            Self::Conv { inputs, outputs, kernel, size: [height, width], .. } => {
                product(&[*inputs, *outputs, *kernel, *kernel, *height, *width])
            }
        }
    }
}

/// Weight `[outputs, inputs, …]` and bias of a layer. What a filter sees or feeds counts at each of its places.
fn pair(name: &str, shape: Vec<u32>) -> Vec<Parameter> {
    let places: u32 = shape[2..].iter().product();
    let (outputs, fan_in, fan_out) = (shape[0], shape[1] * places, shape[0] * places);
    let tensor =
        |kind, shape, role| Parameter { name: format!("{name}.{kind}"), shape, role, fan_in, fan_out };
    vec![tensor("weight", shape, Role::Weight), tensor("bias", vec![outputs], Role::Bias)]
}

/// One trainable tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// PyTorch's name, such as `fc.weight`.
    pub name: String,
    /// PyTorch's shape, such as `[out, in]`.
    pub shape: Vec<u32>,
    /// What it is.
    pub role: Role,
    /// Inputs of one unit, for initialization.
    pub fan_in: u32,
    /// Outputs fed by one input, for initialization.
    pub fan_out: u32,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&n| n as usize).product()
    }

    /// Whether there are no elements (never, for a parsed architecture).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a parameter is to pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A convolution or linear weight: counted in density, may be pruned.
    Weight,
    /// A bias: never pruned, never counted.
    Bias,
}

/// Most values of one input; whatever fits in memory by the batch is far below.
const MOST_INPUTS: u64 = 1 << 24;

type Family = fn(&str, [u32; 3], u32) -> Option<Result<Vec<Layer>, SpecError>>;

/// The registry. Each entry: the grammar for people, and the parser (`None` = not my family).
const FAMILIES: &[(&str, Family)] = &[(lenet::GRAMMAR, lenet::layers), (conv::GRAMMAR, conv::layers)];

impl Architecture {
    /// The architecture a name stands for, on inputs `[C, H, W]` with `outputs` classes.
    ///
    /// # Errors
    /// When no family knows the name, then the hint lists the grammars; when the inputs are too large.
    pub fn parse(name: &str, input: [u32; 3], outputs: u32) -> Result<Self, SpecError> {
        let values: u64 = input.iter().fold(1, |product, &size| product.saturating_mul(size.into()));
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

    /// Trainable tensors in forward order, weight before bias. This order is the order of the flat buffer.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.layers.iter().flat_map(Layer::parameters).collect()
    }

    /// Convolution and linear weights, in the order of [`Architecture::parameters`].
    pub fn weights(&self) -> Vec<Parameter> {
        self.parameters().into_iter().filter(|p| p.role == Role::Weight).collect()
    }

    /// Number of convolution and linear weights: the denominator of `density`.
    pub fn weight_count(&self) -> u64 {
        self.weights().iter().map(|p| p.len() as u64).sum()
    }

    /// Number of all trainable elements, biases included.
    pub fn parameter_count(&self) -> u64 {
        self.parameters().iter().map(|p| p.len() as u64).sum()
    }

    /// Multiply-adds of one forward pass of one example, dense, convolution and linear layers only (ShrinkBench's
    /// definition).
    pub fn multiply_adds(&self) -> u64 {
        self.layers.iter().map(Layer::multiply_adds).sum()
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
    fn images_beyond_all_memory_are_refused() {
        let error = Architecture::parse("mnist_lenet_300", [65_536, 65_536, u32::MAX], 10).unwrap_err();
        assert!(error.what.contains("65536") && error.hint.contains("16777216"), "{error}");
        assert!(Architecture::parse("mnist_lenet_300", [1, 4096, 4096], 10).is_ok());
    }
}
